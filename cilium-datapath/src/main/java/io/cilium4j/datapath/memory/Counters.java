// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.FlowSource.Traffic;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How many packets passed and were dropped, by direction and reason. Counting is two additions;
 * safe for use by several threads.
 */
final class Counters {

  /** Numbers of reasons are below this; 0 is no reason and stands for what passed. */
  private static final int REASON_CODES = DropReason.MAX_CODE + 1;

  private static final int FORWARDED = 0;

  /** By direction and the number of the reason. */
  private final AtomicLongArray packets = new AtomicLongArray(2 * REASON_CODES);

  private final AtomicLongArray bytes = new AtomicLongArray(2 * REASON_CODES);

  void countForwarded(TrafficDirection direction, int frameBytes) {
    count(slot(direction, FORWARDED), frameBytes);
  }

  void countDropped(DropReason reason, TrafficDirection direction, int frameBytes) {
    count(slot(direction, reason.code()), frameBytes);
  }

  /** Counts dropped packets of whose size nothing is known. */
  void countUnseen(DropReason reason, TrafficDirection direction, long dropped) {
    packets.getAndAdd(slot(direction, reason.code()), dropped);
  }

  private void count(int slot, int frameBytes) {
    packets.getAndIncrement(slot);
    bytes.getAndAdd(slot, frameBytes);
  }

  /** What happened so far. */
  List<Traffic> read() {
    List<Traffic> traffic = new ArrayList<>();
    for (TrafficDirection direction : TrafficDirection.values()) {
      for (int code = FORWARDED; code < REASON_CODES; code++) {
        long count = packets.get(slot(direction, code));
        if (count > 0) {
          Optional<DropReason> drop =
              code == FORWARDED ? Optional.empty() : Optional.of(new DropReason(code));
          traffic.add(new Traffic(drop, direction, count, bytes.get(slot(direction, code))));
        }
      }
    }
    return traffic;
  }

  private static int slot(TrafficDirection direction, int code) {
    return direction.code() * REASON_CODES + code;
  }
}
