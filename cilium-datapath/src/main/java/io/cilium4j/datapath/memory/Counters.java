// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.TrafficDirection;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How many packets passed and were dropped, by direction and reason. Counting is one addition; safe
 * for use by several threads.
 */
final class Counters {

  /** Numbers of reasons are below this; 0 is no reason and stands for what passed. */
  private static final int REASON_CODES = 256;

  private static final int FORWARDED = 0;

  /** By direction and the number of the reason. */
  private final AtomicLongArray packets = new AtomicLongArray(2 * REASON_CODES);

  void countForwarded(TrafficDirection direction) {
    packets.getAndIncrement(slot(direction, FORWARDED));
  }

  void countDropped(DropReason reason, TrafficDirection direction) {
    packets.getAndIncrement(slot(direction, reason.code()));
  }

  /** By name; a reason that no packet was dropped for does not appear. */
  Map<String, Long> read() {
    Map<String, Long> counters = new TreeMap<>();
    for (TrafficDirection direction : TrafficDirection.values()) {
      String suffix = "_" + direction.name().toLowerCase(Locale.ROOT);
      counters.put("forward" + suffix, packets.get(slot(direction, FORWARDED)));
      for (DropReason reason : DropReason.values()) {
        long count = packets.get(slot(direction, reason.code()));
        if (count > 0) {
          counters.put("drop_" + reason.name().toLowerCase(Locale.ROOT) + suffix, count);
        }
      }
    }
    return counters;
  }

  private static int slot(TrafficDirection direction, int code) {
    return direction.code() * REASON_CODES + code;
  }
}
