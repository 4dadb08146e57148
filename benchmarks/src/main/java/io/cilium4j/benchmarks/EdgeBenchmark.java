// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.benchmarks.Traffic.Pair;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Masquerade;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.NodePorts;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * One TCP connection between a pod and a host outside, with the kernel's translation and without:
 * from outside by a node port beside the pod's own address, and from a pod under the node's address
 * beside its own.
 */
final class EdgeBenchmark implements AutoCloseable {
  private static final int IDENTITY = 300;
  private static final int MTU = 1500;
  private static final int LO = 1;

  private final BenchNode node = new BenchNode();
  private final InstanceNames names = new InstanceNames(BenchNode.INSTANCE);
  private final NodePorts nodePorts;
  private final Masquerade masquerade;
  private final List<Netns> hosts = new ArrayList<>();

  private EdgeBenchmark() {
    Nft nft = Nft.find().orElseThrow(() -> new IllegalStateException("the program nft is missing"));
    this.nodePorts = new NodePorts(names, nft);
    this.masquerade = new Masquerade(names, nft);
    Sysctl.write("net/ipv4/ip_forward", "1");
    Sysctl.write("net/ipv6/conf/all/forwarding", "1");
  }

  static void run(PrintStream out) {
    try (var benchmark = new EdgeBenchmark()) {
      var table = new Table("TCP over the edge", "plain", "translated", "ratio", "95 % interval");
      benchmark.nodePort(table);
      benchmark.masquerade(table);
      table.print(out);
    }
  }

  private void nodePort(Table table) {
    Netns client = host(1);
    Pod direct = node.pod(2, IDENTITY);
    Pod behind = node.pod(3, IDENTITY);
    List<IpAddress> asked = List.of(own(1, IpFamily.IPV4), own(1, IpFamily.IPV6));
    List<ExternalFrontend> frontends =
        asked.stream()
            .map(address ->
                new ExternalFrontend(
                    address.isV4() ? 4 : 6,
                    new FrontendKey(address, BenchNode.PORT, Protocol.TCP),
                    List.of(Backend.active(behind.address(address.family()), BenchNode.PORT)),
                    false,
                    List.of(),
                    false,
                    LoadBalancerAlgorithm.RANDOM,
                    false))
            .toList();
    nodePorts.apply(
        new NodePorts.Scope(
            frontends, hostPrefixes(BenchNode.addresses(3)), List.of(), MaglevParameters.DEFAULT));
    Traffic.compare(
        table,
        "from outside by a node port, ",
        new Pair(client, direct.netns().getFirst(), BenchNode.addresses(2)),
        new Pair(client, behind.netns().getFirst(), asked));
  }

  /** Each client has a host of its own to speak to: both serve the same port. */
  private void masquerade(Table table) {
    Pod plain = node.pod(4, IDENTITY);
    Pod translated = node.pod(5, IDENTITY);
    masquerade.apply(new Masquerade.Scope(hostPrefixes(BenchNode.addresses(5)), List.of()));
    Traffic.compare(
        table,
        "to the outside under the node's address, ",
        new Pair(plain.netns().getFirst(), host(2), addresses(2)),
        new Pair(translated.netns().getFirst(), host(3), addresses(3)));
  }

  private static List<IpPrefix> hostPrefixes(List<IpAddress> addresses) {
    return addresses.stream().map(IpPrefix::host).toList();
  }

  /** The node's address on its link to a host; the host's is the next one. */
  private static IpAddress own(int number, IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "10.198.0.1" : "fd00:198::1")
        .plus(4L * number);
  }

  private static List<IpAddress> addresses(int number) {
    return List.of(own(number, IpFamily.IPV4).plus(1), own(number, IpFamily.IPV6).plus(1));
  }

  /** A host outside, which sends everything by the node. */
  private Netns host(int number) {
    Netns host = node.netns(100 + number);
    hosts.add(host);
    try (Netlink near = Netlink.open();
        Netlink far = Netlink.open(host)) {
      far.setUp(LO);
      var cable =
          new VethPair(
              "bench-out" + number,
              "eth0",
              PodConnector.randomMac(),
              PodConnector.randomMac(),
              MTU);
      Link end = near.createVeth(cable, host);
      near.setUp(end.index());
      far.setUp(end.peerIndex());
      for (IpFamily family : IpFamily.values()) {
        IpAddress own = own(number, family);
        int length = own.isV4() ? 30 : 126;
        near.addAddress(end.index(), new InterfaceAddress(own, length), DuplicateCheck.SKIP);
        far.addAddress(
            end.peerIndex(), new InterfaceAddress(own.plus(1), length), DuplicateCheck.SKIP);
        IpAddress any = family == IpFamily.IPV4 ? BenchNode.NODE4 : BenchNode.NODE6;
        for (int id = 0; id < 8; id++) {
          far.replaceRoute(Route.to(IpPrefix.host(any.plus(id)), end.peerIndex()).via(own));
        }
      }
    }
    return host;
  }

  @Override
  public void close() {
    nodePorts.remove();
    masquerade.remove();
    hosts.forEach(BenchNode::delete);
    node.close();
  }
}
