// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a datapath does with rows of kind {@link RowKind#ENDPOINT}. */
public interface EndpointRowTests {

  /** Both endpoints, connected, without a row. */
  TwoEndpoints pods();

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_absent_dropsEverything(IpFamily family) throws Exception {
    pods().assertVerdict(family, false, "absent is deny");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_bothAllow_passes(IpFamily family) throws Exception {
    pods().enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods().assertVerdict(family, true, "both sides allow");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_oneSideDenies_drops(IpFamily family) throws Exception {
    pods().enforce(PolicyMapState.DENY_ALL, PolicyMapState.ALLOW_ALL);
    pods().assertVerdict(family, false, "the sender's egress denies");
    pods().enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
    pods().assertVerdict(family, false, "the receiver's ingress denies");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_ofAnotherIdentity_isAskedAboutThatOne(IpFamily family) throws Exception {
    TwoEndpoints pods = pods();
    PolicyMapState fromAlice =
        PolicyMapState.builder(0)
            .put(
                PolicyKey.port(
                    TrafficDirection.INGRESS, pods.alice.identity(), Protocol.TCP.number(), 80),
                PolicyEntry.allow(7))
            .build();
    pods.enforce(PolicyMapState.ALLOW_ALL, fromAlice);
    pods.assertVerdict(family, true, "the rule names the sender");
    pods.datapath.apply(
        RowChanges.put(pods.alice.row(PolicyMapState.ALLOW_ALL, pods.bob.identity())));
    pods.datapath.apply(TwoEndpoints.put(pods.alice.ipcache(pods.bob.identity())));
    pods.assertVerdict(family, false, "the sender has another identity now");
  }

  /** To pass it on would be to ignore what the rule asks of requests. */
  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_redirectToAListenerThatIsNotThere_drops(IpFamily family)
      throws Exception {
    TwoEndpoints pods = pods();
    PolicyMapState toHttp =
        PolicyMapState.builder(0)
            .put(
                PolicyKey.port(
                    TrafficDirection.INGRESS, pods.alice.identity(), Protocol.TCP.number(), 80),
                new PolicyEntry(
                    Verdict.REDIRECTED,
                    PolicyEntry.precedence(0, 100),
                    "http",
                    PolicyEntry.Auth.NONE,
                    7))
            .build();
    pods.enforce(PolicyMapState.ALLOW_ALL, toHttp);
    pods.assertVerdict(family, false, "there is no listener");
    assertEquals(
        1,
        pods.datapath.traffic().stream()
            .filter(each -> each.drop().equals(Optional.of(DropReason.POLICY_DENIED)))
            .filter(each -> each.direction() == TrafficDirection.INGRESS)
            .filter(each -> each.packets() > 0)
            .count());
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_denialOfAnAuditedEndpoint_passesAndIsReported(IpFamily family)
      throws Exception {
    TwoEndpoints pods = pods();
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
    var reported = new LinkedBlockingQueue<Flow>();
    try (Subscription _ = pods.datapath.subscribe(reported::add)) {
      EndpointRow bob = pods.bob.row(PolicyMapState.DENY_ALL);
      pods.datapath.apply(RowChanges.put(new EndpointRow(bob.endpoint(), bob.policy(), 1, true)));
      pods.assertVerdict(family, true, "the receiver's denials are audited");
      Flow flow = reported.poll(10, TimeUnit.SECONDS);
      assertEquals(Verdict.AUDITED, flow == null ? null : flow.verdict());
      assertEquals(Optional.of(DropReason.POLICY_DENIED), flow.drop());
      assertEquals(2, flow.endpointId());
    }
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
    pods.assertVerdict(family, false, "audited no more");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void endpointRow_appliedTwice_isAsOnce(IpFamily family) throws Exception {
    TwoEndpoints pods = pods();
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.assertVerdict(family, true, "applied twice");
    List<Change<RowKey, Row>> remove = RowChanges.remove(pods.bob.row(PolicyMapState.ALLOW_ALL));
    pods.datapath.apply(remove);
    pods.datapath.apply(remove);
    pods.assertVerdict(family, false, "removed twice");
  }

  @Test
  default void endpointRow_notAmongThoseOfAPrune_isRemoved() throws Exception {
    TwoEndpoints pods = pods();
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.datapath.prune(
        RowKind.ENDPOINT,
        TwoEndpoints.keys(
            RowKind.ENDPOINT, pods.rows(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL)));
    pods.assertVerdict(IpFamily.IPV4, true, "both were kept");
    Set<RowKey> alice = Set.of(pods.alice.row(PolicyMapState.ALLOW_ALL).key());
    pods.datapath.prune(RowKind.ENDPOINT, alice);
    pods.datapath.prune(RowKind.ENDPOINT, alice);
    pods.assertVerdict(IpFamily.IPV4, false, "the receiver was pruned");
  }
}
