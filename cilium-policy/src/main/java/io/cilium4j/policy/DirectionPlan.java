// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.Entry.Action;
import io.cilium4j.policy.Entry.L4;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Everything about one direction of one subject that does not depend on which identities there are:
 * the rules in their order, the selectors they use, and the tables of the classes of identities met
 * so far. A class is the identities that the same terms concern; it is worked out once however many
 * identities belong to it.
 */
final class DirectionPlan {
  /** Each tier's priorities are rounded up to this, so that few changes move later tiers. */
  private static final int LEVEL_STEP = 10;

  private final TrafficDirection direction;
  private final int localClusterId;
  private final List<Entry> rules;
  private final Posture posture;

  /** The terms of each selector but the wildcard. */
  private final Map<Selector, List<Term>> bySelector = new LinkedHashMap<>();

  /** The selectors by the one namespace that they ask for; under the empty name all others. */
  private final Map<String, List<Selector>> selectorsByNamespace = new HashMap<>();

  /** The terms for everybody, and those that have ports by name, which differ by peer. */
  private final List<Term> everybody = new ArrayList<>();

  private final List<Term> everybodyNamed = new ArrayList<>();
  private final Map<Integer, List<Term>> aggregateTerms = new HashMap<>();
  private final Map<Integer, ClassTable> aggregateTables = new HashMap<>();
  private final Map<ClassKey, ClassTable> classes = new HashMap<>();
  private final Map<Variant, Term> variants = new HashMap<>();
  private int termCount;

  /** What becomes of traffic that no rule decides, and why. */
  enum Posture {
    /** Enforcement is off. */
    NEVER_ENFORCED,
    /** No policy has rules for this direction, so everything passes. */
    NO_RULES,
    /** Rules there are, none of which restricts the direction. */
    OPEN,
    /** What is not allowed is denied. */
    CLOSED
  }

  private record ClassKey(int aggregate, List<Term> own) {}

  private record Variant(Term term, List<Integer> keys) {}

  /**
   * A plan.
   *
   * @param rules the entries of this direction that select the subject
   * @param added the entries that the engine adds, each at its priority in the last tier
   */
  DirectionPlan(
      TrafficDirection direction,
      PolicySubject subject,
      int localClusterId,
      List<Entry> rules,
      Posture posture,
      List<Added> added) {
    this.direction = direction;
    this.localClusterId = localClusterId;
    this.rules = rules;
    this.posture = posture;
    Map<Integer, Map<Double, Integer>> levels = levels(rules, added);
    int band = rules.stream().anyMatch(rule -> rule.action() == Action.PASS) ? last(levels) : 0;
    for (Entry rule : rules) {
      int priority = number(levels, rule.tier(), rule.priority());
      addRule(rule, new Term.Level(rule.tier(), priority, band), subject);
    }
    for (Added each : added) {
      int priority = number(levels, Entry.TIER_DEFAULT, each.priority);
      var level = new Term.Level(Entry.TIER_DEFAULT, priority, band);
      register(newTerm(level, each.action, null, List.of(L4.ANY)), List.of(each.peer));
    }
    for (Selector selector : bySelector.keySet()) {
      selectorsByNamespace
          .computeIfAbsent(selector.onlyNamespace(), _ -> new ArrayList<>())
          .add(selector);
    }
    for (int aggregate : aggregates()) {
      List<Term> concerned = concerningAll(aggregate);
      aggregateTerms.put(aggregate, concerned);
      aggregateTables.put(aggregate, ClassTable.ofAggregate(concerned));
    }
  }

  /** The terms that concern every identity of an aggregate, known or not, in their order. */
  private List<Term> concerningAll(int aggregate) {
    List<Term> concerned = new ArrayList<>(everybody);
    bySelector.forEach((selector, selected) -> {
      if (selector.selectsAggregate(aggregate)) {
        selected.stream().filter(term -> term.named().isEmpty()).forEach(concerned::add);
      }
    });
    return concerned.stream().distinct().sorted().toList();
  }

  /**
   * A rule that the engine adds.
   *
   * @param action what it does
   * @param peer with whom
   * @param priority its place in the last tier
   */
  record Added(Action action, Selector peer, double priority) {}

