// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Which backend of a frontend a client has, where the frontend says that clients keep theirs. Who
 * began no flow for the longest makes room.
 *
 * <p>Not safe for use by several threads.
 */
final class Affinities {

  /** How many there are at most. */
  private static final int CAPACITY = 65_536;

  /** Who asks which frontend, which is told by its identity. */
  private record Client(Object frontend, long high, long low) {
    Client(Frontend asked, Packet packet) {
      this(asked.identity(), packet.sourceHigh, packet.sourceLow);
    }
  }

  /**
   * @param lastNanos when the client last began a flow
   */
  private record Kept(Target target, long lastNanos) {}

  private final Map<Client, Kept> all =
      new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Client, Kept> eldest) {
          return size() > CAPACITY;
        }
      };

  /** The backend that the sender of a packet has, or null. */
  @Nullable Target find(Frontend asked, Packet packet, long nowNanos) {
    Kept kept = all.get(new Client(asked, packet));
    return kept == null || nowNanos - kept.lastNanos > asked.affinityNanos() ? null : kept.target;
  }

  /** The sender of a packet has this backend, and began a flow to it now. */
  void put(Frontend asked, Packet packet, Target target, long nowNanos) {
    all.put(new Client(asked, packet), new Kept(target, nowNanos));
  }
}
