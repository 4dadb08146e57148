// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyEntry.Auth;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The map entries of every identity that the same terms concern.
 *
 * <p><b>How it is made.</b> Gather the port keys of all terms. Packets whose longest match is one
 * of these keys are covered by the same terms, so the rules decide them alike: take the terms that
 * cover the key in their order, and the first one that is no pass decides; a pass skips what is
 * left of its tier. That is the specification itself, run once for each key.
 *
 * <p><b>What is left out.</b> From the broadest key on, a key is left out where the look-up without
 * it, among what is in the table so far and the table of the aggregate, finds the same. So the map
 * stays small, and the look-up right, by construction.
 */
final class ClassTable {
  /** The table of an identity that no term concerns. */
  static final ClassTable EMPTY = new ClassTable(new int[0], new Term[0], new PolicyEntry[0], 0);

  private final int[] keys;
  private final Term[] terms;
  private final PolicyEntry[] entries;
  private final int size;

  private ClassTable(int[] keys, Term[] terms, PolicyEntry[] entries, int size) {
    this.keys = keys;
    this.terms = terms;
    this.entries = entries;
    this.size = size;
  }

  /** The table of an aggregate, from the terms that concern all of it, in their order. */
  static ClassTable ofAggregate(List<Term> sorted) {
    return of(sorted, EMPTY, false);
  }

  /**
   * The table of a class of identities.
   *
   * @param sorted the terms that concern the class, its aggregate's among them, in their order
   * @param aggregate the table that is looked up beside this one
   */
  static ClassTable beside(ClassTable aggregate, List<Term> sorted) {
    // A pass may turn the class away from a strong rule of the aggregate towards a weak one, which
    // then has to win the look-up.
    return of(sorted, aggregate, anyPasses(sorted));
  }

  private static ClassTable of(List<Term> sorted, ClassTable aggregate, boolean outweighs) {
    int[] keys = keys(sorted);
    Term[] winners = anyPasses(sorted) ? walk(sorted, keys) : strongest(sorted, keys);
    boolean auth = false;
    for (Term term : sorted) {
      auth |= term.auth() != Auth.NONE;
    }
    var table =
        new ClassTable(
            new int[keys.length], new Term[keys.length], new PolicyEntry[keys.length], 0);
    return table.filled(keys, winners, aggregate, outweighs, auth ? sorted : List.of());
  }

  private static boolean anyPasses(List<Term> terms) {
    for (Term term : terms) {
      if (term.isPass()) {
        return true;
      }
    }
    return false;
  }

  private static int[] keys(List<Term> terms) {
    int count = 0;
    for (Term term : terms) {
      count += term.keys().length;
    }
    int[] keys = new int[count];
    for (Term term : terms) {
      count -= term.keys().length;
      System.arraycopy(term.keys(), 0, keys, count, term.keys().length);
    }
    return PortKeys.sortedOnce(keys);
  }

  /** What decides each key, without passes: the strongest term of the key and those above it. */
  private static Term[] strongest(List<Term> sorted, int[] keys) {
    Term[] winners = new Term[keys.length];
    for (Term term : sorted) {
      for (int key : term.keys()) {
        int index = Arrays.binarySearch(keys, key);
        if (winners[index] == null) {
          winners[index] = term;
        }
      }
    }
    for (int i = 0; i < keys.length; i++) {
      int above = longest(keys, i, keys[i]);
      if (above >= 0 && winners[above].decidesBefore(winners[i])) {
        winners[i] = winners[above];
      }
    }
    return winners;
  }

  /** What decides each key, the rules as they read. */
  private static Term[] walk(List<Term> sorted, int[] keys) {
    Term[] winners = new Term[keys.length];
    for (int i = 0; i < keys.length; i++) {
      int skippedTier = -1;
      for (Term term : sorted) {
        if (term.tier() == skippedTier || !term.covers(keys[i])) {
          continue;
        }
        if (!term.isPass()) {
          winners[i] = term;
          break;
        }
        skippedTier = term.tier();
      }
    }
    return winners;
  }

