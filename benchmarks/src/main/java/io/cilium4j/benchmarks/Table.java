// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Rows of text under headings, printed as a Markdown table that is also plain to read. */
final class Table {
  private final List<List<String>> rows = new ArrayList<>();

  Table(String... headings) {
    rows.add(List.of(headings));
  }

  Table row(Object... cells) {
    rows.add(Arrays.stream(cells).map(String::valueOf).toList());
    return this;
  }

  void print(PrintStream out) {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (int r = 0; r < rows.size(); r++) {
      var line = new StringBuilder("|");
      var rule = new StringBuilder("|");
      for (int i = 0; i < widths.length; i++) {
        String cell = rows.get(r).get(i);
        String space = " ".repeat(widths[i] - cell.length());
        // Names to the left, numbers to the right.
        line.append(' ').append(i == 0 ? cell + space : space + cell).append(" |");
        rule.append(' ')
            .append("-".repeat(widths[i] - (i == 0 ? 0 : 1)))
            .append(i == 0 ? " |" : ": |");
      }
      out.println(line);
      if (r == 0) {
        out.println(rule);
      }
    }
  }
}
