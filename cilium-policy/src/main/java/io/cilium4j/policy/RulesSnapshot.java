// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.state.PersistentMap;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All rules at one moment. It never changes; any number of threads may compile from it while the
 * {@link PolicyRepository} makes the next one.
 */
public final class RulesSnapshot {
  static final RulesSnapshot EMPTY =
      new RulesSnapshot(0, PersistentMap.empty(), PersistentMap.empty(), PersistentMap.empty());

  private final long revision;

  /** By namespace (empty for cluster scope), then by object. */
  private final PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes;

  /**
   * The objects of cluster scope once more, by {@link Stored#neededLabel}, so that a subject is not
   * held against all of them.
   */
  private final PersistentMap<String, PersistentMap<ResourceName, Stored>> clusterWide;

  private final PersistentMap<Integer, RuleOrigin> cookies;

  RulesSnapshot(
      long revision,
      PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes,
      PersistentMap<String, PersistentMap<ResourceName, Stored>> clusterWide,
      PersistentMap<Integer, RuleOrigin> cookies) {
    this.revision = revision;
    this.scopes = scopes;
    this.clusterWide = clusterWide;
    this.cookies = cookies;
  }

  /**
   * An object with what the engine makes of it.
   *
   * @param resource the object
   * @param entries its rules, flat
   */
  record Stored(PolicyResource resource, List<Entry> entries) {

    /** The label without which none of the rules selects a subject; empty where there is none. */
    String neededLabel() {
      String needed = "";
      for (Entry entry : entries) {
        Selector.Condition label = entry.subject().requiredLabel();
        String text = label == null ? "" : text(label.key(), label.values().iterator().next());
        if (text.isEmpty() || !(needed.isEmpty() || needed.equals(text))) {
          return "";
        }
        needed = text;
      }
      return needed;
    }

    private static String text(String key, String value) {
      return key + "=" + value;
    }
  }

  /** Grows by one with every change; 0 is the empty beginning. */
  public long revision() {
    return revision;
  }

  /** The rule behind the cookie of a map entry or an event. */
  public Optional<RuleOrigin> origin(int cookie) {
    return Optional.ofNullable(cookies.get(cookie));
  }

  /** The object of this name. */
  public Optional<PolicyResource> get(ResourceName name) {
    PersistentMap<ResourceName, Stored> scope = scopes.get(name.namespace());
    Stored stored = scope == null ? null : scope.get(name);
    return stored == null ? Optional.empty() : Optional.of(stored.resource);
  }

  /** All objects, sorted by name. */
  public List<PolicyResource> resources() {
    var all = new ArrayList<PolicyResource>();
    forEach(stored -> all.add(stored.resource));
    all.sort((a, b) -> a.resource().compareTo(b.resource()));
    return List.copyOf(all);
  }

  /**
   * The prefixes that the rules of an object name, exceptions included: each needs an identity of
   * its own, since only identities stand in policy maps.
   */
  public Set<IpPrefix> prefixes(ResourceName name) {
    var prefixes = new TreeSet<IpPrefix>();
    PersistentMap<ResourceName, Stored> scope = scopes.get(name.namespace());
    Stored stored = scope == null ? null : scope.get(name);
    if (stored != null) {
      for (Entry entry : stored.entries) {
        for (Selector peer : entry.peers()) {
          for (List<Selector.Condition> alternative : peer.alternatives()) {
            for (Selector.Condition condition : alternative) {
              if (condition.prefix() != null) {
                prefixes.add(condition.prefix());
              }
            }
          }
        }
      }
    }
    return prefixes;
  }

