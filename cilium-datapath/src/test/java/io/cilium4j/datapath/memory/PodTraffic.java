// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.KernelTests;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

/**
 * A node of its own with two pods and a host beyond it, each a network namespace, and a datapath in
 * the node's. Every place has an address of each family. As a program it does the same as an
 * unprivileged user inside a user namespace.
 */
final class PodTraffic implements AutoCloseable {

  static final int PATIENCE_MILLIS = 10_000;

  /** How long a packet that must not arrive is waited for. */
  static final int DENIED_MILLIS = 400;

  private static final int TRANSFER_BYTES = 4 << 20;

  /** Larger than a packet may be: it goes in fragments. */
  private static final int DATAGRAM_BYTES = 4000;

  private static final int PORT = 8080;

  /** Where packets begin and end. */
  enum Place {
    POD_A(5),
    POD_B(6),
    NODE(1),
    OUTSIDE(200);

    private final int host;

    Place(int host) {
      this.host = host;
    }

    IpAddress address(IpFamily family) {
      String text =
          family == IpFamily.IPV4
              ? (this == OUTSIDE ? "192.0.2." : "10.8.0.") + host
              : (this == OUTSIDE ? "2001:db8::" : "fd00:8::") + host;
      return IpAddress.parse(text);
    }

    List<IpAddress> addresses() {
      return Arrays.stream(IpFamily.values()).map(this::address).toList();
    }

    int identity() {
      return switch (this) {
        case NODE -> ReservedIdentity.HOST.id();
        case OUTSIDE -> ReservedIdentity.WORLD.id();
        default -> 1000 + host;
      };
    }
  }

  private final Map<Place, Netns> namespaces;
  private final Config config;
  private MemoryDatapath datapath;
  private final EndpointInterface deviceA;
  private final EndpointInterface deviceB;

  PodTraffic(Path folder) {
    Netns node = KernelTests.netns(folder);
    namespaces =
        Map.of(
            Place.NODE,
            node,
            Place.POD_A,
            KernelTests.netns(folder),
            Place.POD_B,
            KernelTests.netns(folder),
            Place.OUTSIDE,
            KernelTests.netns(folder));
    config =
        Config.builder("it", folder.resolve("run")).nodeAddresses(Place.NODE.addresses()).build();
    node.call(() -> {
      Sysctl.write("net/ipv4/ip_forward", "1");
      Sysctl.write("net/ipv6/conf/all/forwarding", "1");
      return node;
    });
    joinOutside();
    datapath = node.call(() -> new MemoryDatapathProvider().open(config));
    deviceA = connect(Place.POD_A);
    deviceB = connect(Place.POD_B);
  }

  /** Both ends know each other's Ethernet address: discovery would wait for link-local ones. */
  private void joinOutside() {
    Netns outside = at(Place.OUTSIDE);
    var pair =
        new VethPair("uplink", "eth0", PodConnector.randomMac(), PodConnector.randomMac(), 1500);
    try (Netlink nodeLinks = Netlink.open(at(Place.NODE));
        Netlink outsideLinks = Netlink.open(outside)) {
      int uplink = nodeLinks.createVeth(pair, outside).index();
      int far = outsideLinks.linkByName("eth0").orElseThrow().index();
      outsideLinks.setUp(far);
      nodeLinks.setUp(uplink);
      KernelTests.awaitCarrier(outsideLinks, far);
      KernelTests.awaitCarrier(nodeLinks, uplink);
      for (IpFamily family : IpFamily.values()) {
        IpAddress address = Place.OUTSIDE.address(family);
        IpAddress router = address.plus(1);
        int length = family == IpFamily.IPV4 ? 24 : 64;
        outsideLinks.addAddress(far, new InterfaceAddress(address, length), DuplicateCheck.SKIP);
        nodeLinks.addAddress(uplink, new InterfaceAddress(router, length), DuplicateCheck.SKIP);
        outsideLinks.setNeighbour(far, router, pair.mac());
        nodeLinks.setNeighbour(uplink, address, pair.peerMac());
        IpPrefix pods = new IpPrefix(Place.NODE.address(family), length);
        outsideLinks.addRoute(Route.to(pods, far).via(router));
      }
    }
  }

