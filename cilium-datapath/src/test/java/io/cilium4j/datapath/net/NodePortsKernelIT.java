// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.lb.MaglevTable;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the kernel makes of the table: whom it leads clients to. Each node is a namespace. */
class NodePortsKernelIT {
  private static final int LO = 1;
  private static final int PORT = 7000;
  private static final int FIRST_CLIENT = 20_000;
  private static final int CLIENTS = 500;
  private static final int BACKENDS = 10;
  private static final InstanceNames NAMES = new InstanceNames("npk");
  private static final String TABLE = "cilium4j_npk_nodeport";

  @TempDir private Path folder;
  private final List<Node> nodes = new ArrayList<>();

  @BeforeEach
  void requireProgram() {
    assumeTrue(Nft.find().isPresent());
  }

  @AfterEach
  void removeNodes() throws IOException {
    for (Node node : nodes) {
      node.netns.close();
      Netns.delete(node.netns.path());
    }
  }

  private static IpAddress address(IpFamily family, int number) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "127.0.0.0" : "fd00:7::").plus(number);
  }

  /** A node that has all addresses itself, so that its own processes are its clients. */
  private final class Node {
    private final Netns netns;
    private final Path program;
    private final Nft nft;
    private NodePorts ports;

    Node(String name) throws IOException {
      netns = KernelTests.netns(Files.createDirectory(folder.resolve(name)));
      nodes.add(this);
      // Programs go there by themselves: what the JDK keeps to wait for them is to stay here.
      program = folder.resolve(name + ".sh");
      Files.writeString(
          program, "#!/bin/sh\nexec nsenter --net=%s nft \"$@\"\n".formatted(netns.path()));
      Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
      nft = new Nft(program);
      ports = begun();
      try (Netlink netlink = Netlink.open(netns)) {
        netlink.setUp(LO);
        for (int i = 1; i <= 100; i++) {
          netlink.addAddress(
              LO, new InterfaceAddress(address(IpFamily.IPV6, i), 128), DuplicateCheck.SKIP);
        }
      }
    }

    private NodePorts begun() {
      var begun = new NodePorts(NAMES, nft, table -> netns.call(() -> NftContents.read(table)));
      begun.check(LoadBalancerAlgorithm.MAGLEV);
      return begun;
    }

    /** As when the agent has died and starts again. */
    void restart() {
      ports = begun();
    }

    String serve(ExternalFrontend... frontends) {
      var scope =
          new Scope(
              List.of(frontends),
              List.of(IpPrefix.parse("127.0.0.48/28"), IpPrefix.parse("fd00:7::30/124")),
              List.of(),
              MaglevParameters.DEFAULT);
      return ports.apply(scope);
    }

    boolean mend() {
      return ports.mend();
    }

    void nft(String script) {
      nft.apply(script);
    }

    String listed() {
      return nft.list("inet", TABLE).orElseThrow();
    }

    /** The backend of each client, by the client's port. */
    Map<Integer, IpAddress> led(IpAddress from, IpAddress to) throws IOException {
      return netns.call(() -> {
        try (KernelConntrack connections = KernelConntrack.open()) {
          connections.delete(to.family(), _ -> true);
          for (int i = 0; i < CLIENTS; i++) {
            try (var client =
                new DatagramSocket(new InetSocketAddress(from.toInetAddress(), FIRST_CLIENT + i))) {
              client.send(new DatagramPacket(new byte[1], 1, to.toInetAddress(), PORT));
            }
          }
          Map<Integer, IpAddress> led = new TreeMap<>();
          connections.list(to.family()).stream()
              .filter(each -> each.original().destination().equals(to))
              .forEach(each -> led.put(each.original().sourcePort(), each.reply().source()));
          assertEquals(CLIENTS, led.size());
          return led;
        }
      });
    }
  }

  private static List<Backend> backends(IpFamily family, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> Backend.active(address(family, 50 + i), 7001))
        .toList();
  }

  private static ExternalFrontend frontend(
      int number, IpAddress asked, List<Backend> backends, boolean hasAffinity) {
    return new ExternalFrontend(
        number,
        new FrontendKey(asked, PORT, Protocol.UDP),
        backends,
        hasAffinity,
        List.of(),
        false,
        LoadBalancerAlgorithm.MAGLEV,
        false);
  }

  /** Two nodes are asked at addresses of their own, from the same ports. */
  @ParameterizedTest
  @EnumSource
  void maglev_onTwoNodes_leadsAFlowToTheSameBackend(IpFamily family) throws IOException {
    IpAddress client = address(family, 1);
    List<Backend> all = backends(family, BACKENDS);
    var first = new Node("first");
    var second = new Node("second");
    assertEquals("", first.serve(frontend(4, address(family, 2), all, false)));
    assertEquals("", second.serve(frontend(9, address(family, 3), all.reversed(), false)));
    Map<Integer, IpAddress> before = first.led(client, address(family, 2));
    assertEquals(before, second.led(client, address(family, 3)));
    // All of them serve, none much more than its tenth.
    Set<IpAddress> served = new HashSet<>(before.values());
    assertEquals(BACKENDS, served.size());
    for (IpAddress backend : served) {
      long share = before.values().stream().filter(backend::equals).count();
      assertTrue(share > CLIENTS / 25 && share < CLIENTS / 5, () -> backend + ": " + share);
    }
    // One goes: it gets nobody, and few others move.
    Backend gone = all.get(3);
    List<Backend> others = all.stream().filter(each -> !each.equals(gone)).toList();
    first.serve(frontend(4, address(family, 2), others, false));
    Map<Integer, IpAddress> after = first.led(client, address(family, 2));
    assertFalse(after.containsValue(gone.address()));
    long kept = before.values().stream().filter(each -> !each.equals(gone.address())).count();
    long moved =
        before.entrySet().stream()
            .filter(each -> !each.getValue().equals(gone.address()))
            .filter(each -> !each.getValue().equals(after.get(each.getKey())))
            .count();
    assertTrue(moved <= kept * 15 / 100, () -> moved + " of " + kept);
    // And with it back all are where they were, after a restart too.
    first.restart();
    first.serve(frontend(4, address(family, 2), all, false));
    assertEquals(before, first.led(client, address(family, 2)));
    // Another client's same ports are other flows.
    assertNotEquals(before, first.led(address(family, 7), address(family, 2)));
  }

  @ParameterizedTest
  @EnumSource
  void maglev_withAffinity_leadsAClientToOneBackendOnBothNodes(IpFamily family) throws IOException {
    List<Backend> all = backends(family, BACKENDS);
    var first = new Node("first");
    var second = new Node("second");
    first.serve(frontend(4, address(family, 2), all, true));
    second.serve(frontend(9, address(family, 3), all, true));
    Set<IpAddress> chosen = new HashSet<>();
    for (int i = 10; i < 30; i++) {
      Set<IpAddress> led =
          new HashSet<>(first.led(address(family, i), address(family, 2)).values());
      assertEquals(1, led.size(), led::toString);
      assertEquals(led, new HashSet<>(second.led(address(family, i), address(family, 3)).values()));
      chosen.addAll(led);
    }
    assertTrue(chosen.size() > 3, chosen::toString);
  }

  @Test
  void maglev_tables_areWhatIsListedAndGoWithTheirServices() throws IOException {
    var node = new Node("first");
    List<Backend> some = backends(IpFamily.IPV4, 3);
    IpAddress asked = address(IpFamily.IPV4, 2);
    node.serve(frontend(4, asked, some, false), frontend(5, asked.plus(1), some, false));
    var tables = node.ports.maglevTables();
    assertEquals(Set.of(4, 5), tables.keySet());
    assertEquals(
        MaglevParameters.DEFAULT.tableSize(), Objects.requireNonNull(tables.get(4)).size());
    assertEquals(new HashSet<>(some), new HashSet<>(tables.get(4)));
    assertEquals(new MaglevTable(some, MaglevParameters.DEFAULT).slots(), tables.get(5));
    assertEquals(1, constants(node).size());
    // The program leads where its table says: of one backend there is nothing to choose.
    node.serve(frontend(4, asked, some.subList(0, 1), false));
    assertEquals(Set.of(), constants(node));
    assertEquals(Map.of(), node.ports.maglevTables());
  }

  private static Set<String> constants(Node node) {
    return node.netns.call(() -> NftContents.read(TABLE).orElseThrow().constants());
  }

  /**
   * Whatever somebody did to the table is seen and undone; a map with slots is never written anew.
   */
  @Test
  void table_changedByOthers_isMended() throws IOException {
    var node = new Node("first");
    IpAddress asked = address(IpFamily.IPV4, 2);
    List<Backend> all = backends(IpFamily.IPV4, BACKENDS);
    node.serve(
        frontend(4, asked, all, false),
        frontend(6, address(IpFamily.IPV6, 2), backends(IpFamily.IPV6, 2), false));
    Map<Integer, IpAddress> before = node.led(address(IpFamily.IPV4, 1), asked);
    String listed = node.listed();
    String map = constants(node).iterator().next();
    assertFalse(node.mend());
    node.nft("add table inet others\nadd chain inet others c\n");
    assertFalse(node.mend(), "another table is nobody's business");
    for (String change :
        List.of(
            "flush chain inet %s f4",
            "insert rule inet %s f4 drop",
            "flush map inet %s frontends4",
            "add element inet %s frontends4 { 127.0.0.77 . udp . 7000 : goto f4 }",
            "delete element inet %s backends4 { 127.0.0.50 . udp . 7001 }",
            "add chain inet %s evil { type filter hook input priority 0; policy drop; }",
            "add chain inet %1$s one\nadd chain inet %1$s two\nadd rule inet %1$s one jump two",
            "add table inet %s { flags dormant; }",
            "flush table inet %s")) {
      node.nft(change.formatted(TABLE) + "\n");
      assertTrue(node.mend(), change);
      assertEquals(listed, node.listed(), change);
      assertFalse(node.mend(), change);
    }
    assertThrows(
        DatapathException.class,
        () -> node.nft("add element inet %s %s { 5000 : 127.0.0.9 . 1 }\n".formatted(TABLE, map)));
    node.nft("delete table inet " + TABLE + "\n");
    assertTrue(node.mend());
    assertEquals(listed, node.listed());
    assertEquals(before, node.led(address(IpFamily.IPV4, 1), asked));
  }

  /** A restart leaves the maps alone, and what an earlier process wrote beside them goes. */
  @Test
  void constants_overARestart_areNotWrittenAgain() throws IOException {
    var node = new Node("first");
    IpAddress asked = address(IpFamily.IPV4, 2);
    List<Backend> all = backends(IpFamily.IPV4, BACKENDS);
    node.serve(
        frontend(4, asked, all, false), frontend(5, asked.plus(1), all.subList(0, 5), false));
    Set<String> before = constants(node);
    assertEquals(2, before.size());
    String handles = handles(node, before);
    node.restart();
    node.serve(
        frontend(4, asked, all, false), frontend(5, asked.plus(1), all.subList(0, 6), false));
    Set<String> after = constants(node);
    assertEquals(2, after.size());
    Set<String> both = new HashSet<>(before);
    both.retainAll(after);
    assertEquals(1, both.size(), () -> before + " " + after);
    String kept = both.iterator().next();
    String line = handles(node, both);
    assertFalse(line.isEmpty());
    assertTrue(handles.contains(line), () -> kept + "\n" + handles + "\n" + line);
  }

  /** The lines that say by which number the kernel knows maps. */
  private static String handles(Node node, Set<String> maps) throws IOException {
    Process program =
        new ProcessBuilder(node.program.toString(), "-a", "list", "table", "inet", TABLE).start();
    try (var text = program.inputReader()) {
      return String.join(
          "\n",
          text.readAllAsString()
              .lines()
              .map(String::strip)
              .filter(line -> line.startsWith("map m") && line.contains("# handle"))
              .filter(line -> maps.stream().anyMatch(line::contains))
              .toList());
    }
  }
}
