// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.RuleOrigin;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * All rules at one moment. It never changes; any number of threads may compile from it while the
 * {@link PolicyRepository} makes the next one.
 */
public final class RulesSnapshot {
  static final RulesSnapshot EMPTY =
      new RulesSnapshot(0, PersistentMap.empty(), PersistentMap.empty());

  private final long revision;

  /** By namespace (empty for cluster scope), then by object. */
  private final PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes;

  private final PersistentMap<Integer, RuleOrigin> cookies;

  RulesSnapshot(
      long revision,
      PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes,
      PersistentMap<Integer, RuleOrigin> cookies) {
    this.revision = revision;
    this.scopes = scopes;
    this.cookies = cookies;
  }

  /**
   * An object with what the engine makes of it.
   *
   * @param resource the object
   * @param entries its rules, flat
   */
  record Stored(PolicyResource resource, List<Entry> entries) {}

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

  /** The selectors by which rules name their peers, and whom each selects among these. */
  public List<SelectorUse> peerSelectors(Collection<Identity> identities) {
    return SelectorUse.of(this, entry -> entry.peers().stream(), identities);
  }

  /** The selectors by which rules say whom they are about, and whom each selects among these. */
  public List<SelectorUse> subjectSelectors(Collection<Identity> identities) {
    return SelectorUse.of(this, entry -> Stream.of(entry.subject()), identities);
  }

  void forEach(Consumer<Stored> action) {
    scopes.forEach((namespace, scope) -> scope.forEach((name, stored) -> action.accept(stored)));
  }

  /** Calls {@code action} for each entry that may select a subject of this namespace. */
  void candidates(String namespace, Consumer<Entry> action) {
    inScope("", action);
    if (!namespace.isEmpty()) {
      inScope(namespace, action);
    }
  }

  private void inScope(String namespace, Consumer<Entry> action) {
    PersistentMap<ResourceName, Stored> scope = scopes.get(namespace);
    if (scope != null) {
      scope.forEach((name, stored) -> stored.entries.forEach(action));
    }
  }

  PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes() {
    return scopes;
  }

  PersistentMap<Integer, RuleOrigin> cookies() {
    return cookies;
  }
}
