// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.Traffic.Pair;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Function;

/**
 * Two nodes, each a namespace, joined by a pair of devices; a client's pod on the first, a server's
 * on the second.
 */
final class NodePair implements AutoCloseable {
  private static final int POD = 10;
  private static final int CLIENT = 300;
  private static final int SERVER = 301;
  private static final int ENTRIES = 10_000;
  private static final int LINK_MTU = 1500;
  private static final Path FOLDER = Path.of("/run/cilium4j-bench");

  private final String prefix;
  private final List<Netns> nodes = new ArrayList<>();
  private final List<Netns> pods = new ArrayList<>();
  private final List<Datapath> datapaths = new ArrayList<>();

  NodePair(String prefix) {
    this.prefix = prefix;
    try {
      Files.createDirectories(FOLDER);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    for (int number = 1; number <= 2; number++) {
      nodes.add(netns("node" + number));
      pods.add(netns("pod" + number));
    }
    join();
  }

  private Netns netns(String name) {
    Netns.delete(FOLDER.resolve(prefix + name));
    return Netns.create(FOLDER, prefix + name);
  }

  private static IpAddress node(int number, IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "192.0.2.0" : "2001:db8::").plus(number);
  }

  private static IpPrefix podCidr(int number, IpFamily family) {
    return IpPrefix.parse(
        family == IpFamily.IPV4 ? "10.199." + number + ".0/24" : "fd00:199:" + number + "::/96");
  }

  private static List<IpAddress> both(Function<IpFamily, IpAddress> address) {
    return List.of(address.apply(IpFamily.IPV4), address.apply(IpFamily.IPV6));
  }

  private static List<IpAddress> routers(int number) {
    return both(family -> podCidr(number, family).address().plus(1));
  }

  private static List<IpAddress> podAddresses(int number) {
    return both(family -> podCidr(number, family).address().plus(POD));
  }

  private void join() {
    var pair =
        new VethPair("eth0", "eth0", PodConnector.randomMac(), PodConnector.randomMac(), LINK_MTU);
    try (Netlink first = Netlink.open(nodes.get(0));
        Netlink second = Netlink.open(nodes.get(1))) {
      first.createVeth(pair, nodes.get(1));
      for (int number = 1; number <= 2; number++) {
        Netlink links = number == 1 ? first : second;
        int device = links.linkByName("eth0").orElseThrow().index();
        links.setUp(device);
        for (IpFamily family : IpFamily.values()) {
          links.addAddress(
              device,
              new InterfaceAddress(node(number, family), family == IpFamily.IPV4 ? 24 : 64),
              DuplicateCheck.SKIP);
          links.setNeighbour(
              device, node(3 - number, family), number == 1 ? pair.peerMac() : pair.mac());
        }
      }
    }
    for (Netns node : nodes) {
      node.call(() ->
          Sysctl.writeIfPresent("net/ipv4/conf/all/forwarding", "1")
              && Sysctl.writeIfPresent("net/ipv6/conf/all/forwarding", "1"));
    }
  }

  private static int mtu(Routing routing) {
    return LINK_MTU - routing.tunnel().map(Tunnel::overheadBytes).orElse(0);
  }

  /** The pods joined by our datapath, the server's with a policy that lets the client in. */
  Pair withDatapath(Routing routing) {
    for (int number = 1; number <= 2; number++) {
      int own = number;
      datapaths.add(
          nodes
              .get(number - 1)
              .call(() -> {
                Datapath datapath = open(own, routing);
                datapath.apply(RowChanges.put(rows(own, routing, datapath)));
                return datapath;
              }));
    }
    return pair();
  }

  private Pair pair() {
    return new Pair(pods.get(0), pods.get(1), podAddresses(2));
  }

  private static Datapath open(int number, Routing routing) {
    DatapathProvider ebpf =
        ServiceLoader.load(DatapathProvider.class).stream()
            .map(ServiceLoader.Provider::get)
            .filter(provider -> provider.name().equals("ebpf"))
            .findFirst()
            .orElseThrow();
    var config =
        Config.builder("bench" + number, FOLDER.resolve("run" + number))
            .nodeAddresses(routers(number))
            .routing(routing)
            .build();
    // What an aborted run left would be taken over otherwise.
    ebpf.open(config).destroy();
    return ebpf.open(config);
  }

