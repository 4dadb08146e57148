// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.util.ArrayList;
import java.util.List;

/**
 * Columns of text, each as wide as its longest cell and three blanks. What the agent was told comes
 * out as it is, but for control characters: a label must not move the cursor of whoever looks.
 */
public final class TextTable {
  private static final int GAP = 3;

  /** Narrowest column, gap included: short numbers stand apart from each other. */
  private static final int MIN_WIDTH = 5;

  private final List<String[]> rows = new ArrayList<>();

  /** A table with a head. */
  public TextTable(String... head) {
    if (head.length > 0) {
      rows.add(head);
    }
  }

  /** Adds a row; a cell's line breaks begin lines of their own in its column. */
  public TextTable row(Object... cells) {
    String[][] lines = new String[cells.length][];
    int height = 1;
    for (int i = 0; i < cells.length; i++) {
      lines[i] = cells[i].toString().split("\n", -1);
      height = Math.max(height, lines[i].length);
    }
    for (int line = 0; line < height; line++) {
      String[] row = new String[cells.length];
      for (int i = 0; i < cells.length; i++) {
        row[i] = line < lines[i].length ? clean(lines[i][line]) : "";
      }
      rows.add(row);
    }
    return this;
  }

  /** One text a line, sorted. */
  public static String lines(List<String> texts, String otherwise) {
    return texts.isEmpty() ? otherwise : String.join("\n", texts.stream().sorted().toList());
  }

  /** A text in which nothing controls a terminal. */
  public static String clean(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isISOControl(text.charAt(i))) {
        return text.replaceAll("\\p{Cntrl}", "?");
      }
    }
    return text;
  }

  /** As {@link #clean}, of a text of several lines. */
  public static String cleanLines(String text) {
    return text.replaceAll("[\\p{Cntrl}&&[^\n]]", "?");
  }

  /** The table; no line ends with blanks. */
  @Override
  public String toString() {
    int columns = rows.stream().mapToInt(row -> row.length).max().orElse(0);
    int[] widths = new int[columns];
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], Math.max(MIN_WIDTH, row[i].length() + GAP));
      }
    }
    var text = new StringBuilder();
    for (String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        text.append(row[i]).repeat(' ', Math.max(0, widths[i] - row[i].length()));
      }
      int end = text.length();
      while (end > 0 && text.charAt(end - 1) == ' ') {
        end--;
      }
      text.setLength(end);
      text.append('\n');
    }
    return text.toString();
  }
}
