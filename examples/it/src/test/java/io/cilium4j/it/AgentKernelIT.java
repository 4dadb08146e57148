// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentException;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An agent with pods in real namespaces: who reaches whom, and what is left when it is over. */
class AgentKernelIT {

  private static final int PORT = 8080;

  private static final String ONLY_TCP_FROM_ALICE =
      """
      endpointSelector:
        matchLabels: {app: bob}
      ingress:
      - fromEndpoints:
        - matchLabels: {app: alice}
        toPorts:
        - ports:
          - {port: "8080", protocol: TCP}
      """;

  private static final String NOTHING_FROM_ALICE =
      """
      endpointSelector:
        matchLabels: {app: bob}
      ingressDeny:
      - fromEndpoints:
        - matchLabels: {app: alice}
      """;

  /** What of everything that there is reaches {@code to}, as {@code TCP IPV4}. */
  private static Set<String> reached(Netns from, List<IpAddress> to) {
    Set<String> reached = new java.util.TreeSet<>();
    var threads = new ArrayList<Thread>();
    for (IpAddress address : to) {
      for (Way way : Way.values()) {
        threads.add(
            Thread.startVirtualThread(() -> {
              if (Traffic.reaches(from, address, PORT, way)) {
                synchronized (reached) {
                  reached.add(way + " " + address.family());
                }
              }
            }));
      }
    }
    for (Thread thread : threads) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
    return reached;
  }

