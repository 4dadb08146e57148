// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.dns;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.policy.Peers;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Which labels the addresses of names have in the ipcache: those of every rule that names one of
 * the address's names, whichever endpoint was told it.
 *
 * <p>Changes are for one thread, questions for all.
 */
final class NameLabels {

  /** Who puts them, in the ipcache. */
  static final String OWNER = "dns-names";

  /** A revision of which nothing is to be waited for. */
  static final long NOBODYS = 0;

  private final Ipcache ipcache;

  /** What stands in the ipcache by now. */
  private final Map<IpAddress, Put> put = new ConcurrentHashMap<>();

  private volatile NameSelectors selectors = NameSelectors.NONE;

  private final AtomicLong changes = new AtomicLong();

  /** Labels, and the revision of the ipcache that has them. */
  private record Put(Set<Label> labels, long revision) {}

  NameLabels(Ipcache ipcache) {
    this.ipcache = ipcache;
  }

  /** Puts what an earlier process had put, before anything is known of the rules. */
  void restore(Map<IpAddress, Set<Label>> earlier) {
    change(new HashMap<>(earlier));
  }

  /** The names that rules have. */
  NameSelectors selectors() {
    return selectors;
  }

  /** Another number whenever anything else is put. */
  long changes() {
    return changes.get();
  }

  /** What is put, by address. */
  Map<IpAddress, Set<Label>> labels() {
    Map<IpAddress, Set<Label>> all = new HashMap<>();
    put.forEach((address, each) -> all.put(address, each.labels));
    return all;
  }

  /**
   * The revision of the ipcache in which all of these addresses have the labels of a name, {@link
   * #NOBODYS} where no rule names it; absent while one has not.
   */
  Optional<Long> since(String name, Collection<IpAddress> addresses) {
    Set<Label> wanted = selectors.labels(name);
    if (wanted.isEmpty()) {
      return Optional.of(NOBODYS);
    }
    long newest = 0;
    for (IpAddress address : addresses) {
      Put present = put.get(address);
      if (present == null || !present.labels.containsAll(wanted)) {
        return Optional.empty();
      }
      newest = Math.max(newest, present.revision);
    }
    return Optional.of(newest);
  }

  /**
   * Takes the names over that rules have; all addresses may have other labels then.
   *
   * @return the addresses that have, and which; none for one that has none any more
   */
  Map<IpAddress, Set<Label>> take(
      Collection<Peers.Fqdn> names, Snapshot<DnsCache.Key, DnsCache.Answer> answers) {
    NameSelectors next = NameSelectors.of(names);
    if (next.isLike(selectors)) {
      return Map.of();
    }
    selectors = next;
    return refreshAll(answers);
  }

  /** Looks at all addresses, also at those of an earlier process; gives the same. */
  Map<IpAddress, Set<Label>> refreshAll(Snapshot<DnsCache.Key, DnsCache.Answer> answers) {
    Set<IpAddress> all = new TreeSet<>(put.keySet());
    answers.forEach(row -> all.addAll(row.value().addresses().keySet()));
    return refresh(all, answers);
  }

  /** Looks at the addresses that answers brought or that are known no more; gives the same. */
  Map<IpAddress, Set<Label>> take(Changes<DnsCache.Key, DnsCache.Answer> changes) {
    Set<IpAddress> touched = new TreeSet<>();
    for (Change<DnsCache.Key, DnsCache.Answer> change : changes.list()) {
      changes
          .before()
          .get(change.key())
          .ifPresent(before -> touched.addAll(before.addresses().keySet()));
      switch (change) {
        case Change.Put<DnsCache.Key, DnsCache.Answer>(_, DnsCache.Answer now, _) ->
            touched.addAll(now.addresses().keySet());
        case Change.Removed<DnsCache.Key, DnsCache.Answer>(_, DnsCache.Answer last, _) ->
            touched.addAll(last.addresses().keySet());
      }
    }
    return refresh(touched, changes.snapshot());
  }

  private Map<IpAddress, Set<Label>> refresh(
      Set<IpAddress> addresses, Snapshot<DnsCache.Key, DnsCache.Answer> answers) {
    Map<IpAddress, Set<Label>> changed = new HashMap<>();
    for (IpAddress address : addresses) {
      Set<Label> wanted = new HashSet<>();
      DnsCache.namesOf(answers, address).forEach(name -> wanted.addAll(selectors.labels(name)));
      Put present = put.get(address);
      if (!wanted.equals(present == null ? Set.of() : present.labels)) {
        changed.put(address, wanted);
      }
    }
    change(changed);
    return changed;
  }

  private void change(Map<IpAddress, Set<Label>> changed) {
    if (changed.isEmpty()) {
      return;
    }
    ipcache.update(batch ->
        changed.forEach((address, labels) -> {
          IpPrefix prefix = IpPrefix.host(address);
          if (labels.isEmpty()) {
            batch.removeLabels(prefix, OWNER);
          } else {
            batch.putLabels(prefix, OWNER, Labels.of(limited(labels)));
          }
        }));
    changes.incrementAndGet();
    long revision = ipcache.table().revision();
    changed.forEach((address, labels) -> {
      if (labels.isEmpty()) {
        put.remove(address);
      } else {
        put.put(address, new Put(Set.copyOf(labels), revision));
      }
    });
  }

  /** The first by their order, if there are more than an identity can have. */
  private static Set<Label> limited(Set<Label> labels) {
    if (labels.size() < Labels.MAX_LABELS) {
      return labels;
    }
    Set<Label> first = new TreeSet<>(labels);
    while (first.size() >= Labels.MAX_LABELS) {
      ((TreeSet<Label>) first).pollLast();
    }
    return first;
  }
}
