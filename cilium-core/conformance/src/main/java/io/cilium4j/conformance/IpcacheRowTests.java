// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a datapath does with rows of kind {@link RowKind#IPCACHE}. */
public interface IpcacheRowTests {

  /** The identity of a remote pod. */
  int REMOTE = 1_003;

  /** The identity of the prefix around it. */
  int AROUND = 1_004;

  /** Both endpoints, connected, without a row. */
  TwoEndpoints pods();

  private static IpAddress remote(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "192.0.2.77" : "2001:db8::77");
  }

  private int identityOf(IpAddress address) throws Exception {
    return pods().reported(address).destinationIdentity();
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void ipcacheRow_ofTheLongestPrefix_tellsTheIdentity(IpFamily family) throws Exception {
    TwoEndpoints pods = pods();
    pods.enforce(PolicyMapState.DENY_ALL, PolicyMapState.DENY_ALL);
    IpAddress remote = remote(family);
    var own = new IpcacheRow(IpPrefix.host(remote), REMOTE);
    var around = new IpcacheRow(new IpPrefix(remote, family.bits() / 2), AROUND);
    assertEquals(ReservedIdentity.WORLD.id(), identityOf(remote), "no row");
    pods.datapath.apply(RowChanges.put(own, around));
    assertEquals(REMOTE, identityOf(remote));
    pods.datapath.apply(RowChanges.put(own, around));
    pods.datapath.apply(RowChanges.remove(own));
    pods.datapath.apply(RowChanges.remove(own));
    assertEquals(AROUND, identityOf(remote));
    pods.datapath.apply(RowChanges.remove(around));
    assertEquals(ReservedIdentity.WORLD.id(), identityOf(remote), "both are gone");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  default void ipcacheRow_notAmongThoseOfAPrune_isRemovedAndEndpointsStay(IpFamily family)
      throws Exception {
    TwoEndpoints pods = pods();
    pods.enforce(PolicyMapState.DENY_ALL, PolicyMapState.DENY_ALL);
    IpAddress remote = remote(family);
    var row = new IpcacheRow(IpPrefix.host(remote), REMOTE);
    pods.datapath.apply(RowChanges.put(row));
    pods.datapath.prune(RowKind.IPCACHE, Set.of(row.key()));
    assertEquals(REMOTE, identityOf(remote), "kept");
    pods.datapath.prune(RowKind.IPCACHE, Set.of());
    assertEquals(ReservedIdentity.WORLD.id(), identityOf(remote), "pruned");
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.datapath.prune(RowKind.IPCACHE, Set.of());
    pods.assertVerdict(family, true, "rows of another kind stay");
  }
}
