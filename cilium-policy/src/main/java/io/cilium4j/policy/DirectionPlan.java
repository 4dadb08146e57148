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

  /** The terms for everybody, save those that have ports by name, which differ by peer. */
  private final List<Term> everybody = new ArrayList<>();

  /** The other terms, by selector. */
  private final Map<Selector, List<Term>> bySelector = new LinkedHashMap<>();

  /** The selectors by the label that they ask for: by key, then by value. */
  private final Map<String, Map<String, List<Selector>>> selectorsByLabel = new HashMap<>();

  /** The selectors that ask for no one label. */
  private final List<Selector> otherSelectors = new ArrayList<>();

  private final Map<Integer, List<Term>> aggregateTerms = new HashMap<>();
  private final Map<Integer, ClassTable> aggregateTables = new HashMap<>();

  // What was met so far; several threads may compile for other identities at a time.
  private final Group nobody = new Group(null, List.of());
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
    bySelector.keySet().forEach(this::index);
    for (int aggregate : aggregates()) {
      List<Term> concerned = concerningAll(aggregate);
      aggregateTerms.put(aggregate, concerned);
      aggregateTables.put(aggregate, ClassTable.ofAggregate(concerned));
    }
  }

  private void index(Selector selector) {
    Selector.Condition label = selector.requiredLabel();
    if (label == null) {
      otherSelectors.add(selector);
    } else {
      selectorsByLabel
          .computeIfAbsent(label.key(), _ -> new HashMap<>())
          .computeIfAbsent(label.values().iterator().next(), _ -> new ArrayList<>())
          .add(selector);
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
      if (peer.isAll() && term.named().isEmpty()) {
        everybody.add(term);
      } else {
        bySelector.computeIfAbsent(peer, _ -> new ArrayList<>()).add(term);
      }
    }
  }

  // ---- From identities to map entries

  /**
   * The identities that one set of selectors selects, by the path from the group of those that none
   * does. What it stands for is worked out once, for the first of them.
   */
  private static final class Group {
    private final @Nullable Group wider;

    /** The terms of the selector that makes the difference to the wider group. */
    private final List<Term> added;

    private final Map<Selector, Group> narrower = new HashMap<>(2);

    /** By aggregate; empty where tables differ from identity to identity. */
    private final Map<Integer, ClassTable> tables = new HashMap<>(2);

    Group(@Nullable Group wider, List<Term> added) {
      this.wider = wider;
      this.added = added;
    }

    /** All terms, in the plan's order. */
    List<Term> terms() {
      List<Term> terms = new ArrayList<>();
      for (Group group = this; group != null; group = group.wider) {
        terms.addAll(group.added);
      }
      return terms.stream().sorted(Comparator.comparingInt(Term::number)).distinct().toList();
    }
  }

  private Group narrower(@Nullable Group group, Selector selector) {
    Group from = group == null ? nobody : group;
    Group found = from.narrower.get(selector);
    if (found == null) {
      found = new Group(from, bySelector.getOrDefault(selector, List.of()));
      from.narrower.put(selector, found);
    }
    return found;
  }

  /** Puts the entries of the aggregates and of all these identities. */
  synchronized void compile(IdentitiesSnapshot identities, PolicyMapState.Builder map) {
    for (int aggregate : aggregates()) {
      put(map, aggregate, aggregateTables.getOrDefault(aggregate, ClassTable.EMPTY));
    }
    Map<IdentityRow, Group> groups = new HashMap<>();
    for (Selector selector : bySelector.keySet()) {
      identities.select(
          selector,
          row -> {
            if (mayConcern(selector, row)) {
              groups.compute(row, (_, group) -> narrower(group, selector));
            }
          });
    }
    groups.forEach((row, group) -> put(map, row.id(), table(row, group)));
  }

  /** What is said of everybody beside {@link #everybody} is about ports by name. */
  private static boolean mayConcern(Selector selector, IdentityRow row) {
    return !selector.isAll() || !row.namedPorts().isEmpty();
  }

  /** The table of one identity, worked out from its labels alone. */
  synchronized ClassTable tableOf(IdentityRow row) {
    Group group = narrowed(nobody, otherSelectors, row);
    for (Map.Entry<String, Map<String, List<Selector>>> key : selectorsByLabel.entrySet()) {
      Label label = row.label(key.getKey());
      List<Selector> asking = label == null ? null : key.getValue().get(label.value());
      if (asking != null) {
        group = narrowed(group, asking, row);
      }
    }
    return group == nobody ? ClassTable.EMPTY : table(row, group);
  }

  private Group narrowed(Group from, List<Selector> selectors, IdentityRow row) {
    Group group = from;
    for (Selector selector : selectors) {
      if (mayConcern(selector, row) && selector.matches(row)) {
        group = narrower(group, selector);
      }
    }
    return group;
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

  private ClassTable table(IdentityRow row, Group group) {
    int aggregate = aggregateOf(row.id());
    ClassTable known = group.tables.get(aggregate);
    if (known != null) {
      return known;
    }
    List<Term> terms = group.terms();
    if (terms.stream().allMatch(term -> term.named().isEmpty())) {
      ClassTable table = table(aggregate, terms);
      group.tables.put(aggregate, table);
      return table;
    }
    List<Term> own = new ArrayList<>();
    for (Term term : terms) {
      Term resolved = term.named().isEmpty() ? term : atPeer(term, row);
      if (resolved != null) {
        own.add(resolved);
      }
    }
    own.sort(Comparator.comparingInt(Term::number));
    return own.isEmpty() ? ClassTable.EMPTY : table(aggregate, own);
  }

  private ClassTable table(int aggregate, List<Term> own) {
    return classes.computeIfAbsent(
        new ClassKey(aggregate, own),
        key -> {
          List<Term> common = aggregateTerms.getOrDefault(aggregate, List.of());
          List<Term> all = new ArrayList<>(common);
          own.stream().filter(term -> !common.contains(term)).forEach(all::add);
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
