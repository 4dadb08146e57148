// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.re2j;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An expression for a whole text as a table: one look-up a character, and no allocation. Ours, and
 * not of RE2/J; it stands in this package because only here the expression's program can be read.
 *
 * <p>A state of the table is a set of places in the program, as RE2 has it, but all of them are
 * worked out beforehand. An expression that needs too many, or that asks for word boundaries or
 * lines, is left to RE2/J, and so is a text with a character above 255. Both give the same answers.
 *
 * <p>Immutable, so safe for any number of threads.
 */
public final class Automaton {
  private static final int CHARACTERS = 256;

  /** Above this the table of an expression would be large; real rules need tens. */
  private static final int MAX_STATES = 500;

  /** Longest program that is tried. */
  private static final int MAX_PROGRAM = 2_000;

  private static final int TEXT_ENDS = Utils.EMPTY_BEGIN_TEXT | Utils.EMPTY_END_TEXT;

  private final Pattern pattern;

  /** By character, which column of the table it uses. */
  private final byte[] columnOf;

  private final int columns;

  /** The next state by state and column; -1 where nothing can match any more. */
  private final short[] next;

  private final boolean[] accepts;

  private Automaton(Pattern pattern, @Nullable Builder builder) {
    this.pattern = pattern;
    this.columnOf = builder == null ? new byte[0] : builder.columnOf;
    this.columns = builder == null ? 0 : builder.columns;
    this.next = builder == null ? new short[0] : builder.table();
    this.accepts = builder == null ? new boolean[0] : builder.accepting();
  }

  /**
   * Compiles an expression.
   *
   * @throws PatternSyntaxException if it is none
   */
  public static Automaton of(String expression) {
    Pattern pattern = Pattern.compile(expression);
    Prog program = Compiler.compileRegexp(Simplify.simplify(Parser.parse(expression, RE2.PERL)));
    if (program.numInst() > MAX_PROGRAM) {
      return new Automaton(pattern, null);
    }
    Builder builder = new Builder(program);
    return new Automaton(pattern, builder.build() ? builder : null);
  }

  /** Whether it has a table, so that to match allocates nothing. */
  boolean isTable() {
    return accepts.length > 0;
  }

  /** Whether the expression matches the whole text. */
  public boolean matches(String text) {
    if (!isTable()) {
      return pattern.matches(text);
    }
    int state = 0;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= CHARACTERS) {
        return pattern.matches(text);
      }
      state = next[state * columns + (columnOf[c] & 0xff)];
      if (state < 0) {
        return false;
      }
    }
    return accepts[state];
  }

  /**
   * Works out the states. The first is the one at the text's beginning, and no other is like it.
   */
  private static final class Builder {
    private final Prog program;
    private final byte[] columnOf = new byte[CHARACTERS];
    private final List<Integer> samples = new ArrayList<>();
    private final Map<BitSet, Short> numbers = new HashMap<>();
    private final List<BitSet> states = new ArrayList<>();
    private final List<short[]> rows = new ArrayList<>();
    private int columns;

    Builder(Prog program) {
      this.program = program;
    }

    /** False where the expression is not for a table. */
    boolean build() {
      for (int pc = 0; pc < program.numInst(); pc++) {
        Inst inst = program.getInst(pc);
        if (inst.op == Inst.EMPTY_WIDTH && (inst.arg & ~TEXT_ENDS) != 0) {
          return false;
        }
      }
      splitCharacters();
      var start = new BitSet();
      follow(program.start, Utils.EMPTY_BEGIN_TEXT, start);
      states.add(start);
      for (int state = 0; state < states.size(); state++) {
        if (states.size() > MAX_STATES) {
          return false;
        }
        var row = new short[columns];
        for (int column = 0; column < columns; column++) {
          row[column] = step(states.get(state), samples.get(column));
        }
        rows.add(row);
      }
      return true;
    }

    /** Characters that no instruction tells apart share a column. */
    private void splitCharacters() {
      Map<BitSet, Integer> known = new HashMap<>();
      for (int c = 0; c < CHARACTERS; c++) {
        var readers = new BitSet();
        for (int pc = 0; pc < program.numInst(); pc++) {
          readers.set(pc, reads(program.getInst(pc), c));
        }
        Integer column = known.putIfAbsent(readers, columns);
        if (column == null) {
          column = columns++;
          samples.add(c);
        }
        columnOf[c] = column.byteValue();
      }
    }

    private static boolean reads(Inst inst, int c) {
      return switch (inst.op) {
        case Inst.RUNE, Inst.RUNE1 -> inst.matchRune(c);
        case Inst.RUNE_ANY -> true;
        case Inst.RUNE_ANY_NOT_NL -> c != '\n';
        default -> false;
      };
    }

    private short step(BitSet from, int c) {
      var to = new BitSet();
      for (int pc = from.nextSetBit(0); pc >= 0; pc = from.nextSetBit(pc + 1)) {
        Inst inst = program.getInst(pc);
        if (reads(inst, c)) {
          follow(inst.out, 0, to);
        }
      }
      if (to.isEmpty()) {
        return -1;
      }
      Short known = numbers.get(to);
      if (known == null) {
        known = (short) states.size();
        numbers.put(to, known);
        states.add(to);
      }
      return known;
    }

    /**
     * Adds where the program stands without reading. An end of the text that is not here is kept:
     * it is where the program goes on if the text ends.
     */
    private void follow(int pc, int ends, BitSet into) {
      var open = new ArrayList<Integer>(List.of(pc));
      while (!open.isEmpty()) {
        int at = open.removeLast();
        if (into.get(at)) {
          continue;
        }
        into.set(at);
        Inst inst = program.getInst(at);
        switch (inst.op) {
          case Inst.ALT, Inst.ALT_MATCH -> {
            open.add(inst.out);
            open.add(inst.arg);
          }
          case Inst.CAPTURE, Inst.NOP -> open.add(inst.out);
          case Inst.EMPTY_WIDTH -> {
            if ((inst.arg & ~ends) == 0) {
              open.add(inst.out);
            }
          }
          default -> {
            // It reads, matches or fails.
          }
        }
      }
    }

    private boolean accepts(BitSet state, int ends) {
      var reached = new BitSet();
      for (int pc = state.nextSetBit(0); pc >= 0; pc = state.nextSetBit(pc + 1)) {
        follow(pc, ends, reached);
      }
      return reached.stream().anyMatch(pc -> program.getInst(pc).op == Inst.MATCH);
    }

    short[] table() {
      var table = new short[states.size() * columns];
      for (int state = 0; state < rows.size(); state++) {
        System.arraycopy(rows.get(state), 0, table, state * columns, columns);
      }
      return table;
    }

    boolean[] accepting() {
      var accepting = new boolean[states.size()];
      for (int state = 0; state < states.size(); state++) {
        int ends = state == 0 ? TEXT_ENDS : Utils.EMPTY_END_TEXT;
        accepting[state] = accepts(states.get(state), ends);
      }
      return accepting;
    }
  }
}
