// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.LongAdder;

/**
 * A counter by labels, with a bound. Where there are that many sets of labels, a new one takes the
 * place of one that has counted nothing for some reads, such as that of a pod that is gone; while
 * there is none, what comes with new labels counts as {@code other}. Safe for use by several
 * threads.
 */
final class FlowCounters {

  /** Sets of labels of one metric: at about 300 bytes each, 600 kB. */
  static final int MAX_SETS = 2_000;

  /** After how many reads in a row that found it unchanged a set may go. */
  static final int IDLE_READS = 3;

  private static final String OTHER = "other";

  /** What came with one set of labels. */
  private static final class Count {
    final LongAdder sum = new LongAdder();

    /** Whether it counted since the last read: nobody knows of that yet. */
    volatile boolean isFresh;

    /** How many reads in a row found it unchanged; the readers'. */
    int idleReads;

    void count() {
      sum.increment();
      if (!isFresh) {
        isFresh = true;
      }
    }
  }

  private final String name;
  private final String help;
  private final List<String> names;
  private final List<String> others;
  private final Map<List<String>, Count> counts = new ConcurrentHashMap<>();

  /** Those that may go, the one that is unchanged for longest first. */
  private volatile Queue<List<String>> idle = new ConcurrentLinkedQueue<>();

  FlowCounters(String name, String help, List<String> names) {
    this.name = name;
    this.help = help;
    this.names = List.copyOf(names);
    this.others = Collections.nCopies(names.size(), OTHER);
  }

  /** Counts one, under values of the names in their order. */
  void count(List<String> values) {
    Count known = counts.get(values);
    if (known == null) {
      List<String> key = makeRoom() ? List.copyOf(values) : others;
      known = counts.computeIfAbsent(key, _ -> new Count());
    }
    known.count();
  }

  private boolean makeRoom() {
    if (counts.size() < MAX_SETS) {
      return true;
    }
    Queue<List<String>> candidates = idle;
    for (List<String> each = candidates.poll(); each != null; each = candidates.poll()) {
      Count unchanged = counts.get(each);
      if (unchanged != null && !unchanged.isFresh && counts.remove(each, unchanged)) {
        return true;
      }
    }
    return false;
  }

  synchronized MetricFamily read() {
    List<Sample> samples = new ArrayList<>();
    List<Map.Entry<List<String>, Count>> unchanged = new ArrayList<>();
    for (Map.Entry<List<String>, Count> entry : counts.entrySet()) {
      Count count = entry.getValue();
      count.idleReads = count.isFresh ? 0 : count.idleReads + 1;
      // Before the sum: what counts in between is fresh.
      count.isFresh = false;
      Map<String, String> labels = new HashMap<>();
      for (int i = 0; i < names.size(); i++) {
        labels.put(names.get(i), entry.getKey().get(i));
      }
      samples.add(Sample.Value.of(labels, count.sum.sum()));
      if (count.idleReads >= IDLE_READS && !entry.getKey().equals(others)) {
        unchanged.add(entry);
      }
    }
    unchanged.sort(Comparator.comparingInt(entry -> -entry.getValue().idleReads));
    idle = new ConcurrentLinkedQueue<>(unchanged.stream().map(Map.Entry::getKey).toList());
    return new MetricFamily(name, MetricFamily.Kind.COUNTER, help, samples);
  }
}
