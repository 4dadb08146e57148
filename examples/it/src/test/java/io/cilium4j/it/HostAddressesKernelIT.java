// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What ends at the node is the node's, whatever its address, from the moment that it has it. */
class HostAddressesKernelIT {

  private static final int LO = 1;
  private static final int PORT = 5353;
  private static final String NODE = "cilium4j-it-hostnode";
  private static final InterfaceAddress DNS = address("169.254.20.10/32");
  private static final InterfaceAddress LAN = address("192.0.2.1/24");
  private static final InterfaceAddress LAN6 = address("2001:db8::1/64");
  private static final IpAddress EVERYBODY = IpAddress.parse("255.255.255.255");
  private static final IpAddress BROADCAST = IpAddress.parse("192.0.2.255");

  /** Below the interval at which the JDK would be asked. */
  private static final Duration AT_ONCE = Duration.ofSeconds(5);

  private static final String WORLD =
      """
      endpointSelector: {}
      egress:
      - toCIDR: [0.0.0.0/0, "::/0"]
      - toEntities: [world]
      """;

  private static final String HOST =
      """
      endpointSelector: {}
      egress:
      - toEntities: [host]
      """;

  @TempDir Path folder;
  private Netns node;
  private Netlink links;
  private int eth;

  @BeforeEach
  void makeNode() {
    Lab.requireKernel();
    Netns.delete(Netns.DEFAULT_FOLDER.resolve(NODE));
    node = Netns.create(NODE);
    links = Netlink.open(node);
    links.setUp(LO);
    var pair =
        new VethPair("eth0", "far", PodConnector.randomMac(), PodConnector.randomMac(), 1500);
    eth = links.createVeth(pair, node).index();
    Link far = links.linkByName("far").orElseThrow();
    node.call(() -> {
      Sysctl.write("net/ipv6/conf/far/disable_ipv6", "1");
      Sysctl.write("net/ipv4/ip_forward", "1");
      return true;
    });
    links.setUp(far.index());
    links.setUp(eth);
  }

  @AfterEach
  void removeNode() {
    if (node != null) {
      links.close();
      node.close();
      Netns.delete(node.path());
    }
  }

  private static InterfaceAddress address(String text) {
    int slash = text.indexOf('/');
    return new InterfaceAddress(
        IpAddress.parse(text.substring(0, slash)), Integer.parseInt(text.substring(slash + 1)));
  }

  /** A lab whose agent lives in the node's namespace. */
  private Lab lab(String datapath) throws IOException {
    Lab lab = node.call(() -> new Lab("ithost", datapath, 61));
    node.call(() -> {
      lab.agent().start();
      return lab;
    });
    return lab;
  }

  private void close(Lab lab) throws IOException {
    node.call(() -> {
      lab.close();
      return lab;
    });
  }

  private static Set<String> hostRows(Lab lab) {
    Set<String> rows = new TreeSet<>();
    lab.agent()
        .ipcache()
        .snapshot()
        .forEach(row -> {
          if (row.value().identity() == ReservedIdentity.HOST.id()) {
            rows.add(row.key().toString());
          }
        });
    return rows;
  }

