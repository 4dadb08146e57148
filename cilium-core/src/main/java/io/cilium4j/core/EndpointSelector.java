// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

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
    var sorted = new ArrayList<>(requirements);
    sorted.sort(null);
    for (int i = sorted.size() - 1; i > 0; i--) {
      if (sorted.get(i).equals(sorted.get(i - 1))) {
        sorted.remove(i);
      }
    }
    requirements = List.copyOf(sorted);
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

  /** The canonical text: equal selectors have equal text, so it can be a key of a cache. */
  @Override
  public String toString() {
    return requirements.stream()
        .map(Requirement::toString)
        .collect(Collectors.joining(",", "{", "}"));
  }
}
