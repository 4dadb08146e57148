// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpFamily;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The ports of packets that come in fragments, as their first fragments told them when they passed.
 * Each sender has a few slots of its own, and whatever comes overwrites its slot: a flood of first
 * fragments costs its sender's fragments and nobody else's. What a pod says of a packet counts for
 * its own fragments only.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class FragmentTable {

  /** Packets of one pod whose fragments are under way at one time; a power of two. */
  private static final int POD_SLOTS = 64;

  /** The same of the node, which speaks for everybody outside. */
  private static final int NODE_SLOTS = 512;

  private static final int HASH_BASIS = 0x811c_9dc5;
  private static final int HASH_PRIME = 0x0100_0193;

  /** A packet, told by what all of its fragments share, and what only the first one knows. */
  private record First(
      IpFamily family,
      long sourceHigh,
      long sourceLow,
      long destinationHigh,
      long destinationLow,
      int id,
      int fragmentProtocol,
      int protocol,
      int sourcePort,
      int destinationPort,
      int icmpType,
      int icmpIdentifier) {

    static First of(Packet packet) {
      return new First(
          packet.family,
          packet.sourceHigh,
          packet.sourceLow,
          packet.destinationHigh,
          packet.destinationLow,
          packet.fragmentId,
          packet.fragmentProtocol,
          packet.protocol,
          packet.sourcePort,
          packet.destinationPort,
          packet.icmpType,
          packet.icmpIdentifier);
    }

    boolean isOf(Packet later) {
      return id == later.fragmentId
          && fragmentProtocol == later.fragmentProtocol
          && family == later.family
          && sourceLow == later.sourceLow
          && sourceHigh == later.sourceHigh
          && destinationLow == later.destinationLow
          && destinationHigh == later.destinationHigh;
    }

    void complete(Packet later) {
      later.protocol = protocol;
      if (protocol == Packet.ICMP || protocol == Packet.ICMPV6) {
        later.setIcmp(icmpType, icmpIdentifier);
      } else {
        later.setPorts(sourcePort, destinationPort);
      }
    }
  }

  /** The slots by the sender's place. */
  private final Map<Integer, @Nullable First[]> slots = new HashMap<>();

  /** Remembers the ports of a first fragment that passed. */
  void learn(Packet first, int place) {
    @Nullable First[] own =
        slots.computeIfAbsent(
            place, at -> new First[at == FlowEntry.STACK ? NODE_SLOTS : POD_SLOTS]);
    own[slot(first, own.length)] = First.of(first);
  }

  /** Gives a later fragment its protocol and ports; false if the first one did not pass. */
  boolean complete(Packet later, int place) {
    @Nullable First[] own = slots.get(place);
    if (own == null) {
      return false;
    }
    First first = own[slot(later, own.length)];
    if (first == null || !first.isOf(later)) {
      return false;
    }
    first.complete(later);
    return true;
  }

  /** Forgets the senders whose device no pod has any more. */
  void retain(State state) {
    slots.keySet().removeIf(place -> place != FlowEntry.STACK && state.ofDevice(place) == null);
  }

  private static int slot(Packet packet, int slots) {
    return hash(packet) & (slots - 1);
  }

  /** The eBPF programs' hash: FNV-1a over words of 32 bits, with the upper bits folded in. */
  private static int hash(Packet packet) {
    int hash = HASH_BASIS;
    hash = words(hash, packet.sourceHigh);
    hash = words(hash, packet.sourceLow);
    hash = words(hash, packet.destinationHigh);
    hash = words(hash, packet.destinationLow);
    hash = (hash ^ packet.fragmentId) * HASH_PRIME;
    hash = (hash ^ packet.fragmentProtocol) * HASH_PRIME;
    return hash ^ (hash >>> 15);
  }

  private static int words(int hash, long two) {
    int half = (hash ^ (int) (two >>> 32)) * HASH_PRIME;
    return (half ^ (int) two) * HASH_PRIME;
  }
}
