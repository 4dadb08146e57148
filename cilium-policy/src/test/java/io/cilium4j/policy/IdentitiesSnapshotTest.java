// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.EndpointSelector;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Requirement;
import io.cilium4j.core.Requirement.Operator;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

class IdentitiesSnapshotTest {
  private static final List<String> SOURCES =
      List.of(LabelSource.K8S, LabelSource.CONTAINER, LabelSource.ANY);

  private static final List<Operator> OPERATORS = List.of(Operator.values());

  private static Identity randomIdentity(Random random) {
    List<Label> labels = new ArrayList<>();
    for (int key = 0; key < 4; key++) {
      if (random.nextInt(3) > 0) {
        // The last key has one source only, so that both kinds of list are met.
        String source = SOURCES.get(key == 3 ? 0 : random.nextInt(2));
        labels.add(new Label(source, "key" + key, "value" + random.nextInt(3)));
      }
    }
    return new Identity(1000 + random.nextInt(150), Labels.of(labels));
  }

  private static Selector randomSelector(Random random) {
    List<EndpointSelector> alternatives = new ArrayList<>();
    for (int i = 0; i <= random.nextInt(2); i++) {
      List<Requirement> requirements = new ArrayList<>();
      for (int j = random.nextInt(4); j > 0; j--) {
        Operator operator = OPERATORS.get(random.nextInt(OPERATORS.size()));
        boolean valued = operator == Operator.IN || operator == Operator.NOT_IN;
        List<String> values = new ArrayList<>();
        for (int k = random.nextInt(2); valued && k >= 0; k--) {
          values.add("value" + random.nextInt(4));
        }
        requirements.add(
            new Requirement(
                SOURCES.get(random.nextInt(SOURCES.size())),
                "key" + random.nextInt(5),
                operator,
                values));
      }
      alternatives.add(new EndpointSelector(requirements));
    }
    return Selector.anyOf(alternatives);
  }

  @Property(tries = 200)
  void select_ofRandomChanges_tellsOnceWhatMatches(@ForAll long seed) {
    var random = new Random(seed);
    List<IdentitiesSnapshot> snapshots = new ArrayList<>();
    IdentitiesSnapshot last = IdentitiesSnapshot.reserved();
    for (int i = 0; i < 100; i++) {
      last =
          random.nextInt(4) == 0
              ? last.without(List.of(1000 + random.nextInt(150)))
              : last.with(randomIdentity(random));
      if (i % 20 == 19) {
        snapshots.add(last);
      }
    }
    for (IdentitiesSnapshot snapshot : snapshots) {
      for (int i = 0; i < 20; i++) {
        Selector selector = randomSelector(random);
        Set<Integer> wanted = new TreeSet<>();
        snapshot.forEach(row -> {
          if (selector.matches(row)) {
            wanted.add(row.id());
          }
        });
        List<Integer> told = new ArrayList<>();
        snapshot.select(selector, row -> told.add(row.id()));
        assertEquals(wanted, new TreeSet<>(told), selector.toString());
        assertEquals(wanted.size(), told.size(), selector.toString());
      }
    }
  }
}