  private Row[] rows(int number, Routing routing, Datapath datapath) {
    int other = 3 - number;
    List<Row> rows = new ArrayList<>();
    var tunnelEnd = routing.tunnel().map(tunnel -> node(other, tunnel.underlay()));
    rows.add(
        new NodeRow(
            "node" + other,
            both(family -> node(other, family)),
            List.of(podCidr(other, IpFamily.IPV4), podCidr(other, IpFamily.IPV6)),
            tunnelEnd,
            mtu(routing)));
    for (IpAddress address : both(family -> node(other, family))) {
      rows.add(
          new IpcacheRow(
              new IpcacheEntry(
                  IpPrefix.host(address), ReservedIdentity.REMOTE_NODE.id(), tunnelEnd)));
    }
    for (IpAddress address : podAddresses(other)) {
      rows.add(
          new IpcacheRow(
              new IpcacheEntry(IpPrefix.host(address), number == 1 ? SERVER : CLIENT, tunnelEnd)));
    }
    EndpointInterface device =
        datapath.connect(
            new ConnectRequest(
                POD,
                pods.get(number - 1).path().toString(),
                "eth0",
                podAddresses(number),
                mtu(routing)));
    var endpoint =
        BenchNode.endpoint(POD, number == 1 ? CLIENT : SERVER, device, podAddresses(number));
    rows.add(new EndpointRow(endpoint, BenchNode.allowing(CLIENT, ENTRIES), 1));
    return rows.toArray(Row[]::new);
  }

  /** The pods joined by devices, routes and, for tunnels, a VXLAN that anybody can make. */
  Pair byHand(Routing routing) {
    for (int number = 1; number <= 2; number++) {
      int other = 3 - number;
      Netns netns = nodes.get(number - 1);
      try (Netlink links = Netlink.open(netns)) {
        var connector = new PodConnector(links, routers(number));
        EndpointInterface device =
            connector.connect(
                new ConnectRequest(
                    POD,
                    pods.get(number - 1).path().toString(),
                    "eth0",
                    podAddresses(number),
                    mtu(routing)),
                "plain",
                made -> {});
        for (IpAddress address : podAddresses(number)) {
          links.setNeighbour(device.hostIfindex(), address, device.podMac());
          links.replaceRoute(Route.to(IpPrefix.host(address), device.hostIfindex()));
        }
      }
      if (routing.tunnel().isPresent()) {
        String mac = "02:00:00:00:00:0";
        ip(
            netns,
            "link add vx type vxlan id 7 dstport 4789 local "
                + node(number, IpFamily.IPV4)
                + " remote "
                + node(other, IpFamily.IPV4));
        ip(netns, "link set vx address " + mac + number + " up mtu " + mtu(routing));
        for (IpFamily family : IpFamily.values()) {
          // A next hop on the tunnel, whose Ethernet address is known.
          String hop = family == IpFamily.IPV4 ? "169.254.9." + other : "fe80::9:" + other;
          ip(netns, "neigh replace " + hop + " lladdr " + mac + other + " dev vx nud permanent");
          ip(netns, "route add " + podCidr(other, family) + " via " + hop + " dev vx onlink");
        }
      } else {
        for (IpFamily family : IpFamily.values()) {
          ip(netns, "route add " + podCidr(other, family) + " via " + node(other, family));
        }
      }
    }
    return pair();
  }

  private static void ip(Netns netns, String arguments) {
    List<String> command = new ArrayList<>(List.of("ip"));
    if (arguments.contains("::")) {
      command.add("-6");
    }
    command.addAll(List.of(arguments.split(" ")));
    try {
      Process process =
          Traffic.inside(netns, command)
              .redirectErrorStream(true)
              .redirectOutput(Redirect.INHERIT)
              .start();
      if (process.waitFor() != 0) {
        throw new IllegalStateException("failed: " + String.join(" ", command));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    for (int i = 0; i < datapaths.size(); i++) {
      Datapath datapath = datapaths.get(i);
      nodes
          .get(i)
          .call(() -> {
            datapath.destroy();
            return true;
          });
    }
    pods.forEach(BenchNode::delete);
    nodes.forEach(BenchNode::delete);
  }
}
