// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.cilium4j.core.metrics.MetricFamily.Sample;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Pods come and go for longer than there is room for all of them. */
class FlowCountersTest {
  private final FlowCounters counters = new FlowCounters("flows", "Flows", List.of("pod"));

  private void count(String pod) {
    counters.count(List.of(pod));
  }

  private Map<String, Double> read() {
    Map<String, Double> read = new TreeMap<>();
    for (Sample sample : counters.read().samples()) {
      var value = (Sample.Value) sample;
      read.put(Objects.requireNonNull(value.labels().get("pod")), value.value());
    }
    return read;
  }

  private void fill() {
    for (int i = 0; i < FlowCounters.MAX_SETS; i++) {
      count("old-" + i);
    }
  }

  @Test
  void count_whereAllHaveCountedOfLate_isAmongTheOthers() {
    fill();
    count("new");
    assertEquals(1, read().get("other"));
    count("new");
    assertEquals(2, read().get("other"));
    assertFalse(read().containsKey("new"));
  }

  @Test
  void count_whereSomeHaveNotCountedForLong_takesTheirPlace() {
    fill();
    count("new-0");
    for (int i = 0; i <= FlowCounters.IDLE_READS; i++) {
      Map<String, Double> all = read();
      assertEquals(FlowCounters.MAX_SETS + 1, all.size(), "what is read is not lost");
      count("old-7");
    }
    for (int i = 1; i < FlowCounters.MAX_SETS; i++) {
      count("new-" + i);
      count("new-" + i);
    }
    Map<String, Double> after = read();
    assertEquals(2.0 + FlowCounters.IDLE_READS, after.get("old-7"), "it goes on");
    assertEquals(1, after.keySet().stream().filter(each -> each.startsWith("old")).count());
    assertEquals(2, after.get("new-1"));
    // All have counted of late once more: what comes now is among the others, as the first was.
    double before = Objects.requireNonNull(after.get("other"));
    count("newer");
    assertEquals(before + 1, read().get("other"));
  }
}