  private EndpointInterface connect(Place pod) {
    return at(Place.NODE)
        .call(() ->
            datapath.connect(
                new ConnectRequest(
                    pod.host, at(pod).path().toString(), "eth0", pod.addresses(), 1500)));
  }

  Netns at(Place place) {
    return Objects.requireNonNull(namespaces.get(place), place.name());
  }

  MemoryDatapath datapath() {
    return datapath;
  }

  EndpointInterface deviceA() {
    return deviceA;
  }

  /** Puts both pods' policies in force, and the identities of the other places. */
  void apply(PolicyMapState policyA, PolicyMapState policyB) {
    List<Row> rows = new ArrayList<>();
    rows.add(row(Place.POD_A, deviceA, policyA));
    rows.add(row(Place.POD_B, deviceB, policyB));
    for (Place place : Place.values()) {
      for (IpAddress address : place.addresses()) {
        rows.add(new IpcacheRow(IpPrefix.host(address), place.identity()));
      }
    }
    at(Place.NODE)
        .call(() -> {
          datapath.apply(RowChanges.of(rows, List.of()));
          return datapath;
        });
  }

  private static EndpointRow row(Place pod, EndpointInterface device, PolicyMapState policy) {
    return new EndpointRow(
        new Endpoint(
            pod.host,
            "default",
            pod.name(),
            Labels.of(),
            pod.identity(),
            pod.addresses(),
            device,
            Map.of(),
            EndpointState.READY),
        policy,
        1);
  }

  /** Ends the datapath as a process that ends does, and opens it again. */
  void restart() {
    datapath.close();
    datapath = at(Place.NODE).call(() -> new MemoryDatapathProvider().open(config));
  }

  void destroy() {
    at(Place.NODE)
        .call(() -> {
          datapath.destroy();
          return datapath;
        });
  }

  /** Removes everything but this pod. */
  void prune(Place pod) {
    at(Place.NODE)
        .call(() -> {
          datapath.prune(RowKind.ENDPOINT, Set.of(new EndpointKey(pod.host)));
          datapath.prune(RowKind.IPCACHE, Set.of());
          return datapath;
        });
  }

  /** The pods' addresses that the node sends to the datapath. */
  List<IpAddress> podRoutes() {
    try (Netlink links = Netlink.open(at(Place.NODE))) {
      return links.listRoutes(links.linkByName("it_host").orElseThrow().index()).stream()
          .map(Route::destination)
          .filter(IpPrefix::isHost)
          .map(IpPrefix::address)
          .filter(address -> !Place.NODE.addresses().contains(address))
          .sorted()
          .toList();
    }
  }

  /** The devices in the node's namespace. */
  List<String> nodeDevices() {
    try (Netlink links = Netlink.open(at(Place.NODE))) {
      return links.listLinks("").stream().map(Link::name).sorted().toList();
    }
  }

  /** Whether some megabytes get from one place to another over TCP; all of them, or an error. */
  boolean tcp(Place from, Place to, IpFamily family, int timeoutMillis) throws Exception {
    byte[] data = new byte[TRANSFER_BYTES];
    new Random(1).nextBytes(data);
    try (ServerSocket server = listen(to, family)) {
      var received =
          new FutureTask<>(() -> {
            try (Socket socket = server.accept()) {
              return socket.getInputStream().readAllBytes();
            }
          });
      Thread.ofPlatform().daemon().start(received);
      try (Socket client = dial(from, to, family, timeoutMillis)) {
        client.getOutputStream().write(data);
      } catch (SocketTimeoutException e) {
        return false;
      }
      if (!Arrays.equals(data, received.get(60, TimeUnit.SECONDS))) {
        throw new IOException("other bytes arrived than were sent");
      }
      return true;
    }
  }

