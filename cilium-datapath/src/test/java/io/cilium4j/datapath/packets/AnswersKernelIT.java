// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Only an answer answers: a request of the same identifier is a flow of its own. */
class AnswersKernelIT extends PacketTests {

  /** Request and answer. */
  static Stream<Arguments> pairs() {
    return Stream.of(
        Arguments.of(IpFamily.IPV4, 8, 0),
        Arguments.of(IpFamily.IPV4, 13, 14),
        Arguments.of(IpFamily.IPV4, 15, 16),
        Arguments.of(IpFamily.IPV4, 17, 18),
        Arguments.of(IpFamily.IPV4, 42, 43),
        Arguments.of(IpFamily.IPV6, 128, 129),
        Arguments.of(IpFamily.IPV6, 139, 140),
        Arguments.of(IpFamily.IPV6, 160, 161));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void request_withTheIdentifierOfTheOthersFlow_isAskedForByPolicy(
      IpFamily family, int request, int answer) {
    NodeState[] oneSided = {
      NodeState.OPEN.policy(node.a, NodeState.only(TrafficDirection.INGRESS)),
      NodeState.OPEN.policy(node.b, NodeState.only(TrafficDirection.EGRESS)),
    };
    for (NodeState onlyBMayAsk : oneSided) {
      node.apply(onlyBMayAsk);
      int id = nextPort();
      assertTrue(icmp(node.b, node.a, family, request, id), "b asks");
      assertTrue(icmp(node.a, node.b, family, answer, id), "a answers");
      assertFalse(icmp(node.a, node.b, family, request, id), "a asks");
      var event =
          node.awaitEvent(each -> each.trace().isEmpty() && each.destinationPort() == request);
      assertEquals(Optional.of(DropReason.POLICY_DENIED), event.drop());
      assertTrue(icmp(node.a, node.b, family, answer, id), "a answers still");
      node.events.clear();
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void requests_ofBothWithOneIdentifier_areTwoFlows(IpFamily family, int request, int answer) {
    int id = nextPort();
    assertTrue(icmp(node.b, node.a, family, request, id));
    assertTrue(icmp(node.a, node.b, family, request, id));
    node.apply(NodeState.OPEN.policy(node.a, NodeState.only(TrafficDirection.INGRESS)));
    assertFalse(icmp(node.b, node.a, family, answer, id), "an answer to what a may not ask");
    assertTrue(icmp(node.a, node.b, family, answer, id), "an answer to what b may");
  }

  @ParameterizedTest
  @EnumSource
  void answer_ofAnotherPair_isNoAnswer(IpFamily family) {
    node.apply(NodeState.OPEN.policy(node.a, NodeState.only(TrafficDirection.INGRESS)));
    int id = nextPort();
    boolean v4 = family == IpFamily.IPV4;
    assertTrue(icmp(node.b, node.a, family, v4 ? 8 : 128, id));
    assertFalse(icmp(node.a, node.b, family, v4 ? 14 : 140, id));
    assertTrue(icmp(node.a, node.b, family, v4 ? 0 : 129, id));
  }

  /** It is a message of its own type, which policy may name. */
  @ParameterizedTest
  @EnumSource
  void answer_toNothing_isAskedForByItsOwnType(IpFamily family) {
    boolean v4 = family == IpFamily.IPV4;
    int protocol = v4 ? NodeState.ICMP : NodeState.ICMPV6;
    NodeState.Rules requests = NodeState.rules().allow(TrafficDirection.EGRESS);
    requests.allow(TrafficDirection.INGRESS, protocol, v4 ? 8 : 128);
    node.apply(NodeState.OPEN.policy(node.b, requests.build()));
    assertFalse(icmp(node.a, node.b, family, v4 ? 0 : 129, nextPort()));
    NodeState.Rules answers = NodeState.rules().allow(TrafficDirection.EGRESS);
    answers.allow(TrafficDirection.INGRESS, protocol, v4 ? 0 : 129);
    node.apply(NodeState.OPEN.policy(node.b, answers.build()));
    assertTrue(icmp(node.a, node.b, family, v4 ? 0 : 129, nextPort()));
    assertFalse(icmp(node.a, node.b, family, v4 ? 8 : 128, nextPort()));
  }

  private boolean icmp(Station from, Station to, IpFamily family, int type, int identifier) {
    return node.passes(from, to, family, frames -> frames.icmp(type, identifier, new byte[4]));
  }
}
