// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.memory.Frames;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An address is somebody's for a while. Who gets it next is no part of the conversations of the one
 * before: what he sends begins a flow of his own, and what is sent to him is no answer.
 */
class ReusedAddressKernelIT extends PacketTests {

  private static final int OLD = 21;
  private static final int NEW = 22;
  private static final int POD = 1500;
  private static final int OTHER_POD = 1501;
  private static final int WORLD = 2;
  private static final int PREFIX = 1 << 24 | 17;
  private static final int OTHER_PREFIX = 1 << 24 | 18;

  /** What is said, in a flow between a client and a server. */
  enum Talk {
    UDP(53),
    /** Of which the ports tell that the server is it. */
    TCP(80),
    /** Of which they tell the opposite. */
    TCP_BACKWARDS(50_000),
    ECHO(0);

    private final int serverPort;

    Talk(int serverPort) {
      this.serverPort = serverPort;
    }
  }

  /** What becomes of the address between its two pods. */
  enum Gap {
    NONE,
    /** The other end goes on to speak, to nobody. */
    SPOKEN_TO,
  }

  record Case(IpFamily family, Talk talk, Gap gap, int heirId) {}

  static Stream<Case> cases() {
    List<Case> all = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      for (Talk talk : Talk.values()) {
        for (Gap gap : Gap.values()) {
          // With a number of its own, or also that of the one before.
          all.add(new Case(family, talk, gap, NEW));
          all.add(new Case(family, talk, gap, OLD));
        }
      }
    }
    return all.stream();
  }

  private final List<Station> pods = new ArrayList<>();

  @AfterEach
  void removePods() {
    pods.forEach(node::remove);
    pods.clear();
  }

  private Station old() {
    Station pod = node.pod("old", OLD);
    pods.add(pod);
    return pod;
  }

  private Station heir(Station of, int id) {
    end(of);
    Station pod = node.heir("heir", id, of);
    pods.add(pod);
    return pod;
  }

  private void end(Station pod) {
    if (pods.remove(pod)) {
      node.remove(pod);
    }
  }

  /** A state in which pod a may speak in one direction alone. */
  private NodeState only(TrafficDirection direction) {
    return NodeState.OPEN.policy(node.a, NodeState.only(direction));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void server_thatGotItsAddressFromAnother_answersNobody(Case given) {
    NodeState state = only(TrafficDirection.EGRESS);
    Station old = old();
    node.apply(state);
    Line line = new Line(given.family, given.talk, node.a, old);
    line.open();
    end(old);
    if (given.gap == Gap.SPOKEN_TO) {
      node.sendRaw(node.a, line.request(Frames.ACK).frame());
      node.settle(node.a, node.outside1);
    }
    Station heir = heir(old, given.heirId);
    node.apply(state.identity(heir, OTHER_POD));
    Line inherited = line.to(heir);
    for (int i = 0; i < 3; i++) {
      assertFalse(node.passes(inherited.answer(Frames.ACK)));
      assertFalse(node.passes(inherited.answer(Frames.RST)));
    }
    inherited.open();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void client_thatGotItsAddressFromAnother_isAnsweredByNobody(Case given) {
    NodeState state = only(TrafficDirection.INGRESS);
    Station old = old();
    node.apply(state);
    Line line = new Line(given.family, given.talk, old, node.a);
    line.open();
    end(old);
    if (given.gap == Gap.SPOKEN_TO) {
      node.sendRaw(node.a, line.answer(Frames.ACK).frame());
      node.settle(node.a, node.outside1);
    }
    Station heir = heir(old, given.heirId);
    node.apply(state.identity(heir, OTHER_POD));
    Line inherited = line.from(heir);
    for (int i = 0; i < 3; i++) {
      assertFalse(node.passes(inherited.answer(Frames.ACK)));
    }
    inherited.open();
  }

  /** As when its device was made anew. */
  @ParameterizedTest
  @EnumSource
  void endpoint_ofTheSameNumberAndIdentity_keepsItsFlows(Talk talk) {
    NodeState state = only(TrafficDirection.EGRESS);
    for (IpFamily family : IpFamily.values()) {
      Station old = old();
      node.apply(state);
      Line line = new Line(family, talk, node.a, old);
      line.open();
      Station again = heir(old, OLD);
      node.apply(state);
      assertTrue(node.passes(line.to(again).answer(Frames.ACK)));
      end(again);
    }
  }

  @ParameterizedTest
  @EnumSource
  void endpoint_thatGetsOtherLabels_keepsItsFlows(Talk talk) {
    NodeState state = only(TrafficDirection.EGRESS);
    Station pod = old();
    for (IpFamily family : IpFamily.values()) {
      node.apply(state);
      Line line = new Line(family, talk, node.a, pod);
      line.open();
      node.apply(state.identity(pod, OTHER_POD));
      assertTrue(node.passes(line.answer(Frames.ACK)));
    }
  }

  // ---- Beyond this node

  @ParameterizedTest
  @MethodSource("cases")
  void addressBeyondTheNode_thatIsAnotherPodsNow_answersNobody(Case given) {
    NodeState state = only(TrafficDirection.EGRESS);
    node.apply(state.addresses(node.outside1, POD));
    Line line = new Line(given.family, given.talk, node.a, node.outside1);
    line.open();
    if (given.gap == Gap.SPOKEN_TO) {
      node.apply(state.addresses(node.outside1, WORLD));
      assertTrue(node.passes(line.request(Frames.ACK)));
    }
    node.apply(state.addresses(node.outside1, OTHER_POD));
    // Or it is the same pod with other labels: a connection of this server goes on.
    boolean isServer = given.talk == Talk.TCP;
    assertEquals(isServer, node.passes(line.answer(Frames.ACK)));
    assertEquals(isServer, node.passes(line.answer(Frames.ACK)));
    assertTrue(node.passes(line.request(Frames.ACK)));
    assertTrue(node.passes(line.answer(Frames.ACK)));
  }

  @ParameterizedTest
  @EnumSource
  void addressBeyondTheNode_thatIsAnotherPodsNow_isAnsweredByNobody(Talk talk) {
    NodeState state = only(TrafficDirection.INGRESS);
    for (IpFamily family : IpFamily.values()) {
      node.apply(state.addresses(node.outside1, POD));
      Line line = new Line(family, talk, node.outside1, node.a);
      line.open();
      node.apply(state.addresses(node.outside1, OTHER_POD));
      assertEquals(talk == Talk.TCP, node.passes(line.answer(Frames.ACK)));
      assertTrue(node.passes(line.request(Frames.ACK)));
      assertTrue(node.passes(line.answer(Frames.ACK)));
    }
  }

  /** Its number is that of the prefixes which rules name. */
  @ParameterizedTest
  @EnumSource
  void addressOutsideTheCluster_thatAnotherPrefixNames_keepsItsFlows(Talk talk) {
    NodeState state = only(TrafficDirection.EGRESS);
    for (IpFamily family : IpFamily.values()) {
      node.apply(state);
      Line line = new Line(family, talk, node.a, node.outside1);
      line.open();
      for (int identity : new int[] {PREFIX, OTHER_PREFIX, WORLD}) {
        node.apply(state.addresses(node.outside1, identity));
        assertTrue(node.passes(line.answer(Frames.ACK)));
      }
    }
  }

  /** A flow, of which either end says something. */
  private final class Line {
    private final IpFamily family;
    private final Talk talk;
    private final Station client;
    private final Station server;
    private final int clientPort;

    Line(IpFamily family, Talk talk, Station client, Station server) {
      this(family, talk, client, server, talk == Talk.TCP_BACKWARDS ? nextLow() : nextPort());
    }

    private Line(IpFamily family, Talk talk, Station client, Station server, int clientPort) {
      this.family = family;
      this.talk = talk;
      this.client = client;
      this.server = server;
      this.clientPort = clientPort;
    }

    Line to(Station newServer) {
      return new Line(family, talk, client, newServer, clientPort);
    }

    Line from(Station newClient) {
      return new Line(family, talk, newClient, server, clientPort);
    }

    void open() {
      assertTrue(node.passes(request(Frames.SYN)));
      assertTrue(node.passes(answer(Frames.SYN_ACK)));
      assertTrue(node.passes(request(Frames.ACK)));
      assertTrue(node.passes(answer(Frames.ACK)));
    }

    Shot request(int flags) {
      int type = family == IpFamily.IPV4 ? 8 : 128;
      return node.shot(
          client,
          server,
          family,
          frames ->
              switch (talk) {
                case UDP -> frames.udp(clientPort, talk.serverPort);
                case TCP, TCP_BACKWARDS -> frames.tcp(clientPort, talk.serverPort, flags);
                case ECHO -> frames.icmp(type, clientPort, new byte[4]);
              });
    }

    Shot answer(int flags) {
      int type = family == IpFamily.IPV4 ? 0 : 129;
      return node.shot(
          server,
          client,
          family,
          frames ->
              switch (talk) {
                case UDP -> frames.udp(talk.serverPort, clientPort);
                case TCP, TCP_BACKWARDS -> frames.tcp(talk.serverPort, clientPort, flags);
                case ECHO -> frames.icmp(type, clientPort, new byte[4]);
              });
    }
  }

  private int lastLow = 1000;

  /** A port that no system chooses for a client. */
  private int nextLow() {
    return ++lastLow;
  }
}