  private static int[] aggregates() {
    return new int[] {
      ReservedIdentity.UNKNOWN.id(),
      ReservedIdentity.AGGREGATE_CLUSTER.id(),
      ReservedIdentity.AGGREGATE_CLUSTER_MESH.id(),
      ReservedIdentity.AGGREGATE_WORLD.id(),
      ReservedIdentity.AGGREGATE_REMOTE_NODE.id()
    };
  }

  /** The priorities of each tier in use, numbered across tiers. */
  private static Map<Integer, Map<Double, Integer>> levels(List<Entry> rules, List<Added> added) {
    Map<Integer, Map<Double, Integer>> levels = new TreeMap<>();
    for (Entry rule : rules) {
      levels.computeIfAbsent(rule.tier(), _ -> new TreeMap<>()).put(rule.priority(), 0);
    }
    for (Added each : added) {
      levels.computeIfAbsent(Entry.TIER_DEFAULT, _ -> new TreeMap<>()).put(each.priority, 0);
    }
    int base = 0;
    for (Map<Double, Integer> tier : levels.values()) {
      int next = base;
      for (Map.Entry<Double, Integer> level : tier.entrySet()) {
        level.setValue(next++);
      }
      base += (tier.size() + LEVEL_STEP - 1) / LEVEL_STEP * LEVEL_STEP;
    }
    return levels;
  }

  private static int number(Map<Integer, Map<Double, Integer>> levels, int tier, double priority) {
    return levels.getOrDefault(tier, Map.of()).getOrDefault(priority, 0);
  }

  /** One more than the largest number in use. */
  private static int last(Map<Integer, Map<Double, Integer>> levels) {
    return 1
        + levels.values().stream()
            .flatMap(tier -> tier.values().stream())
            .max(Comparator.naturalOrder())
            .orElse(0);
  }

  private void addRule(Entry rule, Term.Level level, PolicySubject subject) {
    if (rule.peers().isEmpty()) {
      return;
    }
    List<L4> numbered = new ArrayList<>();
    List<L4> named = new ArrayList<>();
    for (L4 l4 : rule.ports()) {
      if (!l4.isNamed()) {
        numbered.add(l4);
      } else if (direction == TrafficDirection.EGRESS) {
        named.add(l4);
      } else {
        NamedPort own = subject.namedPorts().get(l4.name());
        if (own != null && own.protocol() == l4.protocol()) {
          numbered.add(new L4(l4.protocol(), own.port(), own.port(), ""));
        }
      }
    }
    if (!numbered.isEmpty()) {
      register(newTerm(level, rule.action(), rule, numbered), rule.peers());
    }
    if (!named.isEmpty()) {
      var term = new Term(termCount++, level, rule.action(), rule, new int[0], named);
      register(term, rule.peers());
    }
  }

  private Term newTerm(Term.Level level, Action action, @Nullable Entry rule, List<L4> ports) {
    int[] keys =
        ports.stream()
            .flatMapToInt(l4 -> Arrays.stream(PortKeys.range(l4.protocol(), l4.first(), l4.last())))
            .distinct()
            .toArray();
    return new Term(termCount++, level, action, rule, keys, List.of());
  }

  private void register(Term term, List<Selector> peers) {
    for (Selector peer : peers) {
      if (!peer.isAll()) {
        bySelector.computeIfAbsent(peer, _ -> new ArrayList<>()).add(term);
      } else if (term.named().isEmpty()) {
        everybody.add(term);
      } else {
        everybodyNamed.add(term);
      }
    }
  }

  // ---- From identities to map entries

  /** Puts the entries of the aggregates and of all these identities. */
  void compile(IdentitiesSnapshot identities, PolicyMapState.Builder map) {
    for (int aggregate : aggregates()) {
      put(map, aggregate, aggregateTables.getOrDefault(aggregate, ClassTable.EMPTY));
    }
    Map<IdentityRow, List<Term>> concerned = new HashMap<>();
    bySelector.forEach((selector, selected) ->
        identities.select(
            selector,
            row -> concerned.computeIfAbsent(row, _ -> new ArrayList<>()).addAll(selected)));
    if (!everybodyNamed.isEmpty()) {
      identities.forEach(row -> {
        if (!row.namedPorts().isEmpty()) {
          concerned.computeIfAbsent(row, _ -> new ArrayList<>()).addAll(everybodyNamed);
        }
      });
    }
    concerned.forEach((row, own) -> put(map, row.id(), table(row, own)));
  }