  private static final Set<String> EVERYTHING =
      Set.of("TCP IPV4", "TCP IPV6", "UDP IPV4", "UDP IPV6", "ICMP IPV4", "ICMP IPV6");

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void traffic_beforeAndAfterAPolicy_isAsTheRulesSay(String datapath) throws Exception {
    try (var lab = new Lab("ita", datapath, 1);
        var node = Netns.current()) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      Endpoint eve = lab.pod("eve");
      try (var _ = new EchoServer(lab.netns("bob"), PORT);
          var _ = new EchoServer(node, PORT)) {
        assertEquals(EndpointState.READY, bob.state());
        assertEquals(EVERYTHING, reached(lab.netns("alice"), bob.addresses()), "pod to pod");
        assertEquals(EVERYTHING, reached(node, bob.addresses()), "node to pod");
        assertEquals(
            EVERYTHING,
            reached(
                lab.netns("alice"),
                List.of(IpAddress.parse("10.99.1.1"), IpAddress.parse("fd99:1::1"))),
            "pod to node");
        lab.apply("only-tcp", ONLY_TCP_FROM_ALICE);
        assertEquals(
            Set.of("TCP IPV4", "TCP IPV6"), reached(lab.netns("alice"), bob.addresses()), "rule");
        assertEquals(Set.of(), reached(lab.netns("eve"), bob.addresses()), "default deny");
        assertEquals(EVERYTHING, reached(node, bob.addresses()), "the node is let in");
        assertTrue(
            lab.agent().flows().stream()
                .anyMatch(each ->
                    each.flow().drop().isPresent()
                        && each.flow().sourceIdentity() == eve.identity()),
            "drops were reported");
        assertTrue(
            lab.agent().flows().stream()
                .anyMatch(each ->
                    each.rule().resource().equals("CiliumNetworkPolicy/default/only-tcp")
                        && each.flow().sourceIdentity() == alice.identity()),
            "the rule that allowed was reported");
        lab.apply("not-alice", NOTHING_FROM_ALICE);
        assertEquals(Set.of(), reached(lab.netns("alice"), bob.addresses()), "deny rule");
        assertDropsNameWhatDecided(lab.agent().flows(), alice, eve);
      }
    }
  }

  /** Alice was denied by a rule, eve by none that allows; nothing else was. */
  private static void assertDropsNameWhatDecided(
      List<ReportedFlow> flows, Endpoint alice, Endpoint eve) {
    for (Endpoint from : List.of(alice, eve)) {
      Set<String> deciders =
          flows.stream()
              .filter(ReportedFlow::isDropped)
              .filter(each -> each.flow().sourceIdentity() == from.identity())
              .map(each -> each.flow().drop().orElseThrow() + " by " + each.rule())
              .collect(Collectors.toSet());
      String denied = DropReason.POLICY_DENIED + " by default deny";
      Set<String> expected =
          from.equals(eve)
              ? Set.of(denied)
              : Set.of(
                  denied, // What only TCP was allowed to.
                  DropReason.POLICY_DENY
                      + " by CiliumNetworkPolicy/default/not-alice spec.ingressDeny[0]");
      assertEquals(expected, deciders, from.name());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void stop_startedAgain_endpointsAreTheSame(String datapath) throws Exception {
    try (var lab = new Lab("itb", datapath, 2)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("only-tcp", ONLY_TCP_FROM_ALICE);
      lab.agent().stop();
      lab.agent().start();
      try (var _ = new EchoServer(lab.netns("bob"), PORT)) {
        lab.agent()
            .awaitPolicy(
                new ResourceKey("CiliumNetworkPolicy", "default", "only-tcp"),
                java.time.Duration.ofSeconds(30));
        for (Endpoint before : List.of(alice, bob)) {
          Endpoint after = lab.agent().endpoint("default", before.name()).orElseThrow();
          assertEquals(before.id(), after.id());
          assertEquals(before.addresses(), after.addresses());
          assertEquals(before.identity(), after.identity());
          assertEquals(before.device(), after.device());
        }
        assertEquals(Set.of("TCP IPV4", "TCP IPV6"), reached(lab.netns("alice"), bob.addresses()));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void twoInstances_sideBySide_leaveEachOtherAlone(String datapath) throws Exception {
    try (var first = new Lab("itc", datapath, 3)) {
      first.agent().start();
      first.pod("alice");
      Endpoint bob = first.pod("bob");
      try (var _ = new EchoServer(first.netns("bob"), PORT)) {
        Set<String> owned = first.owned();
        try (var second = new Lab("itd", datapath, 4)) {
          second.agent().start();
          second.pod("alice");
          Endpoint other = second.pod("bob");
          try (var _ = new EchoServer(second.netns("bob"), PORT)) {
            assertTrue(
                Traffic.reaches(
                    second.netns("alice"),
                    other.address(IpFamily.IPV4).orElseThrow(),
                    PORT,
                    Way.TCP));
          }
        }
        assertEquals(owned, first.owned(), "the other one's end took nothing along");
        assertTrue(
            Traffic.reaches(
                first.netns("alice"), bob.address(IpFamily.IPV4).orElseThrow(), PORT, Way.TCP));
      }
    }
  }

  @Test
  void start_instanceRunsAlready_isRefusedInOneLine() throws Exception {
    try (var lab = new Lab("ite", "memory", 5)) {
      lab.agent().start();
      var second = Lab.newAgent("ite", "memory", 5, lab.folder());
      var refusal = assertThrows(AgentException.class, second::start);
      assertTrue(
          String.valueOf(refusal.getMessage()).startsWith("instance ite is running already"),
          refusal.getMessage());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void createEndpoint_nameExistsOrNamespaceIsMissing_leavesNothing(String datapath)
      throws Exception {
    try (var lab = new Lab("itf", datapath, 6)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Set<String> owned = lab.owned();
      var exists = assertThrows(AgentException.class, () -> lab.pod("alice"));
      assertEquals(
          "endpoint default/alice exists already, with id " + alice.id(), exists.getMessage());
      var missing =
          assertThrows(
              AgentException.class, () -> lab.agent().createEndpoint(Lab.request("itf", "nobody")));
      assertFalse(String.valueOf(missing.getMessage()).contains("\n"), missing.getMessage());
      assertEquals(owned, lab.owned());
      assertEquals(1, lab.agent().endpoints().snapshot().size());
    }
  }

  @Test
  void restore_damagedStateFile_costsThatEndpointOnly() throws Exception {
    try (var lab = new Lab("itg", "memory", 7)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.agent().stop();
      Path files = lab.folder().resolve("state/endpoints");
      Files.writeString(files.resolve(alice.id() + ".json"), "{\"version\": 1, \"id\":");
      lab.agent().start();
      assertTrue(lab.agent().endpoint("default", "alice").isEmpty());
      assertEquals(bob.id(), lab.agent().endpoint("default", "bob").orElseThrow().id());
    }
  }
}