  @Test
  void rows_followTheAddresses() throws Exception {
    Lab lab = lab("memory");
    try {
      Set<String> before =
          Set.of("10.99.61.1/32", "127.0.0.0/8", "127.0.0.1/32", "::1/128", "fd99:61::1/128");
      until(() -> hostRows(lab).equals(before));
      links.addAddress(LO, DNS, DuplicateCheck.SKIP);
      links.addAddress(eth, LAN, DuplicateCheck.SKIP);
      links.addAddress(eth, LAN6, DuplicateCheck.SKIP);
      Set<String> with = new TreeSet<>(before);
      with.addAll(
          Set.of(
              "169.254.20.10/32",
              "192.0.2.1/32",
              "192.0.2.255/32",
              "2001:db8::/128",
              "2001:db8::1/128"));
      until(() -> hostRows(lab).equals(with));
      links.deleteAddress(LO, DNS);
      links.deleteLink(eth);
      until(() -> hostRows(lab).equals(before));
    } finally {
      close(lab);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void address_thatComesLater_isNoPartOfTheWorld(String datapath) throws Exception {
    Lab lab = lab(datapath);
    try (var _ = new EchoServer(node, PORT)) {
      node.call(() -> lab.pod("client"));
      Netns client = lab.netns("client");
      node.call(() -> {
        lab.apply("world", WORLD);
        return lab;
      });
      links.addAddress(LO, DNS, DuplicateCheck.SKIP);
      links.addAddress(eth, LAN, DuplicateCheck.SKIP);
      links.addAddress(eth, LAN6, DuplicateCheck.SKIP);
      for (InterfaceAddress each : List.of(DNS, LAN, LAN6)) {
        until(() -> !Traffic.reaches(client, each.address(), PORT, Way.UDP));
        assertFalse(Traffic.reaches(client, each.address(), PORT, Way.TCP), each.toString());
      }
      assertFalse(arrives(client, BROADCAST));
      assertFalse(arrives(client, EVERYBODY));
      node.call(() -> {
        lab.apply("host", HOST);
        return lab;
      });
      for (InterfaceAddress each : List.of(DNS, LAN, LAN6)) {
        assertTrue(Traffic.reaches(client, each.address(), PORT, Way.UDP), each.toString());
        assertTrue(Traffic.reaches(client, each.address(), PORT, Way.TCP), each.toString());
      }
      assertTrue(arrives(client, BROADCAST));
    } finally {
      close(lab);
    }
  }

  /** AnyIP: all of a prefix ends at the node although no device has an address of it. */
  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void localRoute_isNoPartOfTheWorld(String datapath) throws Exception {
    links.addAddress(eth, LAN, DuplicateCheck.SKIP);
    links.addAddress(eth, LAN6, DuplicateCheck.SKIP);
    Lab lab = lab(datapath);
    try (var _ = new EchoServer(node, PORT)) {
      node.call(() -> lab.pod("client"));
      Netns client = lab.netns("client");
      ip("route add local 203.0.113.0/24 dev lo");
      ip("-6 route add local 2001:db8:1::/64 dev lo");
      until(() -> hostRows(lab).containsAll(Set.of("203.0.113.0/24", "2001:db8:1::/64")));
      var targets = List.of(IpAddress.parse("203.0.113.77"), IpAddress.parse("2001:db8:1::77"));
      for (IpAddress each : targets) {
        until(() -> Traffic.reaches(client, each, PORT, Way.TCP));
      }
      node.call(() -> {
        lab.apply("world", WORLD);
        return lab;
      });
      for (IpAddress each : targets) {
        assertFalse(Traffic.reaches(client, each, PORT, Way.TCP), each.toString());
      }
      node.call(() -> {
        lab.apply("host", HOST);
        return lab;
      });
      for (IpAddress each : targets) {
        assertTrue(Traffic.reaches(client, each, PORT, Way.TCP), each.toString());
      }
      ip("route delete local 203.0.113.0/24 dev lo");
      ip("-6 route delete local 2001:db8:1::/64 dev lo");
      until(() ->
          hostRows(lab).stream().noneMatch(row -> row.contains("/24") || row.contains("/64")));
    } finally {
      close(lab);
    }
  }

  /** Runs {@code ip} on the node. */
  private void ip(String arguments) {
    try {
      Program.run(node, List.of(("ip " + arguments).split(" ", -1)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The node's end of a pod's devices has a link-local address, and sockets that listen there. */
  @Test
  void linkLocalAddress_ofTheNode_isNoPartOfTheWorld() throws Exception {
    Lab lab = lab("ebpf");
    try {
      Endpoint pod = node.call(() -> lab.pod("client"));
      Netns client = lab.netns("client");
      InetAddress target = linkLocal(pod.device().hostIfindex(), client);
      IpAddress source = pod.addresses().get(1);
      node.call(() -> {
        lab.apply("world", WORLD);
        return lab;
      });
      assertFalse(arrives(client, source, target));
      node.call(() -> {
        lab.apply("host", HOST);
        return lab;
      });
      until(() -> arrives(client, source, target));
    } finally {
      close(lab);
    }
  }

  /** Without an IPv4 address for pods' devices, under the setting that wants one. */
  @Test
  void ipv6OnlyAgent_underAnyReversePath_reachesTheNode() throws Exception {
    Agent agent =
        Agent.builder()
            .instance("itsix")
            .datapath("ebpf")
            .stateFolder(folder.resolve("state"))
            .podCidrs("fd99:62::/112")
            .build();
    try (Netns client = node.call(() -> Netns.create(NODE + "-pod"));
        var _ = new EchoServer(node, PORT)) {
      node.call(() -> {
        Sysctl.write("net/ipv4/conf/all/rp_filter", "1");
        agent.start();
        return agent.createEndpoint(
            new EndpointRequest("default", "client", Map.of(), client.path().toString()));
      });
      until(() -> Traffic.reaches(client, IpAddress.parse("fd99:62::1"), PORT, Way.UDP));
    } finally {
      node.call(() -> {
        agent.destroy();
        return agent;
      });
      Netns.delete(Netns.DEFAULT_FOLDER.resolve(NODE + "-pod"));
    }
  }

  /** The address of the node's device, as the pod writes it: by its own device. */
  private InetAddress linkLocal(int hostIfindex, Netns client) throws IOException {
    InterfaceAddress found = links.listAddresses(hostIfindex).getFirst();
    for (InterfaceAddress each : links.listAddresses(hostIfindex)) {
      found = each.address().isV4() ? found : each;
    }
    try (Netlink inside = Netlink.open(client)) {
      int device = inside.linkByName("eth0").orElseThrow().index();
      return Inet6Address.getByAddress(null, found.address().bytes(), device);
    }
  }

  /** Whether a datagram reaches a socket of the node that takes any address. */
  private boolean arrives(Netns from, IpAddress to) {
    return arrives(from, IpAddress.parse(to.isV4() ? "0.0.0.0" : "::"), to.toInetAddress());
  }

  private boolean arrives(Netns from, IpAddress source, InetAddress to) {
    int port = PORT + 1;
    try (DatagramSocket server = node.call(() -> new DatagramSocket(port));
        DatagramSocket client = from.call(() -> new DatagramSocket(0, source.toInetAddress()))) {
      server.setSoTimeout(1000);
      client.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(to, port)));
      server.receive(new DatagramPacket(new byte[1], 1));
      return true;
    } catch (SocketTimeoutException e) {
      return false;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void until(BooleanSupplier wanted) {
    long end = System.nanoTime() + AT_ONCE.toNanos();
    while (!wanted.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, "not within its time");
      Thread.onSpinWait();
    }
  }
}
