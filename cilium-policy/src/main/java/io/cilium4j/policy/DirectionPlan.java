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
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Everything about one direction of one subject that does not depend on which identities there are:
 * the rules in their order, the selectors they use, and the tables of the classes of identities met
 * so far. A class is the identities that the same terms concern; it is worked out once however many
 * identities belong to it.
 */
final class DirectionPlan {
  private static final Comparator<Term> BY_NUMBER =
      (one, other) -> Integer.compare(one.number(), other.number());

  private final TrafficDirection direction;
  private final int localClusterId;
  private final List<Entry> rules;
  private final Posture posture;
  private final List<Added> added;

  /** The terms for everybody, save those that have ports by name, which differ by peer. */
  private final List<Term> everybody = new ArrayList<>();

  /** The other terms, by selector. */
  private final Map<Selector, List<Term>> bySelector = new LinkedHashMap<>();

  /** The selectors by the label that they ask for: by key, then by value. */
  private final Map<String, Map<String, List<Selector>>> selectorsByLabel = new HashMap<>();

  /** The selectors that ask for no one label. */
  private final List<Selector> otherSelectors = new ArrayList<>();

  private final Map<Integer, Common> commons = new HashMap<>();

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

  private record ClassKey(int aggregate, List<Term> own) {
    // Written out, not left to the record; see EndpointSelector.

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof ClassKey that && aggregate == that.aggregate && own.equals(that.own);
    }

    @Override
    public int hashCode() {
      return 31 * own.hashCode() + aggregate;
    }
  }

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
    this.added = List.copyOf(added);
    var levels = new Levels(rules, added);
    for (Entry rule : rules) {
      addRule(rule, levels.of(rule.tier(), rule.priority()), subject);
    }
    for (Added each : added) {
      Term.Level level = levels.of(Entry.TIER_DEFAULT, each.priority);
      register(newTerm(level, each.action, null, List.of(L4.ANY)), List.of(each.peer));
    }
    bySelector.keySet().forEach(this::index);
    Common common = Common.NOTHING;
    for (int aggregate : aggregates()) {
      List<Term> concerned = concerningAll(aggregate);
      if (!concerned.equals(common.terms)) { // Seldom is more said of one than of another.
        common = new Common(concerned, ClassTable.ofAggregate(concerned));
      }
      commons.put(aggregate, common);
    }
  }

  /** What concerns all identities of an aggregate. */
  private record Common(List<Term> terms, ClassTable table) {
    static final Common NOTHING = new Common(List.of(), ClassTable.EMPTY);
  }

  private Common common(int aggregate) {
    return commons.getOrDefault(aggregate, Common.NOTHING);
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
    Set<Term> concerned = new HashSet<>(everybody);
    for (Map.Entry<Selector, List<Term>> each : bySelector.entrySet()) {
      if (each.getKey().selectsAggregate(aggregate)) {
        for (Term term : each.getValue()) {
          if (term.named().isEmpty()) {
            concerned.add(term);
          }
        }
      }
    }
    return sorted(concerned, Comparator.naturalOrder());
  }

  private static List<Term> sorted(Set<Term> terms, Comparator<Term> order) {
    Term[] array = terms.toArray(new Term[0]);
    Arrays.sort(array, order);
    return List.of(array);
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
    int[] keys = PortKeys.of(ports);
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
      Set<Term> terms = new HashSet<>();
      for (Group group = this; group != null; group = group.wider) {
        terms.addAll(group.added);
      }
      return sorted(terms, BY_NUMBER);
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
      put(map, aggregate, common(aggregate).table);
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
    Set<Term> own = new HashSet<>();
    boolean anyNamed = false;
    for (Term term : terms) {
      boolean named = !term.named().isEmpty();
      Term resolved = named ? atPeer(term, row) : term;
      anyNamed |= named;
      if (resolved != null) {
        own.add(resolved);
      }
    }
    ClassTable table =
        own.isEmpty()
            ? ClassTable.EMPTY
            : table(aggregate, anyNamed ? sorted(own, BY_NUMBER) : terms);
    if (!anyNamed) {
      group.tables.put(aggregate, table);
    }
    return table;
  }

  private ClassTable table(int aggregate, List<Term> own) {
    return classes.computeIfAbsent(
        new ClassKey(aggregate, own),
        key -> {
          Set<Term> all = new HashSet<>(common(aggregate).terms);
          all.addAll(own);
          return ClassTable.beside(common(aggregate).table, sorted(all, Comparator.naturalOrder()));
        });
  }

  /** A term with its named ports as this peer has them; null where it has none of them. */
  private @Nullable Term atPeer(Term term, IdentityRow row) {
    List<L4> resolved = new ArrayList<>();
    for (L4 l4 : term.named()) {
      NamedPort port = row.namedPorts().get(l4.name());
      if (port != null && port.protocol() == l4.protocol()) {
        resolved.add(new L4(l4.protocol(), port.port(), port.port(), ""));
      }
    }
    if (resolved.isEmpty()) {
      return null;
    }
    int[] keys = PortKeys.of(resolved);
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

  /** What the engine adds, in the order in which it decides: behind every rule. */
  List<Added> added() {
    return added;
  }
}
