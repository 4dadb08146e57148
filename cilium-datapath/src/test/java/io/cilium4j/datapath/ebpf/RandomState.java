// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.PacketsUnderChange.A;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.B;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.COVER;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.COVER4;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.COVER6;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.GUEST;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.OTHER;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.REMOTE4;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.REMOTE6;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.TCP;
import static io.cilium4j.datapath.ebpf.PacketsUnderChange.UDP;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** One state of everything: what is applied, and what it says of a flow. */
record RandomState(
    PolicyMapState policyA, PolicyMapState policyB, int identityB, Map<IpPrefix, Integer> ipcache) {

  enum Way {
    POD_TO_POD,
    POD_TO_REMOTE,
    REMOTE_TO_POD
  }

  /** A first state that allows everything, and so many behind it, each a step from the last. */
  static List<RandomState> walk(int steps, long seed) {
    var random = new Random(seed);
    List<RandomState> states = new ArrayList<>(steps + 1);
    states.add(
        new RandomState(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL, B, new HashMap<>()));
    while (states.size() <= steps) {
      states.add(states.getLast().next(random));
    }
    return states;
  }

  /** The batch that leads here from another state, with the two pods' rows as they are here. */
  List<Change<RowKey, Row>> since(RandomState before, EndpointRow a, EndpointRow b) {
    List<Row> gone = new ArrayList<>();
    before.ipcache().keySet().stream()
        .filter(prefix -> !ipcache.containsKey(prefix))
        .forEach(prefix -> gone.add(new IpcacheRow(prefix, 0)));
    List<Row> rows = new ArrayList<>(List.of(a, b));
    ipcache.forEach((prefix, identity) -> rows.add(new IpcacheRow(prefix, identity)));
    return RowChanges.of(rows, gone);
  }

  int identityOf(IpAddress remote) {
    Integer own = ipcache.get(IpPrefix.host(remote));
    Integer cover = ipcache.get(remote.isV4() ? COVER4 : COVER6);
    return own != null ? own : cover != null ? cover : 2;
  }

  boolean allows(Way way, boolean v4, int protocol, int port) {
    int remote = identityOf(v4 ? REMOTE4 : REMOTE6);
    return switch (way) {
      case POD_TO_POD ->
          allows(policyA, TrafficDirection.EGRESS, identityB, protocol, port)
              && allows(policyB, TrafficDirection.INGRESS, A, protocol, port);
      case POD_TO_REMOTE -> allows(policyA, TrafficDirection.EGRESS, remote, protocol, port);
      case REMOTE_TO_POD -> allows(policyB, TrafficDirection.INGRESS, remote, protocol, port);
    };
  }

  private static boolean allows(
      PolicyMapState policy, TrafficDirection direction, int peer, int protocol, int port) {
    return policy.verdict(direction, peer, protocol, port) == Verdict.ALLOWED;
  }

  /** Another state, a step away. */
  RandomState next(Random random) {
    Map<IpPrefix, Integer> prefixes = new HashMap<>(ipcache);
    if (random.nextInt(3) == 0) {
      change(prefixes, IpPrefix.host(REMOTE4), random, GUEST);
      change(prefixes, IpPrefix.host(REMOTE6), random, GUEST);
    }
    if (random.nextInt(6) == 0) {
      change(prefixes, COVER4, random, COVER);
      change(prefixes, COVER6, random, COVER);
    }
    if (random.nextInt(4) == 0) {
      return nextNear(random);
    }
    int identity = random.nextInt(20) == 0 ? B + 1 - (identityB - B) : identityB;
    if (random.nextInt(3) > 0 && !prefixes.equals(ipcache)) {
      // Only the guest's keys change, as when an identity comes or goes: for one or for both.
      PolicyMapState next = withGuest(policyA, prefixes, random);
      boolean shared = PolicyNumbers.same(policyA, policyB);
      return new RandomState(
          next, shared ? next : withGuest(policyB, prefixes, random), identity, prefixes);
    }
    if (random.nextInt(4) == 0 && policyA.size() > 0) {
      PolicyMapState next = withOneTurned(policyA, random);
      return new RandomState(next, random.nextBoolean() ? next : policyB, identity, prefixes);
    }
    PolicyMapState next = random.nextInt(4) == 0 ? policyA : policy(prefixes, random);
    return new RandomState(
        next, random.nextBoolean() ? next : policy(prefixes, random), identity, prefixes);
  }

  /** Only single addresses change, and what is said of the guest, as often as not. */
  private RandomState nextNear(Random random) {
    Map<IpPrefix, Integer> prefixes = new HashMap<>(ipcache);
    change(prefixes, IpPrefix.host(REMOTE4), random, GUEST);
    change(prefixes, IpPrefix.host(REMOTE6), random, GUEST);
    if (random.nextBoolean()) {
      return new RandomState(policyA, policyB, identityB, prefixes);
    }
    PolicyMapState next = withGuest(policyA, prefixes, random);
    boolean shared = PolicyNumbers.same(policyA, policyB);
    return new RandomState(
        next, shared ? next : withGuest(policyB, prefixes, random), identityB, prefixes);
  }

  private static void change(
      Map<IpPrefix, Integer> ipcache, IpPrefix prefix, Random random, int identity) {
    switch (random.nextInt(3)) {
      case 0 -> ipcache.remove(prefix);
      case 1 -> ipcache.put(prefix, OTHER);
      default -> ipcache.put(prefix, identity);
    }
  }

  /** A few rules whose priorities differ from those of any policy before. */
  private static PolicyMapState policy(Map<IpPrefix, Integer> ipcache, Random random) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    int base = random.nextInt(1000);
    for (TrafficDirection direction : TrafficDirection.values()) {
      if (random.nextInt(3) > 0) {
        builder.putAll(direction, entry(base + random.nextInt(8), random.nextInt(3) > 0));
      }
      for (int identity : List.of(A, B, B + 1, GUEST, OTHER, COVER, 2)) {
        if ((identity != GUEST || ipcache.containsValue(GUEST)) && random.nextInt(2) == 0) {
          put(builder, direction, identity, base, random);
        }
      }
    }
    return builder.build();
  }

  private static void put(
      PolicyMapState.Builder builder,
      TrafficDirection direction,
      int identity,
      int base,
      Random random) {
    PolicyEntry entry = entry(base + random.nextInt(8), random.nextBoolean());
    int protocol = random.nextBoolean() ? UDP : TCP;
    switch (random.nextInt(4)) {
      case 0 -> builder.put(PolicyKey.any(direction, identity), entry);
      case 1 -> builder.put(new PolicyKey(direction, identity, protocol, 0, 0), entry);
      case 2 -> builder.put(new PolicyKey(direction, identity, protocol, 64, 10), entry);
      default -> builder.put(PolicyKey.port(direction, identity, protocol, 80), entry);
    }
  }

  private static PolicyEntry entry(int priority, boolean allow) {
    int kind = allow ? PolicyEntry.ALLOW_BYTE : PolicyEntry.DENY_BYTE;
    return new PolicyEntry(
        allow ? Verdict.ALLOWED : Verdict.DENIED,
        PolicyEntry.precedence(priority, kind),
        "",
        PolicyEntry.Auth.NONE,
        0);
  }

  /** The same keys, and the opposite said of one. */
  private static PolicyMapState withOneTurned(PolicyMapState policy, Random random) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    int[] left = {random.nextInt(policy.size())};
    policy.forEach((key, entry) ->
        builder.put(
            key,
            left[0]-- == 0
                ? entry(
                    PolicyEntry.MAX_PRIORITY - (entry.precedence() >>> 8),
                    entry.verdict() != Verdict.ALLOWED)
                : entry));
    return builder.build();
  }

  /** The same policy, but for what it says of the guest: nothing while there is none. */
  private static PolicyMapState withGuest(
      PolicyMapState policy, Map<IpPrefix, Integer> ipcache, Random random) {
    PolicyMapState.Builder builder = PolicyMapState.builder(0);
    boolean[] known = new boolean[1];
    boolean present = ipcache.containsValue(GUEST);
    policy.forEach((key, entry) -> {
      known[0] |= key.identity() == GUEST;
      if (key.identity() != GUEST || present) {
        builder.put(key, entry);
      }
    });
    if (present && !known[0]) {
      put(builder, TrafficDirection.EGRESS, GUEST, 0, random);
      put(builder, TrafficDirection.INGRESS, GUEST, 0, random);
    }
    return builder.build();
  }
}
