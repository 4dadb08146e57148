// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.packets.Conversation.Kind;
import io.cilium4j.datapath.packets.Conversation.Says;
import io.cilium4j.datapath.packets.Conversation.Step;
import io.cilium4j.datapath.packets.Station.Place;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What policy closes is closed for the next packet, whoever sends it: several hundred flows go on
 * while they are allowed no more, or while they still are, after each way to revoke.
 *
 * <p>Which is which is looked up in the compiled policies themselves. Each step of all flows is
 * waited for, by a packet behind it on the same way that must arrive, before anything is counted.
 */
class RevocationKernelIT extends PacketTests {

  static Stream<Arguments> ways() {
    return Stream.of(Revocation.values())
        .flatMap(way -> Stream.of(TrafficDirection.values()).map(side -> Arguments.of(way, side)));
  }

  @ParameterizedTest
  @MethodSource("ways")
  void revoked_liveFlows_carryNoPacketEitherWayAndOthersLoseNone(
      Revocation way, TrafficDirection side) {
    NodeState before = way.before(node, side);
    NodeState after = way.after(node, side);
    node.apply(before);
    List<Conversation> all = conversations();
    List<Conversation> live = where(all, each -> allows(before, each));
    List<Conversation> revoked = where(live, each -> !allows(after, each));
    List<Conversation> kept = where(live, each -> allows(after, each));
    assertCovered(way.clients(side), revoked, kept);
    speakAll(live, Conversation::opening, live);

    node.apply(after);
    speakAll(live, Conversation::going, kept);
    // A new connection is refused, which is what the ones before must have been.
    speakAll(
        revoked, _ -> List.of(new Step(true, Says.SYN), new Step(false, Says.DATA)), List.of());

    node.apply(before);
    // What was revoked stays so until it begins anew: with its client, and TCP with a SYN.
    speakAll(revoked, _ -> List.of(new Step(false, Says.DATA)), List.of());
    List<Conversation> tcp = where(revoked, each -> each.kind().isTcp());
    speakAll(tcp, _ -> List.of(new Step(true, Says.DATA), new Step(false, Says.DATA)), List.of());
    speakAll(revoked, Conversation::opening, revoked);
  }

  /**
   * Of a connection that is not known any more, the ports say who is its server: it goes on where
   * policy lets the other begin it, and nowhere else.
   */
  @ParameterizedTest
  @MethodSource("ways")
  void revoked_whatIsForgotten_isAskedForAsItBegan(Revocation way, TrafficDirection side) {
    NodeState before = way.before(node, side);
    NodeState after = way.after(node, side);
    node.apply(before);
    List<Conversation> live =
        where(conversations(), each -> each.kind().isTcp() && allows(before, each));
    List<Conversation> kept = where(live, each -> allows(after, each));
    Script talk =
        flow -> {
          Step first = new Step(flow.clientFirst(), Says.DATA);
          return List.of(first, new Step(!flow.clientFirst(), Says.DATA), first);
        };
    speakAll(live, Conversation::opening, live);
    node.age(FORGOTTEN_SECONDS);
    speakAll(live, talk, live);
    node.apply(after);
    speakAll(live, talk, kept);

    node.apply(before);
    List<Conversation> others =
        where(conversations(), each -> each.kind().isTcp() && allows(before, each));
    speakAll(others, Conversation::opening, others);
    node.apply(after);
    node.age(FORGOTTEN_SECONDS);
    speakAll(others, talk, where(others, each -> allows(after, each)));
  }

  /** Longer than the life of any flow. */
  private static final int FORGOTTEN_SECONDS = 9000;

