// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.ReservedIdentity;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which identities a rule's peer means, made ready for matching: alternatives of conditions, and
 * the aggregates that it selects as such, so that identities this node has not heard of match too.
 *
 * <p>Selectors that ask for the same are equal, so that what they select is computed once.
 */
final class Selector {
  /** Selects everything, known or not. */
  static final Selector ALL = of(EndpointSelector.WILDCARD);

  private final List<EndpointSelector> written;
  private final List<List<Condition>> anyOf;
  private final int aggregates;
  private final boolean all;

  /** Computed when it is asked for; 0 until then. */
  private int hash;

  private Selector(List<EndpointSelector> written, List<List<Condition>> anyOf, int aggregates) {
    this.written = written;
    this.anyOf = anyOf;
    this.aggregates = aggregates;
    this.all = anyOf.contains(List.of());
  }

  /** The selector of one list of requirements. */
  static Selector of(EndpointSelector selector) {
    return new Selector(List.of(selector), List.of(conditions(selector)), 0);
  }

  /** Selects what any of these does, and the identities of these aggregates. */
  static Selector anyOf(List<EndpointSelector> selectors, ReservedIdentity... aggregates) {
    int bits = 0;
    for (ReservedIdentity aggregate : aggregates) {
      bits |= aggregateBit(aggregate.id());
    }
    return new Selector(
        List.copyOf(selectors), selectors.stream().map(Selector::conditions).toList(), bits);
  }

  /**
   * As {@link #of}, with every aggregate whose own label, {@code reserved:aggregate-…}, meets the
   * requirements. The reference implementation selects aggregates so: by conditions that they do
   * not even have the label for.
   */
  static Selector withAggregates(EndpointSelector selector) {
    ReservedIdentity[] aggregates =
        selector.isWildcard()
            ? new ReservedIdentity[0]
            : Arrays.stream(ReservedIdentity.values())
                .filter(ReservedIdentity::isAggregate)
                .filter(each -> selector.matches(each.identity().labels()))
                .toArray(ReservedIdentity[]::new);
    return anyOf(List.of(selector), aggregates);
  }

  private static List<Condition> conditions(EndpointSelector selector) {
    Condition[] conditions = new Condition[selector.requirements().size()];
    for (int i = 0; i < conditions.length; i++) {
      conditions[i] = Condition.of(selector.requirements().get(i));
    }
    return List.of(conditions);
  }

  /** The bit of an aggregate in {@link #selectsAggregate}'s set; 0 for other identities. */
  private static int aggregateBit(int id) {
    return id == 0 ? 0 : 1 << id;
  }

  /** Whether it selects everything, known or not. */
  boolean isAll() {
    return all;
  }

  /** Whether it selects every identity of this aggregate; of 0 only the wildcard does. */
  boolean selectsAggregate(int aggregate) {
    return all || (aggregates & aggregateBit(aggregate)) != 0;
  }

  /** The alternatives; conditions of one alternative must all hold. */
  List<List<Condition>> alternatives() {
    return anyOf;
  }

  /**
   * A condition without which it selects nothing: that a label has one value. The namespace's where
   * there is one, since that tells most selectors apart; null where there is none at all.
   */
  @Nullable Condition requiredLabel() {
    if (anyOf.size() != 1) {
      return null;
    }
    Condition required = null;
    for (Condition condition : anyOf.getFirst()) {
      boolean one =
          condition.operator == Requirement.Operator.IN
              && condition.values.size() == 1
              && condition.prefix == null;
      if (one && (required == null || condition.key.equals(Selectors.NAMESPACE))) {
        required = condition;
      }
    }
    return required;
  }

  /** Whether it selects this identity by its labels. */
  boolean matches(IdentityRow row) {
    for (List<Condition> conditions : anyOf) {
      if (allHold(conditions, row)) {
        return true;
      }
    }
    return false;
  }

  static boolean allHold(List<Condition> conditions, IdentityRow row) {
    for (int i = 0; i < conditions.size(); i++) {
      if (!conditions.get(i).holds(row)) {
        return false;
      }
    }
    return true;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Selector that
        && all == that.all
        && aggregates == that.aggregates
        && hashCode() == that.hashCode()
        && written.equals(that.written);
  }

  @Override
  public int hashCode() {
    int known = hash;
    if (known == 0) {
      known = 31 * written.hashCode() + aggregates;
      hash = known;
    }
    return known;
  }

  /** The alternatives as text. */
  @Override
  public String toString() {
    return written.toString();
  }

  /**
   * A requirement made ready for matching.
   *
   * @param source the wanted source; null for any
   * @param key the wanted key
   * @param operator what must hold of it
   * @param values the values of {@code IN} and {@code NOT_IN}
   * @param prefix the prefix that a key of source {@code cidr} stands for, else null
   */
  record Condition(
      @Nullable String source,
      String key,
      Requirement.Operator operator,
      Set<String> values,
      @Nullable IpPrefix prefix) {

    static Condition of(Requirement requirement) {
      String source = requirement.source();
      return new Condition(
          source.equals(LabelSource.ANY) ? null : source,
          requirement.key(),
          requirement.operator(),
          set(requirement.values()),
          source.equals(LabelSource.CIDR)
              ? CidrLabels.tryParseKey(requirement.key()).orElse(null)
              : null);
    }

    private static Set<String> set(List<String> values) {
      return values.size() == 1 ? Set.of(values.getFirst()) : Set.copyOf(values);
    }

    /** Whether only identities that have the key can meet it. */
    boolean needsPresence() {
      return operator == Requirement.Operator.IN || operator == Requirement.Operator.EXISTS;
    }

    boolean holds(IdentityRow row) {
      return switch (operator) {
        case IN -> isIn(row);
        case NOT_IN -> !isIn(row);
        case EXISTS -> isPresent(row);
        case DOES_NOT_EXIST -> !isPresent(row);
      };
    }

    private boolean isIn(IdentityRow row) {
      if (prefix != null) {
        return values.contains("") && isPresent(row);
      }
      Label label = find(row);
      return label != null && values.contains(label.value());
    }

    /** Of prefixes one matches that lies inside the wanted one. */
    private boolean isPresent(IdentityRow row) {
      if (prefix != null) {
        List<IpPrefix> own = row.prefixes();
        for (int i = 0; i < own.size(); i++) {
          if (prefix.contains(own.get(i))) {
            return true;
          }
        }
        return false;
      }
      return find(row) != null;
    }

    private @Nullable Label find(IdentityRow row) {
      Label label = row.label(key);
      return label != null && (source == null || source.equals(label.source())) ? label : null;
    }
  }
}
