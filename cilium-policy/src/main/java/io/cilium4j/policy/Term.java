// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyEntry.Auth;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.Verdict;
import io.cilium4j.policy.Entry.Action;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A rule within the plan of one direction of one subject: its ports are resolved to keys and its
 * place among all rules of the direction is a number.
 */
final class Term implements Comparable<Term> {

  /** The lowest byte of a pass: it decides after everything else of its level. */
  private static final int PASS_BYTE = 0;

  private final int number;
  private final Level level;
  private final Action action;
  private final int kind;
  private final int[] keys;
  private final List<Entry.L4> named;
  private final Auth auth;
  private final @Nullable Entry entry;
  private final PolicyEntry weak;
  private final PolicyEntry strong;

  /**
   * A place in the order of rules.
   *
   * @param tier the tier
   * @param priority the number of the priority among all of the direction, 0 the strongest
   * @param band added to the number for identities that no pass concerns, so that what a pass
   *     decides for one identity outweighs what its aggregate says
   */
  record Level(int tier, int priority, int band) {}

  /**
   * A term.
   *
   * @param number its place in the plan's list
   * @param entry the rule; null for one that the engine adds
   * @param keys its ports; those by name are left out
   * @param named its ports by name
   */
  Term(
      int number,
      Level level,
      Action action,
      @Nullable Entry entry,
      int[] keys,
      List<Entry.L4> named) {
    this.number = number;
    this.level = level;
    this.action = action;
    this.entry = entry;
    this.keys = keys;
    this.named = named;
    boolean redirect = action == Action.ALLOW && entry != null && entry.layer7().isRedirect();
    this.kind =
        switch (action) {
          case DENY -> PolicyEntry.DENY_BYTE;
          case PASS -> PASS_BYTE;
          case ALLOW ->
              redirect && entry != null ? entry.layer7().precedenceByte() : PolicyEntry.ALLOW_BYTE;
        };
    this.auth = action == Action.ALLOW && entry != null ? entry.auth() : Auth.NONE;
    Verdict verdict =
        action == Action.DENY ? Verdict.DENIED : redirect ? Verdict.REDIRECTED : Verdict.ALLOWED;
    int cookie = entry == null ? 0 : entry.origin().cookie();
    this.weak = mapEntry(verdict, level.priority() + level.band(), cookie);
    this.strong = level.band() == 0 ? weak : mapEntry(verdict, level.priority(), cookie);
  }

  private PolicyEntry mapEntry(Verdict verdict, int priority, int cookie) {
    String listener = verdict == Verdict.REDIRECTED && entry != null ? entry.layer7().target() : "";
    return new PolicyEntry(verdict, PolicyEntry.precedence(priority, kind), listener, auth, cookie);
  }

  /** This term for an identity at which its named ports are these. */
  Term at(int variantNumber, int[] resolved) {
    return new Term(variantNumber, level, action, entry, resolved, List.of());
  }

  int number() {
    return number;
  }

  int tier() {
    return level.tier();
  }

  Action action() {
    return action;
  }

  boolean isPass() {
    return action == Action.PASS;
  }

  int[] keys() {
    return keys;
  }

  List<Entry.L4> named() {
    return named;
  }

  Auth auth() {
    return auth;
  }

  /** The rule, or null for a term that the engine added. */
  @Nullable Entry entry() {
    return entry;
  }

  /** The rule's name; a term that the engine added has none of an object. */
  RuleOrigin origin() {
    return entry == null ? new RuleOrigin(0, "", "added by the engine") : entry.origin();
  }

  /**
   * What goes into the map.
   *
   * @param outweighs whether it has to outweigh what the aggregate says, because of a pass
   */
  PolicyEntry mapEntry(boolean outweighs) {
    return outweighs ? strong : weak;
  }

  /** Whether it decides before the other; neither does where the two are of one level and kind. */
  boolean decidesBefore(Term other) {
    return order() < other.order();
  }

  /** Whether its level is that of the other or before it. */
  boolean isAtLeastAsStrong(Term other) {
    return level.priority() <= other.level.priority();
  }

  private long order() {
    return ((long) level.priority() << 8) + (255 - kind);
  }

  boolean covers(int key) {
    for (int own : keys) {
      if (PortKeys.covers(own, key)) {
        return true;
      }
    }
    return false;
  }

  /** In the order in which they decide; the plan's order where that leaves it open. */
  @Override
  public int compareTo(Term other) {
    int byOrder = Long.compare(order(), other.order());
    return byOrder != 0 ? byOrder : Integer.compare(number, other.number);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return number;
  }
}
