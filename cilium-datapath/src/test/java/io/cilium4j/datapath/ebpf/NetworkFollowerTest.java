// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NodeNetwork;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class NetworkFollowerTest {

  private static final int UP = 1;

  private final List<NodeNetwork> passedOn = new ArrayList<>();
  private final Set<String> pods = new HashSet<>();
  private int mended;

  private final NetworkFollower follower =
      new NetworkFollower(
          new NetworkFollower.Concerned(
              passedOn::add, _ -> {}, link -> pods.contains(link.name()), () -> mended++),
          Runnable::run);

  @Test
  void networkChanged_podsThatComeAndGo_mendNothing() {
    begin(link(2, "eth0", UP));
    pods.add("lxc5");
    follower.networkChanged(of(link(2, "eth0", UP), link(7, "lxc5", 0)));
    follower.networkChanged(of(link(2, "eth0", UP), link(7, "lxc5", UP)));
    pods.remove("lxc5");
    follower.networkChanged(of(link(2, "eth0", UP)));
    assertEquals(0, mended);
    assertEquals(4, passedOn.size());
  }

  @Test
  void networkChanged_podsDeviceThatIsSetDown_mends() {
    pods.add("lxc5");
    begin(link(2, "eth0", UP), link(7, "lxc5", UP));
    follower.networkChanged(of(link(2, "eth0", UP), link(7, "lxc5", 0)));
    assertEquals(1, mended);
    follower.networkChanged(of(link(2, "eth0", UP), link(7, "lxc5", UP)));
    assertEquals(1, mended);
  }

  @Test
  void networkChanged_anotherDeviceThatChanges_mends() {
    begin(link(2, "eth0", UP), link(3, "cilium_host", UP));
    follower.networkChanged(of(link(2, "eth0", UP), link(3, "cilium_host", 0)));
    assertEquals(1, mended);
    follower.networkChanged(of(link(2, "eth0", UP)));
    assertEquals(2, mended);
  }

  @Test
  void networkChanged_afterTheEndOfMending_mendsNothing() {
    begin(link(2, "eth0", UP));
    follower.stopMending();
    follower.networkChanged(of());
    assertEquals(0, mended);
    assertEquals(2, passedOn.size());
  }

  private void begin(Link... links) {
    follower.networkChanged(of(links));
    follower.startMending();
  }

  private static NodeNetwork of(Link... links) {
    Map<Integer, Link> byIndex = new HashMap<>();
    Arrays.stream(links).forEach(link -> byIndex.put(link.index(), link));
    return new NodeNetwork(byIndex, List.of(), Set.of(), Set.of());
  }

  private static Link link(int index, String name, int flags) {
    return new Link(index, name, "veth", MacAddress.parse("02:00:00:00:00:01"), 1500, flags, 0, "");
  }
}
