// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.memory.MemoryDatapathProvider;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;

/**
 * Two nodes, each a network namespace with a datapath of its own, joined by a link.
 *
 * <pre>
 *   pods 10.244.1.x -- node 1  eth0 192.0.2.1 ------ 192.0.2.2 eth0  node 2 -- pods 10.244.2.x
 * </pre>
 */
final class TwoNodes implements AutoCloseable {

  /** Largest packet of the link, and of a pod behind a tunnel over it. */
  static final int LINK_MTU = 1500;

  private static final Limits LIMITS = new Limits(4096, 4096, 4096);

  final Node first;
  final Node second;
  private final Routing routing;
  private final boolean inUserSpace;
  private final ProxyListeners listeners;

  /** A pod's namespace and its row. */
  record Pod(Node node, Netns netns, Endpoint endpoint) {
    IpAddress address(IpFamily family) {
      return endpoint.addresses().get(family == IpFamily.IPV4 ? 0 : 1);
    }
  }

  /** One of them. */
  final class Node implements AutoCloseable {
    final int number;
    final Netns netns;
    final Path folder;
    final List<Flow> flows = new CopyOnWriteArrayList<>();
    final List<Pod> pods = new ArrayList<>();
    final Datapath datapath;

    Node(Path folder, int number) {
      this.folder = folder;
      this.number = number;
      this.netns = KernelTests.netns(folder);
      netns.call(() -> {
        Sysctl.write("net/ipv4/ip_forward", "1");
        Sysctl.write("net/ipv6/conf/all/forwarding", "1");
        return true;
      });
      this.datapath = open();
    }

    String name() {
      return "node" + number;
    }

    /** Where other nodes reach it. */
    IpAddress address(IpFamily family) {
      return IpAddress.parse(family == IpFamily.IPV4 ? "192.0.2.0" : "2001:db8::").plus(number);
    }

    /** Its own address in the pod network. */
    IpAddress router(IpFamily family) {
      return podCidr(family).address().plus(1);
    }

    IpPrefix podCidr(IpFamily family) {
      return IpPrefix.parse(
          family == IpFamily.IPV4 ? "10.244." + number + ".0/24" : "fd00:244:" + number + "::/96");
    }

    private Datapath open() {
      var config =
          Config.builder("dpnode" + number, folder.resolve("run" + number))
              .nodeAddresses(router(IpFamily.IPV4), router(IpFamily.IPV6))
              .limits(LIMITS)
              .podCidrs(List.of(podCidr(IpFamily.IPV4), podCidr(IpFamily.IPV6)))
              .routing(routing)
              .listeners(listeners)
              .build();
      Datapath opened = netns.call(() -> open(config));
      opened.subscribe(flows::add);
      return opened;
    }

    private Datapath open(Config config) {
      if (inUserSpace) {
        return new MemoryDatapathProvider().open(config);
      }
      var opened = new EbpfDatapath(config, Recording.OFF);
      // It would look at another namespace: threads of the runtime's own are not in this one.
      opened.stopMending();
      return opened;
    }

    /** A flow that the datapath reports, which may be late. */
    Flow awaitFlow(Predicate<Flow> wanted) {
      Instant end = Instant.now().plusSeconds(10);
      while (true) {
        Optional<Flow> found = flows.stream().filter(wanted).findFirst();
        if (found.isPresent()) {
          return found.get();
        }
        assertTrue(Instant.now().isBefore(end), () -> "no such flow among " + flows);
        Thread.onSpinWait();
      }
    }

    void apply(Row... rows) {
      netns.call(() -> {
        datapath.apply(RowChanges.put(rows));
        return true;
      });
    }

    void remove(Row... rows) {
      netns.call(() -> {
        datapath.apply(RowChanges.remove(rows));
        return true;
      });
    }

    /** A pod of this node, of which this node alone knows. */
    Pod pod(int id, int identity, PolicyMapState policy) {
      Netns pod = Netns.create(folder, "pod" + number + "-" + id);
      List<IpAddress> addresses = new ArrayList<>();
      for (IpFamily family : IpFamily.values()) {
        addresses.add(podCidr(family).address().plus(id));
      }
      return pod(id, identity, policy, pod, addresses);
    }

    /** As above, in a namespace that is there and with addresses of whatever prefix. */
    Pod pod(int id, int identity, PolicyMapState policy, Netns pod, List<IpAddress> addresses) {
      int mtu = LINK_MTU - routing.tunnel().map(Tunnel::overheadBytes).orElse(0);
      var device =
          netns.call(() ->
              datapath.connect(
                  new ConnectRequest(id, pod.path().toString(), "eth0", addresses, mtu)));
      var endpoint =
          new Endpoint(
              id,
              "default",
              name() + "-" + id,
              Labels.EMPTY,
              identity,
              addresses,
              device,
              Map.of(),
              EndpointState.READY);
      var row = new Pod(this, pod, endpoint);
      pods.add(row);
      enforce(row, policy);
      return row;
    }

