// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.packets.NodeState.Rules;
import io.cilium4j.datapath.packets.Station.Place;
import java.util.EnumSet;
import java.util.Set;

/**
 * The ways in which what was allowed is allowed no more. Each is a state and the one after it, and
 * closes one side of pod {@code b}: the other stays open, so that whom policy lets begin may try to
 * go on with what the other began. What both states allow must go on.
 */
enum Revocation {
  /** A rule of all ports becomes one of some. */
  RULE,
  /** A rule that denies comes. */
  DENY,
  /** A policy that selects the pod for the first time, and allows one peer. */
  DEFAULT_DENY,
  /** Peers that policy names by identity get another. */
  PEER_IDENTITY,
  /** The pod's own labels change: other policies are its own, and others name it no more. */
  LABELS,
  /** An address falls out of an allowed prefix. */
  CIDR,
  /** An address falls into a denied one. */
  CIDR_DENY,
  /** A rule of the entities host, world and cluster goes. */
  ENTITIES,
  /** One of two policies is deleted, and with it what it alone allowed. */
  POLICY_DELETED;

  /** The server ports: what the ways close, and what they leave open. */
  static final int CLOSED = 80;

  static final int KEPT = 81;

  /** The like for ICMP: echo, and timestamps of IPv4 and node information of IPv6. */
  static final int[] CLOSED_TYPES = {8, 128};

  static final int[] KEPT_TYPES = {13, 139};

  private static final int HOST = 1;
  private static final int WORLD = 2;
  private static final int REMOTE_NODE = 6;
  private static final int CLUSTER = 11;
  private static final int PREFIX = 1 << 24 | 17;
  private static final int OTHER_PREFIX = 1 << 24 | 18;
  private static final int ANOTHER = 1777;

  /** Clients at these places lose something by it. */
  Set<Place> clients(TrafficDirection side) {
    if (side == TrafficDirection.EGRESS) {
      return EnumSet.of(Place.POD);
    }
    return this == CIDR || this == CIDR_DENY
        ? EnumSet.of(Place.OUTSIDE)
        : EnumSet.allOf(Place.class);
  }

  /** What is in force first. */
  NodeState before(PacketNode node, TrafficDirection side) {
    NodeState open = NodeState.OPEN;
    NodeState prefixes =
        open.addresses(node.outside1, PREFIX).addresses(node.outside2, OTHER_PREFIX);
    int a = open.identityOf(node.a);
    int c = open.identityOf(node.c);
    return switch (this) {
      case RULE, DENY, DEFAULT_DENY, CIDR_DENY -> open;
      case PEER_IDENTITY, CIDR ->
          prefixes.policy(node.b, peers(side, a, c, HOST, PREFIX, OTHER_PREFIX).build());
      case LABELS ->
          open.policy(
              node.a,
              NodeState.rules()
                  .allow(side)
                  .allowPeer(side.opposite(), open.identityOf(node.b))
                  .build());
      case ENTITIES -> open.policy(node.b, kept(peers(side, HOST, WORLD, CLUSTER), side).build());
      case POLICY_DELETED -> {
        Rules both = kept(NodeState.rules().allow(side.opposite()), side);
        ports(CLOSED, CLOSED_TYPES, (protocol, port) -> both.allow(side, protocol, port));
        yield open.policy(node.b, both.build());
      }
    };
  }

  /** What is in force then. */
  NodeState after(PacketNode node, TrafficDirection side) {
    NodeState before = before(node, side);
    Rules otherSide = NodeState.rules().allow(side.opposite());
    return switch (this) {
      case RULE, ENTITIES, POLICY_DELETED -> before.policy(node.b, kept(otherSide, side).build());
      case DENY -> {
        Rules rules = otherSide.allow(side);
        ports(CLOSED, CLOSED_TYPES, (protocol, port) -> rules.deny(side, protocol, port));
        yield before.policy(node.b, rules.build());
      }
      case DEFAULT_DENY ->
          before.policy(node.b, otherSide.allowPeer(side, before.identityOf(node.c)).build());
      case PEER_IDENTITY ->
          before
              .identity(node.a, ANOTHER)
              .addresses(node.node1, REMOTE_NODE)
              .addresses(node.outside1, WORLD);
      case LABELS -> before.identity(node.b, ANOTHER).policy(node.b, kept(otherSide, side).build());
      case CIDR -> before.addresses(node.outside1, WORLD);
      case CIDR_DENY ->
          before
              .addresses(node.outside1, PREFIX)
              .policy(node.b, otherSide.allow(side).denyPeer(side, PREFIX).build());
    };
  }

  /** These alone on one side, and everybody on the other. */
  private static Rules peers(TrafficDirection side, int... identities) {
    Rules rules = NodeState.rules().allow(side.opposite());
    for (int identity : identities) {
      rules.allowPeer(side, identity);
    }
    return rules;
  }

  private static Rules kept(Rules rules, TrafficDirection side) {
    ports(KEPT, KEPT_TYPES, (protocol, port) -> rules.allow(side, protocol, port));
    return rules;
  }

  private interface Rule {
    void of(int protocol, int port);
  }

  private static void ports(int port, int[] types, Rule rule) {
    rule.of(NodeState.TCP, port);
    rule.of(NodeState.UDP, port);
    rule.of(NodeState.ICMP, types[0]);
    rule.of(NodeState.ICMPV6, types[1]);
  }
}
