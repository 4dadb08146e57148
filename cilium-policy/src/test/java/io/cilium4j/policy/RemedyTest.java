// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.TrafficDirection;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** What is shown as a remedy helps, and opens nothing else. */
class RemedyTest {
  private static final int TCP = 6;

  /** Generic Routing Encapsulation: rules cannot name it. */
  private static final int GRE = 47;

  private static Identity pod(int id, String namespace, String... labels) {
    List<Label> all =
        new ArrayList<>(
            List.of(
                Label.k8s("io.kubernetes.pod.namespace", namespace),
                Label.k8s("io.cilium.k8s.policy.cluster", "default")));
    for (String label : labels) {
      all.add(Label.parse("k8s:" + label));
    }
    return new Identity(id, Labels.of(all));
  }

  private static Optional<CiliumPolicy> remedy(
      String spec, Identity subject, Identity peer, int protocol, Identity... others) {
    var repository = new PolicyRepository(PolicyConfig.DEFAULT);
    repository.add(
        PolicyParser.parse(
            "apiVersion: cilium.io/v2\n"
                + "kind: CiliumNetworkPolicy\n"
                + "metadata: {name: p, namespace: a}\n"
                + "spec: {endpointSelector: {}, "
                + spec
                + "}\n",
            "test"));
    IdentitiesSnapshot identities = IdentitiesSnapshot.reserved().with(subject).with(peer);
    for (Identity each : others) {
      identities = identities.with(each);
    }
    return new PolicyCompiler(PolicyConfig.DEFAULT)
        .compile(PolicySubject.of(subject), repository.snapshot(), identities)
        .explain(TrafficDirection.INGRESS, peer.id(), protocol, 80)
        .remedy();
  }

  private static final String DENY_ALL = "ingress: [{fromEndpoints: [{matchLabels: {x: y}}]}]";

  @Test
  void remedy_ofTwoFlows_haveNamesOfTheirOwn() {
    Identity web = pod(1000, "a", "app=web");
    String one =
        remedy(DENY_ALL, web, pod(1001, "a", "app=b"), TCP).orElseThrow().resource().name();
    String two =
        remedy(DENY_ALL, web, pod(1001, "a", "app=c"), TCP).orElseThrow().resource().name();
    assertNotEquals(one, two);
    assertTrue(one.matches("allow-[0-9a-f]{1,8}"), one);
  }

  @Test
  void remedy_forWantOfLabels_selectsNoWholeNamespace() {
    Identity web = pod(1000, "a", "app=web");
    assertEquals(Optional.empty(), remedy(DENY_ALL, web, pod(1001, "b"), TCP));
    assertEquals(Optional.empty(), remedy(DENY_ALL, pod(1000, "a"), pod(1001, "a", "app=b"), TCP));
  }

  @Test
  void remedy_forWhomANameStands_isNoneOfThoseWhoCall() {
    var named = new Identity(16_777_300, Labels.of(List.of(Label.parse("fqdn:a.example.com"))));
    assertEquals(Optional.empty(), remedy(DENY_ALL, pod(1000, "a", "app=web"), named, TCP));
  }

  @Test
  void remedy_thatWouldOpenMore_isNotShown() {
    Identity web = pod(1000, "a", "app=web");
    Identity client = pod(1001, "a", "app=b");
    assertTrue(remedy(DENY_ALL, web, client, TCP).isPresent());
    assertEquals(Optional.empty(), remedy(DENY_ALL, web, client, GRE));
    Identity other = pod(1002, "a", "app=b", "tier=back");
    assertEquals(Optional.empty(), remedy(DENY_ALL, web, client, TCP, other));
  }
}
