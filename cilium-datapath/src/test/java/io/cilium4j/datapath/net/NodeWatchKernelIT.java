// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NodeWatchKernelIT {

  private static final int LO = 1;
  private static final InterfaceAddress DNS = InterfaceAddress.host(v("169.254.20.10"));
  private static final InterfaceAddress LAN = new InterfaceAddress(v("10.1.2.3"), 24);
  private static final InterfaceAddress LAN6 = new InterfaceAddress(v("fd00::5"), 64);

  @TempDir Path folder;
  private Netns netns;
  private Netlink netlink;

  @BeforeEach
  void create() {
    netns = KernelTests.netns(folder);
    netlink = Netlink.open(netns);
    netlink.setUp(LO);
  }

  @AfterEach
  void delete() {
    if (netlink != null) {
      netlink.close();
      netns.close();
      Netns.delete(netns.path());
    }
  }

  private static IpAddress v(String address) {
    return IpAddress.parse(address);
  }

  /** What a watch told, in its order. */
  private static final class Seen implements NodeWatch.Listener {
    final BlockingQueue<NodeNetwork> networks = new LinkedBlockingQueue<>();
    final BlockingQueue<Integer> settings = new LinkedBlockingQueue<>();

    @Override
    public void networkChanged(NodeNetwork network) {
      networks.add(network);
    }

    @Override
    public void reversePathFilterSet(int ifindex) {
      settings.add(ifindex);
    }

    NodeNetwork await(Predicate<NodeNetwork> wanted) throws InterruptedException {
      NodeNetwork last = null;
      while (true) {
        NodeNetwork next = networks.poll(10, TimeUnit.SECONDS);
        if (next == null) {
          throw new AssertionError("not told; last: " + last);
        }
        if (wanted.test(next)) {
          return next;
        }
        last = next;
      }
    }

    void awaitDelivered(String... prefixes) throws InterruptedException {
      Set<IpPrefix> wanted =
          Set.of(prefixes).stream().map(IpPrefix::parse).collect(Collectors.toSet());
      await(network -> network.delivered().equals(wanted));
    }
  }

  private NodeWatch watch(NodeWatch.Listener listener) {
    return netns.call(() -> NodeWatch.open("test-watch", listener));
  }

  private int veth(String name, String peer) {
    var pair =
        new VethPair(name, peer, new MacAddress(2L << 40 | 1), new MacAddress(2L << 40 | 2), 1500);
    int index = netlink.createVeth(pair, netns).index();
    netlink.setUp(netlink.linkByName(peer).orElseThrow().index());
    netlink.setUp(index);
    return index;
  }

  @Test
  void open_tellsWhatIsThere() throws Exception {
    netlink.addAddress(LO, DNS, DuplicateCheck.SKIP);
    var seen = new Seen();
    try (NodeWatch watch = watch(seen)) {
      NodeNetwork first = seen.networks.remove();
      assertEquals(first, watch.network());
      assertEquals(
          "[127.0.0.0/8, 127.0.0.1/32, 169.254.20.10/32, ::1/128]", first.delivered().toString());
    }
  }

  @Test
  void addresses_comeAndGo_areToldAtOnce() throws Exception {
    var seen = new Seen();
    try (NodeWatch watch = watch(seen)) {
      assertEquals(seen.networks.remove(), watch.network());
      netlink.addAddress(LO, DNS, DuplicateCheck.SKIP);
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "169.254.20.10/32", "::1/128");
      netlink.deleteAddress(LO, DNS);
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "::1/128");
      int eth = veth("eth0", "far");
      netlink.addAddress(eth, LAN, DuplicateCheck.SKIP);
      netlink.addAddress(eth, LAN6, DuplicateCheck.SKIP);
      seen.awaitDelivered(
          "127.0.0.0/8",
          "127.0.0.1/32",
          "::1/128",
          "10.1.2.3/32",
          "10.1.2.255/32",
          "fd00::5/128",
          "fd00::/128");
      assertEquals(
          List.of("eth0"),
          watch.network().external(List.of(), _ -> false).stream().map(Link::name).toList());
      netlink.deleteLink(eth);
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "::1/128");
      assertEquals(Set.of(LO), watch.network().links().keySet());
      assertEquals(Set.of(), addressesOtherThanOf(LO, watch.network()));
    }
  }

  private static Set<NodeAddress> addressesOtherThanOf(int ifindex, NodeNetwork network) {
    return network.addresses().stream()
        .filter(address -> address.ifindex() != ifindex)
        .collect(Collectors.toSet());
  }

  /** A device that goes down takes its IPv4 routes along without a word. */
  @Test
  void defaultRoutes_ofBothFamilies_areFollowed() throws Exception {
    int eth = veth("eth0", "far");
    int far = netlink.linkByName("far").orElseThrow().index();
    var seen = new Seen();
    try (NodeWatch _ = watch(seen)) {
      netlink.addRoute(Route.to(IpPrefix.parse("0.0.0.0/0"), eth));
      seen.await(network -> network.defaultRoutes().equals(Set.of(eth)));
      netlink.addRoute(Route.to(IpPrefix.parse("::/0"), far));
      seen.await(network -> network.defaultRoutes().equals(Set.of(eth, far)));
      netlink.setDown(eth);
      seen.await(network -> network.defaultRoutes().equals(Set.of(far)));
      netlink.deleteRoute(Route.to(IpPrefix.parse("::/0"), far));
      seen.await(network -> network.defaultRoutes().isEmpty());
    }
  }

  /** AnyIP: all of a prefix ends at the node although no device has an address of it. */
  @Test
  void localRoutes_comeAndGo_areToldAtOnce() throws Exception {
    ip("route add local 203.0.113.0/24 dev lo");
    var seen = new Seen();
    try (NodeWatch _ = watch(seen)) {
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "::1/128", "203.0.113.0/24");
      ip("-6 route add local 2001:db8:1::/64 dev lo");
      seen.awaitDelivered(
          "127.0.0.0/8", "127.0.0.1/32", "::1/128", "203.0.113.0/24", "2001:db8:1::/64");
      ip("route delete local 203.0.113.0/24 dev lo");
      ip("-6 route add anycast 2001:db8:2::/128 dev lo");
      seen.awaitDelivered(
          "127.0.0.0/8", "127.0.0.1/32", "::1/128", "2001:db8:1::/64", "2001:db8:2::/128");
      ip("-6 route delete local 2001:db8:1::/64 dev lo");
      ip("-6 route delete anycast 2001:db8:2::/128 dev lo");
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "::1/128");
    }
  }

  /** The kernel says nothing of IPv4 routes that a device takes along. */
  @Test
  void localRoutes_goWithTheirDevice_areMissed() throws Exception {
    int eth = veth("eth0", "far");
    ip("route add local 203.0.113.0/24 dev eth0");
    ip("-6 route add local 2001:db8:1::/64 dev eth0");
    var seen = new Seen();
    try (NodeWatch watch = watch(seen)) {
      assertEquals(
          Set.of(IpPrefix.parse("203.0.113.0/24"), IpPrefix.parse("2001:db8:1::/64")),
          watch.network().localRoutes());
      netlink.deleteLink(eth);
      seen.await(network -> network.localRoutes().isEmpty());
    }
  }

  /** What a proxy makes for itself (table 100), and what would make everybody the node. */
  @Test
  void localRoutes_ofOtherTablesOrToEverywhere_doNotCount() throws Exception {
    ip("route add local 0.0.0.0/0 dev lo table 100");
    ip("-6 route add local ::/0 dev lo table 100");
    ip("route add local 203.0.113.0/24 dev lo table 100");
    ip("route add local default dev lo");
    var seen = new Seen();
    try (NodeWatch watch = watch(seen)) {
      assertEquals(Set.of(), watch.network().localRoutes());
      ip("-6 route add local default dev lo");
      netlink.addAddress(LO, DNS, DuplicateCheck.SKIP);
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "::1/128", "169.254.20.10/32");
    }
  }

  /** Runs {@code ip} in the namespace. */
  private void ip(String arguments) {
    try {
      KernelTests.run(netns, ("ip " + arguments).split(" ", -1)).well();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void reversePathFilter_setBySomebody_isTold() throws Exception {
    int eth = veth("eth0", "far");
    netns.call(() -> Sysctl.writeIfPresent("net/ipv4/conf/eth0/rp_filter", "2"));
    var seen = new Seen();
    try (NodeWatch _ = watch(seen)) {
      netns.call(() -> Sysctl.writeIfPresent("net/ipv4/conf/all/rp_filter", "1"));
      netns.call(() -> Sysctl.writeIfPresent("net/ipv4/conf/eth0/rp_filter", "0"));
      assertEquals(eth, seen.settings.poll(10, TimeUnit.SECONDS));
      assertTrue(seen.settings.isEmpty());
    }
  }

  /** A listener that is slow for so long that the kernel throws away what it wanted to say. */
  @Test
  void queueRunsOver_everythingIsListedAnew() throws Exception {
    int eth = veth("eth0", "far");
    var reached = new CountDownLatch(1);
    var goOn = new CountDownLatch(1);
    var seen = new Seen();
    NodeWatch.Listener slow =
        new NodeWatch.Listener() {
          @Override
          public void networkChanged(NodeNetwork network) {
            seen.networkChanged(network);
            if (network.delivered().contains(IpPrefix.host(DNS.address()))) {
              reached.countDown();
              try {
                goOn.await();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
            }
          }

          @Override
          public void reversePathFilterSet(int ifindex) {
            seen.reversePathFilterSet(ifindex);
          }
        };
    try (NodeWatch watch = watch(slow)) {
      netlink.addAddress(LO, DNS, DuplicateCheck.SKIP);
      reached.await();
      for (int i = 0; i < 3000; i++) {
        netlink.addAddress(eth, LAN, DuplicateCheck.SKIP);
        netlink.deleteAddress(eth, LAN);
      }
      netlink.deleteAddress(LO, DNS);
      goOn.countDown();
      seen.awaitDelivered("127.0.0.0/8", "127.0.0.1/32", "::1/128");
      assertEquals(0, seen.settings.poll(10, TimeUnit.SECONDS), "settings may have been missed");
      netlink.addAddress(eth, LAN, DuplicateCheck.SKIP);
      seen.await(network -> network.delivered().contains(IpPrefix.host(LAN.address())));
      assertEquals(netlink.listLinks("").size(), watch.network().links().size());
    }
  }

  @Test
  void listener_fails_isToldAgain() throws Exception {
    var failed = new CountDownLatch(1);
    var seen = new Seen();
    NodeWatch.Listener failing =
        network -> {
          if (network.delivered().contains(IpPrefix.host(DNS.address())) && failed.getCount() > 0) {
            failed.countDown();
            throw new IllegalStateException("not now");
          }
          seen.networkChanged(network);
        };
    try (NodeWatch _ = watch(failing)) {
      netlink.addAddress(LO, DNS, DuplicateCheck.SKIP);
      seen.await(network -> network.delivered().contains(IpPrefix.host(DNS.address())));
      assertEquals(0, failed.getCount());
    }
    assertThrows(
        IllegalStateException.class,
        () ->
            watch(network -> {
              throw new IllegalStateException("never");
            }));
  }

  @Test
  void openedAndClosed_leavesNoDescriptorAndNoThread() throws Exception {
    watch(_ -> {}).close();
    OpenFiles open = OpenFiles.now();
    var watches = new ArrayList<NodeWatch>();
    for (int i = 0; i < 50; i++) {
      watches.add(watch(_ -> {}));
    }
    for (NodeWatch each : watches) {
      each.close();
      each.close();
    }
    open.assertNoMore();
    assertTrue(
        Thread.getAllStackTraces().keySet().stream()
            .noneMatch(thread -> thread.getName().equals("test-watch")));
  }
}
