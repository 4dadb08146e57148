// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Which label sets a rule means: all requirements must hold. Without a requirement it is the
 * wildcard and selects everything. "Selects nothing" is no selector at all: absence is the caller's
 * to keep apart, never an empty selector.
 *
 * @param requirements the conditions, sorted, without duplicates
 */
public record EndpointSelector(List<Requirement> requirements) {

  /** Selects everything. */
  public static final EndpointSelector WILDCARD = new EndpointSelector(List.of());

  public EndpointSelector {
    requirements = isSorted(requirements) ? List.copyOf(requirements) : sorted(requirements);
  }

  /** Most have one or two requirements, and engines make many. */
  private static boolean isSorted(List<Requirement> requirements) {
    for (int i = 1; i < requirements.size(); i++) {
      if (requirements.get(i - 1).compareTo(requirements.get(i)) >= 0) {
        return false;
      }
    }
    return true;
  }

  private static List<Requirement> sorted(List<Requirement> requirements) {
    Requirement[] sorted = requirements.toArray(new Requirement[0]);
    Arrays.sort(sorted);
    int count = 0;
    for (Requirement each : sorted) {
      if (count == 0 || !sorted[count - 1].equals(each)) {
        sorted[count++] = each;
      }
    }
    return List.of(count == sorted.length ? sorted : Arrays.copyOf(sorted, count));
  }

  /** The selector that wants each of these labels; a label without a source means any source. */
  public static EndpointSelector of(Label... wanted) {
    return new EndpointSelector(Arrays.stream(wanted).map(Requirement::equalTo).toList());
  }

  /** Whether the labels meet every requirement. */
  public boolean matches(Labels labels) {
    for (Requirement requirement : requirements) {
      if (!requirement.matches(labels)) {
        return false;
      }
    }
    return true;
  }

  /** Whether it selects everything. */
  public boolean isWildcard() {
    return requirements.isEmpty();
  }

  /** This selector, narrowed by more requirements. */
  public EndpointSelector and(Collection<Requirement> more) {
    var both = new ArrayList<>(requirements);
    both.addAll(more);
    return new EndpointSelector(both);
  }

  // Written out, not left to the record: what a record links at its first call, and calls through
  // from then on, is most of what comparing costs a process that has just started.

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof EndpointSelector that && requirements.equals(that.requirements);
  }

  @Override
  public int hashCode() {
    return requirements.hashCode();
  }

  /** The canonical text: equal selectors have equal text, so it can be a key of a cache. */
  @Override
  public String toString() {
    return requirements.stream()
        .map(Requirement::toString)
        .collect(Collectors.joining(",", "{", "}"));
  }
}