  /**
   * The longest of the first {@code count} keys that covers a key, or -1. The key itself counts
   * where it is among them.
   */
  private static int longest(int[] keys, int count, int key) {
    for (int shape = PortKeys.shape(key); shape >= 0; shape--) {
      int index = Arrays.binarySearch(keys, 0, count, PortKeys.cut(key, shape));
      if (index >= 0) {
        return index;
      }
    }
    return -1;
  }

  private ClassTable filled(
      int[] all, Term[] winners, ClassTable aggregate, boolean outweighs, List<Term> withAuth) {
    int count = 0;
    for (int i = 0; i < all.length; i++) {
      Term winner = winners[i];
      PolicyEntry entry = winner.mapEntry(outweighs);
      if (!withAuth.isEmpty()) {
        entry = withDerivedAuth(winner, entry, withAuth, all[i]);
      }
      Found found = find(count, all[i], aggregate);
      if (found == null || !found.isSame(entry)) {
        keys[count] = all[i];
        terms[count] = winner;
        entries[count] = entry;
        count++;
      }
    }
    return new ClassTable(
        Arrays.copyOf(keys, count),
        Arrays.copyOf(terms, count),
        Arrays.copyOf(entries, count),
        count);
  }

  /**
   * An allow that names no authentication takes that of the most specific rule that covers the same
   * packets, is at least as strong and names one.
   */
  private static PolicyEntry withDerivedAuth(
      Term winner, PolicyEntry entry, List<Term> sorted, int key) {
    if (winner.action() != Entry.Action.ALLOW || winner.auth() != Auth.NONE) {
      return entry;
    }
    Auth derived = Auth.NONE;
    int narrowest = -1;
    for (Term term : sorted) {
      if (!term.auth().isExplicit() || !term.isAtLeastAsStrong(winner)) {
        continue;
      }
      for (int own : term.keys()) {
        boolean narrower = PortKeys.shape(own) > narrowest;
        boolean same = PortKeys.shape(own) == narrowest && term.auth().type() > derived.type();
        if (PortKeys.covers(own, key) && (narrower || same)) {
          narrowest = PortKeys.shape(own);
          derived =
              switch (term.auth()) {
                case REQUIRED -> Auth.DERIVED_REQUIRED;
                case ALWAYS_FAIL -> Auth.DERIVED_ALWAYS_FAIL;
                case DISABLED, NONE, DERIVED_REQUIRED, DERIVED_ALWAYS_FAIL -> Auth.NONE;
              };
        }
      }
    }
    return derived == Auth.NONE ? entry : entry.withAuth(derived);
  }

  /** What a look-up finds. */
  private record Found(Term term, PolicyEntry entry, int shape) {
    boolean isSame(PolicyEntry other) {
      return entry.verdict() == other.verdict()
          && entry.precedence() == other.precedence()
          && entry.auth() == other.auth()
          && entry.listener().equals(other.listener());
    }
  }

  /** What {@code PolicyMapState} will find: the stronger of the two longest matches. */
  private @Nullable Found find(int count, int key, ClassTable aggregate) {
    Found own = at(longest(keys, count, key));
    Found common = aggregate.at(longest(aggregate.keys, aggregate.size, key));
    if (own == null || common == null) {
      return own == null ? common : own;
    }
    int order = Integer.compareUnsigned(own.entry.precedence(), common.entry.precedence());
    if (order != 0) {
      return order > 0 ? own : common;
    }
    return common.shape > own.shape ? common : own;
  }

  private @Nullable Found at(int index) {
    return index < 0 ? null : new Found(terms[index], entries[index], PortKeys.shape(keys[index]));
  }

  int size() {
    return size;
  }

  int key(int index) {
    return keys[index];
  }

  PolicyEntry entry(int index) {
    return entries[index];
  }
}