  /** The table of one identity, worked out from its labels alone. */
  ClassTable tableOf(IdentityRow row) {
    List<Term> own = new ArrayList<>(everybodyNamed);
    Label namespace = row.label(Selectors.NAMESPACE);
    addMatching(selectorsByNamespace.getOrDefault("", List.of()), row, own);
    if (namespace != null && !namespace.value().isEmpty()) {
      addMatching(selectorsByNamespace.getOrDefault(namespace.value(), List.of()), row, own);
    }
    return own.isEmpty() ? ClassTable.EMPTY : table(row, own);
  }

  private void addMatching(List<Selector> selectors, IdentityRow row, List<Term> own) {
    for (Selector selector : selectors) {
      if (selector.matches(row)) {
        own.addAll(bySelector.getOrDefault(selector, List.of()));
      }
    }
  }

  /** Puts the entries of a table under an identity. */
  void put(PolicyMapState.Builder map, int id, ClassTable table) {
    for (int i = 0; i < table.size(); i++) {
      int key = table.key(i);
      map.put(
          direction,
          id,
          PortKeys.protocol(key),
          PortKeys.port(key),
          PortKeys.prefixLength(key),
          table.entry(i));
    }
  }

  /** Removes the entries of a table under an identity. */
  void remove(PolicyMapState.Builder map, int id, ClassTable table) {
    for (int i = 0; i < table.size(); i++) {
      int key = table.key(i);
      map.remove(
          new PolicyKey(
              direction,
              id,
              PortKeys.protocol(key),
              PortKeys.port(key),
              PortKeys.prefixLength(key)));
    }
  }

  /** The table of an identity that these terms select; a term may be listed more than once. */
  private synchronized ClassTable table(IdentityRow row, List<Term> selected) {
    List<Term> own = new ArrayList<>(selected.size());
    for (Term term : selected) {
      Term resolved = term.named().isEmpty() ? term : atPeer(term, row);
      if (resolved != null) {
        own.add(resolved);
      }
    }
    own.sort(Comparator.comparingInt(Term::number));
    List<Term> distinct = own.stream().distinct().toList();
    if (distinct.isEmpty()) {
      return ClassTable.EMPTY;
    }
    int aggregate = aggregateOf(row.id());
    return classes.computeIfAbsent(
        new ClassKey(aggregate, distinct),
        key -> {
          List<Term> common = aggregateTerms.getOrDefault(aggregate, List.of());
          List<Term> all = new ArrayList<>(common);
          distinct.stream().filter(term -> !common.contains(term)).forEach(all::add);
          all.sort(Comparator.naturalOrder());
          ClassTable beside = aggregateTables.getOrDefault(aggregate, ClassTable.EMPTY);
          return ClassTable.beside(beside, all);
        });
  }

  /** A term with its named ports as this peer has them; null where it has none of them. */
  private @Nullable Term atPeer(Term term, IdentityRow row) {
    int[] keys =
        term.named().stream()
            .filter(l4 -> {
              NamedPort port = row.namedPorts().get(l4.name());
              return port != null && port.protocol() == l4.protocol();
            })
            .mapToInt(l4 -> {
              NamedPort port = row.namedPorts().get(l4.name());
              return PortKeys.exact(l4.protocol(), port == null ? 0 : port.port());
            })
            .distinct()
            .sorted()
            .toArray();
    if (keys.length == 0) {
      return null;
    }
    var variant = new Variant(term, Arrays.stream(keys).boxed().toList());
    return variants.computeIfAbsent(variant, _ -> term.at(termCount++, keys));
  }

  // ---- For explanations

  /** The aggregate of an identity, as this node's cluster sees it. */
  int aggregateOf(int id) {
    return Identity.aggregate(id, localClusterId);
  }

  TrafficDirection direction() {
    return direction;
  }

  Posture posture() {
    return posture;
  }

  /** The entries that select the subject in this direction, those that match nothing included. */
  List<Entry> rules() {
    return rules;
  }
}
