// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpFamily;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * Who asked for an address of a pool and got none. Each counts as a need until he gets one, or did
 * not ask again for some minutes. Not safe for use by several threads.
 */
final class PendingNeeds {

  /** How long somebody is waited for who does not ask again: runtimes try for minutes. */
  private static final Duration PATIENCE = Duration.ofMinutes(5);

  /** Most who are waited for: more than a node has pods. */
  private static final int MAX = 4_096;

  private record Need(String pool, IpFamily family, String owner) {}

  private final LongSupplier nanoTime;
  private final Map<Need, Long> ends = new HashMap<>();

  PendingNeeds(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
  }

  void add(String pool, IpFamily family, String owner) {
    var need = new Need(pool, family, owner);
    if (ends.containsKey(need) || ends.size() < MAX) {
      ends.put(need, nanoTime.getAsLong() + PATIENCE.toNanos());
    }
  }

  void satisfied(String pool, IpFamily family, String owner) {
    ends.remove(new Need(pool, family, owner));
  }

  void expire() {
    long now = nanoTime.getAsLong();
    ends.values().removeIf(end -> end - now <= 0);
  }

  int of(String pool, IpFamily family) {
    return (int)
        ends.keySet().stream()
            .filter(need -> need.pool().equals(pool) && need.family() == family)
            .count();
  }

  Set<String> pools() {
    var names = new HashSet<String>();
    ends.keySet().forEach(need -> names.add(need.pool()));
    return names;
  }
}