  ServerSocket listen(Place place, IpFamily family) throws IOException {
    var server =
        KernelTests.bound(
            at(place), () -> new ServerSocket(PORT, 5, place.address(family).toInetAddress()));
    server.setSoTimeout(PATIENCE_MILLIS);
    return server;
  }

  Socket dial(Place from, Place to, IpFamily family, int timeoutMillis) throws IOException {
    var target = new InetSocketAddress(to.address(family).toInetAddress(), PORT);
    return at(from)
        .call(() -> {
          var socket = new Socket();
          try {
            socket.connect(target, timeoutMillis);
          } catch (IOException e) {
            socket.close();
            throw e;
          }
          return socket;
        });
  }

  /** Whether a datagram of many fragments gets there, and its echo back. */
  boolean udp(Place from, Place to, IpFamily family, int timeoutMillis) throws Exception {
    var target = new InetSocketAddress(to.address(family).toInetAddress(), PORT);
    byte[] data = new byte[DATAGRAM_BYTES];
    new Random(2).nextBytes(data);
    try (DatagramSocket server = KernelTests.bound(at(to), () -> new DatagramSocket(target));
        DatagramSocket client = at(from).call(() -> new DatagramSocket())) {
      server.setSoTimeout(timeoutMillis);
      client.setSoTimeout(timeoutMillis);
      client.send(new DatagramPacket(data, data.length, target));
      var packet = new DatagramPacket(new byte[DATAGRAM_BYTES], DATAGRAM_BYTES);
      server.receive(packet);
      server.send(packet);
      client.receive(packet);
      return Arrays.equals(data, packet.getData());
    } catch (SocketTimeoutException e) {
      return false;
    }
  }

  /** Whether an ICMP echo is answered. */
  boolean ping(Place from, Place to, IpFamily family, int timeoutMillis) throws IOException {
    return at(from).call(() -> to.address(family).toInetAddress().isReachable(timeoutMillis));
  }

  /** How many packets were dropped for a reason. */
  static long drops(List<Traffic> traffic, DropReason reason, TrafficDirection direction) {
    return traffic.stream()
        .filter(each -> each.drop().equals(Optional.of(reason)) && each.direction() == direction)
        .mapToLong(Traffic::packets)
        .sum();
  }

  long drops(DropReason reason, TrafficDirection direction) {
    return drops(datapath.traffic(), reason, direction);
  }

  @Override
  public void close() {
    datapath.close();
    for (Netns netns : namespaces.values()) {
      netns.close();
      Netns.delete(netns.path());
    }
  }

  /** Everything once, in one line. */
  static String run(Path folder) throws Exception {
    try (var traffic = new PodTraffic(folder)) {
      var seen = new StringBuilder();
      for (IpFamily family : IpFamily.values()) {
        traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
        seen.append(traffic.tcp(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS)).append(' ');
        seen.append(traffic.udp(Place.POD_A, Place.POD_B, family, PATIENCE_MILLIS)).append(' ');
        seen.append(traffic.tcp(Place.NODE, Place.POD_A, family, PATIENCE_MILLIS)).append(' ');
        seen.append(traffic.tcp(Place.POD_A, Place.NODE, family, PATIENCE_MILLIS)).append(' ');
        seen.append(traffic.tcp(Place.POD_B, Place.OUTSIDE, family, PATIENCE_MILLIS)).append(' ');
        traffic.apply(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
        seen.append(traffic.tcp(Place.POD_A, Place.POD_B, family, DENIED_MILLIS)).append(' ');
      }
      traffic.destroy();
      return seen.append(traffic.nodeDevices()).toString();
    }
  }

  public static void main(String[] args) throws Exception {
    try (Netlink here = Netlink.open()) {
      // The JDK takes IPv6 to be absent if no device has such an address when it looks, once.
      here.setUp(1);
    }
    Path folder = Files.createTempDirectory("netns");
    try {
      System.out.println(run(folder));
    } finally {
      Files.deleteIfExists(folder.resolve("run"));
      Files.delete(folder);
    }
  }
}
