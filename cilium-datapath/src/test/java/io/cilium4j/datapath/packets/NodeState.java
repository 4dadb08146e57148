// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.HashMap;
import java.util.Map;

/**
 * What is in force: the identities of pods and prefixes, and the pods' policies. A pod that is not
 * named has identity {@code 1000 + id} and may do everything; a prefix that is not named is world.
 */
record NodeState(
    Map<Station, Integer> identities,
    Map<Station, PolicyMapState> policies,
    Map<IpPrefix, Integer> prefixes) {

  static final int ICMP = 1;
  static final int TCP = 6;
  static final int UDP = 17;
  static final int ICMPV6 = 58;

  static final NodeState OPEN = new NodeState(Map.of(), Map.of(), Map.of());

  NodeState {
    identities = Map.copyOf(identities);
    policies = Map.copyOf(policies);
    prefixes = Map.copyOf(prefixes);
  }

  NodeState identity(Station pod, int identity) {
    return new NodeState(with(identities, pod, identity), policies, prefixes);
  }

  NodeState policy(Station pod, PolicyMapState policy) {
    return new NodeState(identities, with(policies, pod, policy), prefixes);
  }

  /** The addresses of a host are this identity's. */
  NodeState addresses(Station host, int identity) {
    Map<IpPrefix, Integer> all = new HashMap<>(prefixes);
    host.addresses().forEach(address -> all.put(IpPrefix.host(address), identity));
    return new NodeState(identities, policies, all);
  }

  private static <K, V> Map<K, V> with(Map<K, V> map, K key, V value) {
    Map<K, V> all = new HashMap<>(map);
    all.put(key, value);
    return all;
  }

  int identityOf(Station station) {
    return switch (station.place()) {
      case POD -> identities.getOrDefault(station, 1000 + station.endpointId());
      case NODE -> ofAddress(station, ReservedIdentity.HOST);
      case OUTSIDE -> ofAddress(station, ReservedIdentity.WORLD);
    };
  }

  private int ofAddress(Station station, ReservedIdentity otherwise) {
    return prefixes.getOrDefault(IpPrefix.host(station.addresses().getFirst()), otherwise.id());
  }

  PolicyMapState policyOf(Station pod) {
    return policies.getOrDefault(pod, PolicyMapState.ALLOW_ALL);
  }

  /** Whether both parties' policies let a flow begin. */
  boolean allows(Station client, Station server, int protocol, int port) {
    return (!client.isPod()
            || says(client, TrafficDirection.EGRESS, server, protocol, port) == Verdict.ALLOWED)
        && (!server.isPod()
            || says(server, TrafficDirection.INGRESS, client, protocol, port) == Verdict.ALLOWED);
  }

  private Verdict says(
      Station pod, TrafficDirection direction, Station peer, int protocol, int port) {
    return policyOf(pod).verdict(direction, identityOf(peer), protocol, port);
  }

  /**
   * A policy of its own rules, none yet, that lets the marks of {@link PacketNode#settle} through.
   */
  static Rules rules() {
    return new Rules();
  }

  /** Everything in one direction, nothing in the other. */
  static PolicyMapState only(TrafficDirection direction) {
    return rules().allow(direction).build();
  }

  /** Gathers rules. */
  static final class Rules {
    private final PolicyMapState.Builder builder = PolicyMapState.builder(0);

    private Rules() {
      for (TrafficDirection direction : TrafficDirection.values()) {
        allow(direction, PacketNode.MARK);
      }
    }

    /** Everything of a direction. */
    Rules allow(TrafficDirection direction) {
      builder.putAll(direction, entry(1, PolicyEntry.ALLOW_BYTE));
      return this;
    }

    /** A protocol, from or to anybody. */
    Rules allow(TrafficDirection direction, int protocol) {
      PolicyEntry entry = entry(0, PolicyEntry.ALLOW_BYTE);
      for (int identity : anybody()) {
        builder.put(direction, identity, protocol, 0, 0, entry);
      }
      return this;
    }

    /** A protocol and port, from or to anybody. */
    Rules allow(TrafficDirection direction, int protocol, int port) {
      PolicyEntry entry = entry(1, PolicyEntry.ALLOW_BYTE);
      for (int identity : anybody()) {
        builder.put(PolicyKey.port(direction, identity, protocol, port), entry);
      }
      return this;
    }

    Rules deny(TrafficDirection direction, int protocol, int port) {
      for (int identity : anybody()) {
        builder.put(
            PolicyKey.port(direction, identity, protocol, port), entry(1, PolicyEntry.DENY_BYTE));
      }
      return this;
    }

    /** Everything from or to an identity. */
    Rules allowPeer(TrafficDirection direction, int identity) {
      builder.put(PolicyKey.any(direction, identity), entry(1, PolicyEntry.ALLOW_BYTE));
      return this;
    }

    Rules denyPeer(TrafficDirection direction, int identity) {
      builder.put(PolicyKey.any(direction, identity), entry(1, PolicyEntry.DENY_BYTE));
      return this;
    }

    PolicyMapState build() {
      return builder.build();
    }

    private static int[] anybody() {
      return new int[] {0, 11, 12, 13, 14};
    }

    private static PolicyEntry entry(int priority, int kind) {
      Verdict verdict = kind == PolicyEntry.DENY_BYTE ? Verdict.DENIED : Verdict.ALLOWED;
      int precedence = PolicyEntry.precedence(priority, kind);
      return new PolicyEntry(verdict, precedence, "", PolicyEntry.Auth.NONE, 0);
    }
  }
}
