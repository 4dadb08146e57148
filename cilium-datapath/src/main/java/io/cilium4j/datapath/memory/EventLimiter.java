// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Lets so many events of one kind pass in a second and counts the rest, so that whoever makes noise
 * cannot drown what others have to tell. Events are of one kind where the endpoint that decided,
 * the peer that sent, and the reason are the same.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class EventLimiter {

  /** What {@link #take} gives for an event that is to be left out. */
  static final long SUPPRESSED = -1;

  /** Windows kept; one that is forgotten loses only its count of suppressed events. */
  private static final int CAPACITY = 16_384;

  private static final long SECOND_NANOS = 1_000_000_000L;

  private record Kind(int endpointId, int peer, int reason) {

    boolean is(int endpoint, int sender, int code) {
      return endpointId == endpoint && peer == sender && reason == code;
    }
  }

  private static final class Window {
    long second = Long.MIN_VALUE;
    int sent;
    long suppressed;
  }

  private final LinkedHashMap<Kind, Window> windows =
      new LinkedHashMap<>(64, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Kind, Window> eldest) {
          return size() > CAPACITY;
        }
      };

  private final int mostInASecond;

  /** The kind asked for last, and its window: a flood asks for one kind again and again. */
  private Kind last = new Kind(0, 0, -1);

  private Window lastWindow = new Window();

  /** Lets so many events of a kind pass in a second. */
  EventLimiter(int mostInASecond) {
    this.mostInASecond = mostInASecond;
  }

  /**
   * Asks for one event.
   *
   * @param endpointId whose policy decided
   * @param peer who sent: a pod's device, or the identity of somebody outside with the top bit set
   * @param reason a drop's number, 0 for a flow that is allowed; above it what passed
   * @return how many were left out since the last one that passed, or {@link #SUPPRESSED}
   */
  long take(int endpointId, int peer, int reason, long nowNanos) {
    if (!last.is(endpointId, peer, reason)) {
      last = new Kind(endpointId, peer, reason);
      lastWindow = windows.computeIfAbsent(last, _ -> new Window());
    }
    Window window = lastWindow;
    long second = Math.floorDiv(nowNanos, SECOND_NANOS);
    if (window.second != second) {
      window.second = second;
      window.sent = 0;
    }
    if (window.sent >= mostInASecond) {
      window.suppressed++;
      return SUPPRESSED;
    }
    window.sent++;
    long suppressed = window.suppressed;
    window.suppressed = 0;
    return suppressed;
  }
}
