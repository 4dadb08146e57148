// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Lets so many events of one endpoint and reason pass in a second and counts the rest, so that a
 * pod that makes noise cannot drown what others have to tell.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class EventLimiter {

  /** Events of one endpoint and reason in a second. */
  static final int EVENTS_PER_SECOND = 100;

  /** What {@link #take} gives for an event that is to be left out. */
  static final long SUPPRESSED = -1;

  /** Windows kept; one that is forgotten loses only its count of suppressed events. */
  private static final int CAPACITY = 16_384;

  private static final long SECOND_NANOS = 1_000_000_000L;

  private static final class Window {
    long second = Long.MIN_VALUE;
    int sent;
    long suppressed;
  }

  private final LinkedHashMap<Integer, Window> windows =
      new LinkedHashMap<>(64, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, Window> eldest) {
          return size() > CAPACITY;
        }
      };

  /**
   * Asks for one event.
   *
   * @param reason a drop's number, 0 for a flow that is allowed
   * @return how many were left out since the last one that passed, or {@link #SUPPRESSED}
   */
  long take(int endpointId, int reason, long nowNanos) {
    Window window = windows.computeIfAbsent((endpointId << 8) | reason, _ -> new Window());
    long second = Math.floorDiv(nowNanos, SECOND_NANOS);
    if (window.second != second) {
      window.second = second;
      window.sent = 0;
    }
    if (window.sent >= EVENTS_PER_SECOND) {
      window.suppressed++;
      return SUPPRESSED;
    }
    window.sent++;
    long suppressed = window.suppressed;
    window.suppressed = 0;
    return suppressed;
  }
}