  /** Sends each step of all flows; exactly the packets of {@code passing} arrive. */
  private void speakAll(List<Conversation> flows, Script script, List<Conversation> passing) {
    Set<Conversation> wanted = new HashSet<>(passing);
    var wrong = new TreeMap<String, Integer>();
    for (int step = 0; ; step++) {
      List<Shot> shots = new ArrayList<>();
      List<Conversation> speakers = new ArrayList<>();
      for (Conversation flow : flows) {
        List<Step> steps = script.of(flow);
        if (step < steps.size()) {
          shots.add(flow.shot(node, steps.get(step)));
          speakers.add(flow);
        }
      }
      if (shots.isEmpty()) {
        break;
      }
      Set<Shot> arrived = node.deliver(shots);
      for (int i = 0; i < shots.size(); i++) {
        boolean passed = arrived.contains(shots.get(i));
        if (passed != wanted.contains(speakers.get(i))) {
          Step said = script.of(speakers.get(i)).get(step);
          wrong.merge(describe(speakers.get(i), said, step, passed), 1, Integer::sum);
        }
      }
    }
    assertEquals("", String.join("\n", wrong.keySet()), kind + ": what went wrong");
  }

  /** What is said by a flow. */
  private interface Script {
    List<Step> of(Conversation flow);
  }

  private static String describe(Conversation flow, Step said, int step, boolean passed) {
    return "%s %s, %s to %s:%d, step %d, %s of the %s: %s"
        .formatted(
            flow.kind(),
            flow.family(),
            flow.client(),
            flow.server(),
            flow.port(),
            step,
            said.what(),
            said.byClient() ? "client" : "server",
            passed ? "passed" : "was dropped");
  }

  private static boolean allows(NodeState state, Conversation flow) {
    return state.allows(flow.client(), flow.server(), flow.protocol(), flow.port());
  }

  private static List<Conversation> where(List<Conversation> all, Predicate<Conversation> which) {
    return all.stream().filter(which).toList();
  }

  /** Every kind of flow between b and everybody, and between others. */
  private List<Conversation> conversations() {
    List<Conversation> all = new ArrayList<>();
    for (Station peer :
        List.of(node.a, node.c, node.node1, node.node2, node.outside1, node.outside2)) {
      addBothWays(node.b, peer, all);
    }
    addBothWays(node.c, node.node1, all);
    addBothWays(node.c, node.outside1, all);
    addBothWays(node.c, node.d, all);
    return all;
  }

  private void addBothWays(Station one, Station other, List<Conversation> all) {
    for (boolean oneIsClient : List.of(true, false)) {
      for (IpFamily family : IpFamily.values()) {
        for (Kind kindOfFlow : Kind.values()) {
          for (boolean closed : List.of(true, false)) {
            for (boolean clientFirst : List.of(true, false)) {
              all.add(
                  new Conversation(
                      kindOfFlow,
                      family,
                      oneIsClient ? one : other,
                      oneIsClient ? other : one,
                      port(kindOfFlow, family, closed),
                      nextPort(),
                      clientFirst));
            }
          }
        }
      }
    }
  }

  private static int port(Kind kind, IpFamily family, boolean closed) {
    if (kind == Kind.ICMP) {
      int[] types = closed ? Revocation.CLOSED_TYPES : Revocation.KEPT_TYPES;
      return types[family == IpFamily.IPV4 ? 0 : 1];
    }
    return closed ? Revocation.CLOSED : Revocation.KEPT;
  }

  /** Nothing is shown by flows that are not there. */
  private static void assertCovered(
      Set<Place> clients, List<Conversation> revoked, List<Conversation> kept) {
    for (Place place : Place.values()) {
      for (IpFamily family : IpFamily.values()) {
        for (Kind kind : Kind.values()) {
          for (boolean clientFirst : List.of(true, false)) {
            Predicate<Conversation> like =
                each ->
                    each.client().place() == place
                        && each.family() == family
                        && each.kind() == kind
                        && each.clientFirst() == clientFirst;
            assertTrue(kept.stream().anyMatch(like), () -> "kept " + place + kind);
            if (clients.contains(place)) {
              assertTrue(revoked.stream().anyMatch(like), () -> "revoked " + place + kind);
            }
          }
        }
      }
    }
  }
}
