// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpFamily;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The ports of packets that come in fragments, as their first fragments told them. The packet used
 * least recently makes room for a new one.
 *
 * <p>The origin is part of the key: a pod that forges another's address would otherwise choose the
 * ports by which the other's later fragments are judged.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class FragmentTable {

  /** Packets whose fragments are under way at one time. */
  private static final int CAPACITY = 8192;

  private record Key(
      int origin,
      IpFamily family,
      long sourceHigh,
      long sourceLow,
      long destinationHigh,
      long destinationLow,
      int protocol,
      int id) {

    static Key of(Packet packet, int origin) {
      return new Key(
          origin,
          packet.family,
          packet.sourceHigh,
          packet.sourceLow,
          packet.destinationHigh,
          packet.destinationLow,
          packet.protocol,
          packet.fragmentId);
    }
  }

  private record Ports(int source, int destination, int policy) {}

  private final LinkedHashMap<Key, Ports> seen =
      new LinkedHashMap<>(64, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Ports> eldest) {
          return size() > CAPACITY;
        }
      };

  /** Remembers the ports of a first fragment, whether or not it will pass. */
  void learn(Packet first, int origin) {
    seen.put(
        Key.of(first, origin),
        new Ports(first.sourcePort, first.destinationPort, first.policyPort));
  }

  /** Gives a later fragment its ports; false if the first one was not seen. */
  boolean complete(Packet later, int origin) {
    Ports ports = seen.get(Key.of(later, origin));
    if (ports == null) {
      return false;
    }
    later.sourcePort = ports.source;
    later.destinationPort = ports.destination;
    later.policyPort = ports.policy;
    return true;
  }
}
