// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Identity;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A selector of the rules in force.
 *
 * @param selector its text, the same for selectors that ask for the same
 * @param identities the numbers that it selects, ascending
 * @param objects the objects whose rules use it, by name
 * @param users how many rules use it
 */
public record SelectorUse(
    String selector, List<Integer> identities, List<ResourceName> objects, int users) {

  public SelectorUse {
    identities = List.copyOf(identities);
    objects = List.copyOf(objects);
  }

  /** Every selector that {@code ofEntry} finds in a rule, in the order of their texts. */
  static List<SelectorUse> of(
      RulesSnapshot rules,
      Function<Entry, Stream<Selector>> ofEntry,
      Collection<Identity> identities) {
    Map<Selector, List<ResourceName>> users = new HashMap<>();
    rules.forEach(stored ->
        stored.entries().stream()
            .flatMap(entry -> ofEntry.apply(entry).distinct())
            .forEach(selector ->
                users
                    .computeIfAbsent(selector, _ -> new ArrayList<>())
                    .add(stored.resource().resource())));
    IdentitiesSnapshot snapshot =
        IdentitiesSnapshot.reserved()
            .with(
                identities.stream()
                    .map(each -> new IdentitiesSnapshot.Peer(each, Map.of()))
                    .toList());
    Map<String, SelectorUse> uses = new TreeMap<>();
    users.forEach((selector, objects) -> {
      List<Integer> selected = new ArrayList<>();
      snapshot.select(selector, row -> selected.add(row.id()));
      selected.sort(null);
      uses.put(
          selector.toString(),
          new SelectorUse(
              selector.toString(),
              selected,
              objects.stream().distinct().sorted().toList(),
              objects.size()));
    });
    return List.copyOf(uses.values());
  }
}
