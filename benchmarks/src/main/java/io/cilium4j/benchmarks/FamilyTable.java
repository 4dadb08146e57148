// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.IpFamily;
import java.io.PrintStream;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Samples by name and address family; a row a name, in the order in which the names came. */
final class FamilyTable {
  private final Map<String, Map<IpFamily, Samples>> rows = new LinkedHashMap<>();

  void add(String row, IpFamily family, double value) {
    rows.computeIfAbsent(row, name -> new EnumMap<>(IpFamily.class))
        .computeIfAbsent(family, f -> new Samples())
        .add(value);
  }

  /** Prints least and median of each. */
  void print(String heading, PrintStream out) {
    var table = new Table(heading + ": least / median", "IPv4", "IPv6");
    rows.forEach(
        (name, by) -> table.row(name, text(by.get(IpFamily.IPV4)), text(by.get(IpFamily.IPV6))));
    table.print(out);
  }

  private static String text(@Nullable Samples samples) {
    return samples == null ? "" : samples.leastAndMedian();
  }
}
