// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.state.PersistentMap;
import io.cilium4j.policy.RulesSnapshot.Stored;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The policy objects that are in force. Each change makes a new {@link RulesSnapshot} at a cost in
 * proportion to the change; readers take a snapshot and are never blocked. Changes are made one at
 * a time.
 *
 * <p>Every rule has a cookie, a number that map entries and events carry. A rule keeps its cookie
 * as long as its object has a rule at the same path; a cookie is not used again.
 */
public final class PolicyRepository {
  private final PolicyConfig config;
  private List<PolicyService> services = List.of();
  private int lastCookie;
  private volatile RulesSnapshot snapshot = RulesSnapshot.EMPTY;

  /** An empty repository. */
  public PolicyRepository(PolicyConfig config) {
    this.config = config;
  }

  /** The rules now. */
  public RulesSnapshot snapshot() {
    return snapshot;
  }

  /** The revision of the rules now. */
  public long revision() {
    return snapshot.revision();
  }

  /** Adds objects; one of a name that is there takes its place. All of them, or on error none. */
  public RulesSnapshot add(Collection<? extends PolicyResource> resources) {
    return change(resources, List.of());
  }

  /** Adds an object, or puts it in the place of that of its name. */
  public RulesSnapshot add(PolicyResource resource) {
    return add(List.of(resource));
  }

  /** Removes the object of this name; no error if there is none. */
  public RulesSnapshot delete(ResourceName name) {
    return change(List.of(), List.of(name));
  }

  /** Removes and adds in one step: no reader sees one without the other. */
  public synchronized RulesSnapshot change(
      Collection<? extends PolicyResource> added, Collection<ResourceName> removed) {
    var edit = new Edit(snapshot);
    removed.forEach(edit::remove);
    added.forEach(edit::put);
    return publish(edit);
  }

  /**
   * Replaces all services that {@code toServices} may mean, and reads the rules that do anew.
   *
   * @return the objects that have such rules
   */
  public synchronized List<PolicyResource> setServices(Collection<PolicyService> all) {
    services = List.copyOf(all);
    var edit = new Edit(snapshot);
    var affected = new ArrayList<PolicyResource>();
    snapshot.forEach(stored -> {
      if (namesServices(stored.resource())) {
        affected.add(stored.resource());
      }
    });
    if (!affected.isEmpty()) {
      affected.forEach(edit::put);
      var _ = publish(edit);
    }
    return affected;
  }

  private static boolean namesServices(PolicyResource resource) {
    return resource instanceof CiliumPolicy policy
        && policy.rules().stream()
            .flatMap(rule -> Stream.concat(rule.egress().stream(), rule.egressDeny().stream()))
            .flatMap(item -> item.peers().stream())
            .anyMatch(peers -> peers instanceof Peers.Services);
  }

  private RulesSnapshot publish(Edit edit) {
    lastCookie = edit.cookie;
    RulesSnapshot next =
        new RulesSnapshot(snapshot.revision() + 1, edit.scopes, edit.clusterWide, edit.cookies);
    snapshot = next;
    return next;
  }

  /** A snapshot in the making. */
  private final class Edit {
    private PersistentMap<String, PersistentMap<ResourceName, Stored>> scopes;
    private PersistentMap<String, PersistentMap<ResourceName, Stored>> clusterWide;
    private PersistentMap<Integer, RuleOrigin> cookies;
    private int cookie = lastCookie;

    Edit(RulesSnapshot from) {
      scopes = from.scopes();
      clusterWide = from.clusterWide();
      cookies = from.cookies();
    }

    private @Nullable Stored find(ResourceName name) {
      PersistentMap<ResourceName, Stored> scope = scopes.get(name.namespace());
      return scope == null ? null : scope.get(name);
    }

    void put(PolicyResource resource) {
      ResourceName name = resource.resource();
      Map<String, Integer> known = new HashMap<>();
      Stored old = find(name);
      if (old != null) {
        old.entries().forEach(entry -> known.put(entry.origin().path(), entry.origin().cookie()));
      }
      List<Entry> entries =
          Flattener.flatten(
              resource, config, services, path -> known.computeIfAbsent(path, _ -> ++cookie));
      if (old != null) {
        remove(name, old);
      }
      for (Entry entry : entries) {
        cookies = cookies.put(entry.origin().cookie(), entry.origin());
      }
      var stored = new Stored(resource, entries);
      scopes = with(scopes, name.namespace(), name, stored);
      if (name.isClusterScoped()) {
        clusterWide = with(clusterWide, stored.neededLabel(), name, stored);
      }
    }

    void remove(ResourceName name) {
      Stored old = find(name);
      if (old != null) {
        remove(name, old);
      }
    }

    private void remove(ResourceName name, Stored old) {
      for (Entry entry : old.entries()) {
        cookies = cookies.remove(entry.origin().cookie());
      }
      scopes = without(scopes, name.namespace(), name);
      if (name.isClusterScoped()) {
        clusterWide = without(clusterWide, old.neededLabel(), name);
      }
    }

    private static PersistentMap<String, PersistentMap<ResourceName, Stored>> with(
        PersistentMap<String, PersistentMap<ResourceName, Stored>> groups,
        String group,
        ResourceName name,
        Stored stored) {
      PersistentMap<ResourceName, Stored> there = groups.get(group);
      PersistentMap<ResourceName, Stored> base = there == null ? PersistentMap.empty() : there;
      return groups.put(group, base.put(name, stored));
    }

    private static PersistentMap<String, PersistentMap<ResourceName, Stored>> without(
        PersistentMap<String, PersistentMap<ResourceName, Stored>> groups,
        String group,
        ResourceName name) {
      PersistentMap<ResourceName, Stored> there = groups.get(group);
      if (there == null) {
        return groups;
      }
      PersistentMap<ResourceName, Stored> left = there.remove(name);
      return left.size() == 0 ? groups.remove(group) : groups.put(group, left);
    }
  }
}