    /** Ends a pod; its namespace stays. */
    void end(Pod pod) {
      remove(new EndpointRow(pod.endpoint(), PolicyMapState.ALLOW_ALL, 1));
      netns.call(() -> {
        datapath.disconnect(pod.endpoint().device());
        return true;
      });
    }

    void enforce(Pod pod, PolicyMapState policy) {
      apply(new EndpointRow(pod.endpoint(), policy, 1));
    }

    /** What another node is told of this one. */
    NodeRow row() {
      return new NodeRow(
          name(),
          List.of(address(IpFamily.IPV4), address(IpFamily.IPV6)),
          List.of(podCidr(IpFamily.IPV4), podCidr(IpFamily.IPV6)),
          routing.tunnel().map(tunnel -> address(tunnel.underlay())),
          LINK_MTU - routing.tunnel().map(Tunnel::overheadBytes).orElse(0));
    }

    /** The rows about an address of this node, for another one. */
    List<IpcacheRow> elsewhere(List<IpAddress> addresses, int identity) {
      return addresses.stream()
          .map(address ->
              new IpcacheRow(
                  new IpcacheEntry(
                      IpPrefix.host(address),
                      identity,
                      routing.tunnel().map(tunnel -> address(tunnel.underlay())))))
          .toList();
    }

    /** Gives the node's device on the link another address. */
    void alsoAt(IpAddress address) {
      try (Netlink links = Netlink.open(netns)) {
        links.ensureAddress(device(links), InterfaceAddress.host(address), DuplicateCheck.SKIP);
      }
    }

    /** Has the node send what is for an address to another one as it is. */
    void routeByLink(IpAddress address, Node other) {
      try (Netlink links = Netlink.open(netns)) {
        links.replaceRoute(
            Route.to(IpPrefix.host(address), device(links)).via(other.address(address.family())));
      }
    }

    private static int device(Netlink links) {
      return links.linkByName("eth0").orElseThrow().index();
    }

    List<IpAddress> own() {
      List<IpAddress> own = new ArrayList<>();
      for (IpFamily family : IpFamily.values()) {
        own.add(address(family));
        own.add(router(family));
      }
      return own;
    }

    @Override
    public void close() {
      for (Pod pod : pods) {
        Netns.delete(pod.netns().path());
      }
      netns.call(() -> {
        datapath.destroy();
        return true;
      });
      netns.close();
      Netns.delete(netns.path());
    }
  }

  TwoNodes(Path folder, Routing routing) {
    this(folder, routing, false);
  }

  /**
   * As above.
   *
   * @param inUserSpace whether the datapaths are those of user space
   */
  TwoNodes(Path folder, Routing routing, boolean inUserSpace) {
    this(folder, routing, inUserSpace, ProxyListeners.NONE);
  }

  /**
   * As above.
   *
   * @param listeners of each node's proxy
   */
  TwoNodes(Path folder, Routing routing, boolean inUserSpace, ProxyListeners listeners) {
    this.listeners = listeners;
    this.routing = routing;
    this.inUserSpace = inUserSpace;
    this.first = new Node(folder, 1);
    this.second = new Node(folder, 2);
    join();
    introduce(first, second);
    introduce(second, first);
  }

  private void join() {
    join("eth0");
  }

  /** Joins the two by a link with the nodes' addresses, by devices of this name. */
  void join(String device) {
    var pair =
        new VethPair(device, device, PodConnector.randomMac(), PodConnector.randomMac(), LINK_MTU);
    try (Netlink near = Netlink.open(first.netns);
        Netlink far = Netlink.open(second.netns)) {
      near.createVeth(pair, second.netns);
      address(near, device, first);
      address(far, device, second);
      int nearDevice = near.linkByName(device).orElseThrow().index();
      int farDevice = far.linkByName(device).orElseThrow().index();
      for (IpFamily family : IpFamily.values()) {
        near.setNeighbour(nearDevice, second.address(family), pair.peerMac());
        far.setNeighbour(farDevice, first.address(family), pair.mac());
      }
    }
  }

  private static void address(Netlink links, String name, Node node) {
    links.setUp(1);
    int device = links.linkByName(name).orElseThrow().index();
    links.setUp(device);
    for (IpFamily family : IpFamily.values()) {
      int length = family == IpFamily.IPV4 ? 24 : 64;
      links.addAddress(
          device, new InterfaceAddress(node.address(family), length), DuplicateCheck.SKIP);
    }
  }

  private static void introduce(Node node, Node other) {
    List<Row> rows = new ArrayList<>();
    rows.add(other.row());
    node.own().forEach(own -> rows.add(new IpcacheRow(IpPrefix.host(own), host())));
    rows.addAll(other.elsewhere(other.own(), ReservedIdentity.REMOTE_NODE.id()));
    node.apply(rows.toArray(Row[]::new));
  }

  private static int host() {
    return ReservedIdentity.HOST.id();
  }

  /** Tells the other node of a pod. */
  void announce(Pod pod) {
    Node other = pod.node() == first ? second : first;
    other.apply(
        pod.node()
            .elsewhere(pod.endpoint().addresses(), pod.endpoint().identity())
            .toArray(Row[]::new));
  }

  @Override
  public void close() {
    first.close();
    second.close();
  }
}
