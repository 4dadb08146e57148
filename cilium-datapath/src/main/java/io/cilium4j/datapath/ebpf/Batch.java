// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A change on its way into the kernel: what to do if it fails, what once it counts, and what once
 * no packet can need the former state any more.
 */
final class Batch {

  /** The epoch from which the batch counts. */
  final long next;

  /** Takes back what was written, the last first. */
  final Deque<Runnable> undo = new ArrayDeque<>();

  /** Brings our own picture of the kernel in line, right after the epoch moved. */
  final List<Runnable> commit = new ArrayList<>();

  /** Addresses that were an endpoint's and are nobody's once the batch is committed. */
  final Set<IpAddress> freed = new HashSet<>();

  /** What has to be done before the epoch may move once more. */
  final List<Runnable> due = new ArrayList<>();

  /** Deletes what only the former epoch needed. */
  final List<Runnable> afterwards = new ArrayList<>();

  /** Whether the epoch has to move. */
  boolean rowsWritten;

  private final Map<Integer, Integer> namedNow;
  private final Map<Integer, Integer> namedChange = new HashMap<>();

  /**
   * @param namedNow identity to how many rows name it; changed by {@link #commitNames}
   */
  Batch(long next, Map<Integer, Integer> namedNow) {
    this.next = next;
    this.namedNow = namedNow;
  }

  /** Notes that rows which name an identity come (+1) or go (-1). */
  void changeNamed(int identity, int change) {
    namedChange.merge(identity, change, Integer::sum);
  }

  boolean isNamedNow(int identity) {
    return namedNow.containsKey(identity);
  }

  /** As far as the batch is known. */
  boolean isNamedAfter(int identity) {
    return namedNow.getOrDefault(identity, 0) + namedChange.getOrDefault(identity, 0) > 0;
  }

  void commitNames() {
    namedChange.forEach((identity, change) ->
        namedNow.compute(
            identity,
            (_, count) -> {
              int left = (count == null ? 0 : count) + change;
              return left > 0 ? left : null;
            }));
  }
}