  /**
   * The labels that an object puts on prefixes: on those that its {@link #prefixes rules name} the
   * CIDR's, on those in a CIDR group the group's beside it.
   */
  public Map<IpPrefix, Labels> labels(ResourceName name) {
    var labels = new TreeMap<IpPrefix, Labels>();
    prefixes(name).forEach(prefix -> labels.put(prefix, cidr(prefix)));
    if (get(name).orElse(null) instanceof CidrGroup group) {
      List<Label> members = CidrGroups.labels(group);
      group.prefixes().forEach(prefix -> labels.put(prefix, cidr(prefix).with(members)));
    }
    return labels;
  }

  private static Labels cidr(IpPrefix prefix) {
    return Labels.of(CidrLabels.of(prefix).stream().toList());
  }

  /**
   * The DNS names and patterns by which rules name their peers. An address that was told for one of
   * them has its text as a label ({@code fqdn}).
   */
  public Set<Peers.Fqdn> names() {
    var names = new LinkedHashSet<Peers.Fqdn>();
    for (PolicyResource resource : resources()) {
      switch (resource) {
        case CiliumPolicy policy ->
            policy.rules().stream()
                .flatMap(rule -> rule.egress().stream())
                .flatMap(item -> item.peers().stream())
                .filter(Peers.Fqdns.class::isInstance)
                .forEach(peers -> names.addAll(((Peers.Fqdns) peers).items()));
        case ClusterNetworkPolicy policy ->
            policy.egress().stream()
                .flatMap(rule -> rule.peers().stream())
                .filter(ClusterNetworkPolicy.Peer.DomainNames.class::isInstance)
                .flatMap(peer -> ((ClusterNetworkPolicy.Peer.DomainNames) peer).names().stream())
                .map(ClusterFlattener::domainPattern)
                .forEach(text -> names.add(new Peers.Fqdn(text, text.contains("*"))));
        default -> {
          // Others name no names.
        }
      }
    }
    return names;
  }

  /** The selectors by which rules name their peers, and whom each selects among these. */
  public List<SelectorUse> peerSelectors(Collection<Identity> identities) {
    return SelectorUse.of(this, entry -> entry.peers().stream(), identities);
  }

  /** The selectors by which rules say whom they are about, and whom each selects among these. */
  public List<SelectorUse> subjectSelectors(Collection<Identity> identities) {
    return SelectorUse.of(this, entry -> Stream.of(entry.subject()), identities);
  }

  void forEach(Consumer<Stored> action) {
    scopes.forEach(scope -> scope.value().forEach(stored -> action.accept(stored.value())));
  }

  /** Calls {@code action} for each entry that may select a subject. */
  void candidates(IdentityRow subject, Consumer<Entry> action) {
    for (PersistentMap<ResourceName, Stored> objects : concerning(subject)) {
      objects.forEach(stored -> stored.value().entries.forEach(action));
    }
  }

  /**
   * Whether the objects that may select a subject are those of another snapshot. To tell takes no
   * longer where there are many: maps that were not changed are the same objects.
   */
  boolean isAlikeFor(IdentityRow subject, RulesSnapshot other) {
    return concerning(subject).equals(other.concerning(subject));
  }

  private List<PersistentMap<ResourceName, Stored>> concerning(IdentityRow subject) {
    var all = new ArrayList<PersistentMap<ResourceName, Stored>>();
    Label namespace = subject.label(Selectors.NAMESPACE);
    if (namespace != null && !namespace.value().isEmpty()) {
      addIfAny(all, scopes.get(namespace.value()));
    }
    addIfAny(all, clusterWide.get(""));
    if (clusterWide.size() > 0) {
      for (Label label : subject.identity().labels()) {
        addIfAny(all, clusterWide.get(Stored.text(label.key(), label.value())));
      }
    }
    return all;
  }

  private static <T> void addIfAny(List<T> all, @Nullable T one) {
    if (one != null) {
      all.add(one);
    }
  }

  PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes() {
    return scopes;
  }

  PersistentMap<String, PersistentMap<ResourceName, Stored>> clusterWide() {
    return clusterWide;
  }

  PersistentMap<Integer, RuleOrigin> cookies() {
    return cookies;
  }
}
