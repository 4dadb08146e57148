// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which identity stands behind an address, put together from what several parts of the system say
 * of prefixes.
 *
 * <p>Two things can be said of a prefix. Its <em>identity</em>: this is a pod, or a node, and here
 * is its number; of several sources the strongest counts. Or <em>labels</em>: it is a CIDR of a
 * rule, an address of a DNS name, a member of a group. Where nobody told an identity the labels
 * make one: those of the prefix and of every shorter one that holds it, see {@code PrefixLabels}.
 * The two prefixes of length 0 are always there and are the world.
 *
 * <p>Each statement has an owner, who replaces or withdraws only his own. A change touches the rows
 * of the prefix and of the known prefixes inside it, and no others; an identity's row stands in the
 * table of identities before any row here points at it. Safe for use by several threads.
 */
public final class Ipcache {

  /**
   * An identity that was told, by its number or by its labels.
   *
   * @param owner who told it
   * @param identity its number; 0 where {@code labels} say it
   * @param labels empty where the number says it
   */
  private record Told(
      String owner,
      IpcacheSource source,
      int identity,
      Labels labels,
      Optional<IpAddress> tunnelEndpoint) {

    /** Whether the owner is a node, of whose addresses this is one. */
    boolean isNodes() {
      return Scope.has(labels, ReservedIdentity.REMOTE_NODE);
    }
  }

  /** Everything that is known of one prefix. */
  private static final class Known {
    /** By owner, so that the outcome does not depend on who spoke first. */
    final TreeMap<String, Labels> labels = new TreeMap<>();

    final TreeMap<String, Told> told = new TreeMap<>();

    /** The number that this prefix holds a reference on; 0 for none. */
    int heldIdentity;
  }

  private final IdentityAllocator allocator;
  private final Set<IpFamily> families;
  private final Consumer<Collection<Integer>> beforeRows;
  private final TableWriter<IpPrefix, IpcacheEntry> writer;
  private final ReentrantLock lock = new ReentrantLock();

  /** Sorted, so that the prefixes inside a prefix follow it directly. */
  private final TreeMap<IpPrefix, Known> known = new TreeMap<>();

  /** How many prefixes with labels there are of each family and length. */
  private final Map<IpFamily, int[]> labelledLengths = new HashMap<>();

  /** Prefixes whose row may have to change; empty between updates, unless one failed. */
  private final TreeSet<IpPrefix> touched = new TreeSet<>();

  /** How many labels did not count, of prefixes with more than an identity can have. */
  private final TreeMap<IpPrefix, Integer> crowded = new TreeMap<>();

  /** Of each node all its addresses, by owner. */
  private final Map<String, Set<IpPrefix>> nodeAddresses = new HashMap<>();

  /** Addresses of this node at which the API server is asked. */
  private final Set<IpPrefix> apiServerHere = new HashSet<>();

  /** The prefixes of each owner, so that he can be replaced as a whole. */
  private final Map<String, Set<IpPrefix>> labelOwners = new HashMap<>();

  /** An ipcache that knows the world, and whose numbers nobody keeps. */
  public Ipcache(IdentityAllocator allocator, Set<IpFamily> families, Set<String> inputs) {
    this(allocator, families, inputs, _ -> {});
  }

  /**
   * An ipcache that knows the world.
   *
   * @param families the families that the cluster uses; with both, the world is told apart by
   *     family
   * @param allocator gives prefixes with labels their identities; its table and this one are of one
   *     database
   * @param inputs what must deliver before the table is initialised, see {@link #synced}
   * @param beforeRows called with the numbers of prefixes before any row points at them
   */
  public Ipcache(
      IdentityAllocator allocator,
      Set<IpFamily> families,
      Set<String> inputs,
      Consumer<Collection<Integer>> beforeRows) {
    this.allocator = allocator;
    this.families = Set.copyOf(families);
    this.beforeRows = beforeRows;
    this.writer = allocator.database().table("ipcache", Comparator.naturalOrder(), inputs);
    for (IpFamily family : IpFamily.values()) {
      labelledLengths.put(family, new int[family.bits() + 1]);
    }
    update(batch -> {
      for (IpFamily family : families) {
        batch.putLabels(PrefixLabels.all(family), "world", Labels.EMPTY);
      }
    });
  }

  /** The rows, by prefix. */
  public Table<IpPrefix, IpcacheEntry> table() {
    return writer.table();
  }

  /** Says that an input has delivered everything that existed at the start. */
  public void synced(String input) {
    writer.synced(input);
  }

  /** The row that decides for an address: that of the longest prefix holding it. */
  public Optional<IpcacheEntry> lookup(IpAddress address) {
    var rows = writer.table().snapshot();
    for (int length = address.family().bits(); length >= 0; length--) {
      Optional<IpcacheEntry> entry = rows.get(new IpPrefix(address, length));
      if (entry.isPresent()) {
        return entry;
      }
    }
    return Optional.empty();
  }

  /**
   * Prefixes with more labels than {@link Labels#MAX_LABELS}, and how many of them do not count:
   * rules that name these do not mean the prefix.
   */
  public Map<IpPrefix, Integer> crowded() {
    lock.lock();
    try {
      return new TreeMap<>(crowded);
    } finally {
      lock.unlock();
    }
  }

  /** Makes several statements; readers of the table see their outcome all at once. */
  public void update(Consumer<Batch> statements) {
    lock.lock();
    try {
      statements.accept(new Batch());
      publish();
    } finally {
      lock.unlock();
    }
  }

  /** Says which identity stands behind the prefix. */
  public void putIdentity(
      IpPrefix prefix,
      String owner,
      IpcacheSource source,
      int identity,
      Optional<IpAddress> tunnelEndpoint) {
    update(batch -> batch.putIdentity(prefix, owner, source, identity, tunnelEndpoint));
  }

  /** Withdraws what the owner said of the prefix's identity. */
  public void removeIdentity(IpPrefix prefix, String owner) {
    update(batch -> batch.removeIdentity(prefix, owner));
  }

  /** Puts labels on the prefix. */
  public void putLabels(IpPrefix prefix, String owner, Labels labels) {
    update(batch -> batch.putLabels(prefix, owner, labels));
  }

  /** Withdraws the owner's labels from the prefix. */
  public void removeLabels(IpPrefix prefix, String owner) {
    update(batch -> batch.removeLabels(prefix, owner));
  }

  /** Makes these the prefixes that the owner puts labels on, and no others. */
  public void replaceLabels(String owner, Map<IpPrefix, Labels> labels) {
    update(batch -> batch.replaceLabels(owner, labels));
  }

  /** The statements of one {@link #update}; of no use after it. */
  public final class Batch {
    private Batch() {}

    /** See {@link Ipcache#putIdentity}. */
    public void putIdentity(
        IpPrefix prefix,
        String owner,
        IpcacheSource source,
        int identity,
        Optional<IpAddress> tunnelEndpoint) {
      put(prefix, new Told(owner, source, identity, Labels.EMPTY, tunnelEndpoint));
    }

    /** As the other, of the identity that these labels have on this node. */
    void putIdentity(
        IpPrefix prefix,
        String owner,
        IpcacheSource source,
        Labels labels,
        Optional<IpAddress> tunnelEndpoint) {
      put(prefix, new Told(owner, source, 0, labels, tunnelEndpoint));
    }

    private void put(IpPrefix prefix, Told told) {
      entryOf(prefix).told.put(told.owner(), told);
      if (told.isNodes()) {
        nodeAddresses.computeIfAbsent(told.owner(), _ -> new HashSet<>()).add(prefix);
      }
      touched.add(prefix);
    }

    /** See {@link Ipcache#removeIdentity}. */
    public void removeIdentity(IpPrefix prefix, String owner) {
      Known entry = known.get(prefix);
      Told told = entry == null ? null : entry.told.remove(owner);
      if (told == null) {
        return;
      }
      if (told.isNodes()) {
        // The API server may have been asked there, and then the others are plain by now.
        touched.addAll(nodeAddresses.getOrDefault(owner, Set.of()));
        nodeAddresses.computeIfPresent(
            owner,
            (_, prefixes) -> {
              prefixes.remove(prefix);
              return prefixes.isEmpty() ? null : prefixes;
            });
      }
      touched.add(prefix);
    }

    /** See {@link Ipcache#putLabels}. */
    public void putLabels(IpPrefix prefix, String owner, Labels labels) {
      Known entry = entryOf(prefix);
      if (entry.labels.isEmpty()) {
        lengthsOf(prefix)[prefix.length()]++;
      }
      if (!labels.equals(entry.labels.put(owner, labels))) {
        labelOwners.computeIfAbsent(owner, key -> new HashSet<>()).add(prefix);
        touchWithin(prefix);
      }
    }

    /** See {@link Ipcache#removeLabels}. */
    public void removeLabels(IpPrefix prefix, String owner) {
      Known entry = known.get(prefix);
      if (entry == null || entry.labels.remove(owner) == null) {
        return;
      }
      if (entry.labels.isEmpty()) {
        lengthsOf(prefix)[prefix.length()]--;
      }
      labelOwners.computeIfPresent(
          owner,
          (key, prefixes) -> {
            prefixes.remove(prefix);
            return prefixes.isEmpty() ? null : prefixes;
          });
      touchWithin(prefix);
    }

    /** See {@link Ipcache#replaceLabels}. */
    public void replaceLabels(String owner, Map<IpPrefix, Labels> labels) {
      var gone = new HashSet<>(labelOwners.getOrDefault(owner, Set.of()));
      gone.removeAll(labels.keySet());
      labels.forEach((prefix, its) -> putLabels(prefix, owner, its));
      gone.forEach(prefix -> removeLabels(prefix, owner));
    }

    /** Labels reach down: every known prefix inside this one may mean something else now. */
    private void touchWithin(IpPrefix prefix) {
      for (IpPrefix inner : known.tailMap(prefix, true).keySet()) {
        if (!prefix.contains(inner.address())) {
          break;
        }
        // Of the same first address, shorter prefixes stand before this one, so all are inside.
        touched.add(inner);
      }
    }
  }

  private Known entryOf(IpPrefix prefix) {
    return known.computeIfAbsent(prefix, key -> new Known());
  }

  private int[] lengthsOf(IpPrefix prefix) {
    return Objects.requireNonNull(labelledLengths.get(prefix.family()));
  }

  // ---- from statements to rows ----

  /**
   * Numbers are taken first, then all rows change at once, and only then are numbers given back
   * that no row needs any more. If a number cannot be had, no row changes, and what was taken is
   * given back; the statements stay and count with the next update.
   */
  private void publish() {
    var outcome = new TreeMap<IpPrefix, Optional<IpcacheEntry>>();
    var taken = new HashMap<IpPrefix, Integer>();
    touchNodes();
    try {
      for (IpPrefix prefix : touched) {
        outcome.put(prefix, resolve(prefix, taken));
      }
    } catch (RuntimeException e) {
      taken.values().forEach(allocator::release);
      throw e;
    }
    beforeRows.accept(taken.values());
    writer.write(rows ->
        outcome.forEach((prefix, entry) ->
            entry.ifPresentOrElse(row -> rows.put(prefix, row), () -> rows.remove(prefix))));
    for (IpPrefix prefix : touched) {
      Known entry = known.get(prefix);
      if (entry == null) {
        continue;
      }
      if (entry.heldIdentity != 0) {
        allocator.release(entry.heldIdentity);
      }
      entry.heldIdentity = taken.getOrDefault(prefix, 0);
      followApiServer(prefix, entry);
      if (entry.labels.isEmpty() && entry.told.isEmpty()) {
        known.remove(prefix);
      }
    }
    touched.clear();
  }

  /** What becomes of one address of a node matters to the node's others. */
  private void touchNodes() {
    if (nodeAddresses.isEmpty()) {
      return;
    }
    for (IpPrefix prefix : List.copyOf(touched)) {
      Known entry = known.get(prefix);
      if (entry != null) {
        entry.told.values().stream()
            .filter(Told::isNodes)
            .forEach(told -> touched.addAll(nodeAddresses.getOrDefault(told.owner(), Set.of())));
      }
    }
  }

  private Optional<IpcacheEntry> resolve(IpPrefix prefix, Map<IpPrefix, Integer> taken) {
    crowded.remove(prefix);
    Known entry = known.get(prefix);
    if (entry == null) {
      return Optional.empty();
    }
    Told strongest = strongest(entry);
    if (strongest != null) {
      return Optional.of(
          new IpcacheEntry(
              prefix, numberOf(prefix, strongest, entry, taken), strongest.tunnelEndpoint()));
    }
    if (entry.labels.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(new IpcacheEntry(prefix, take(prefix, mergedLabels(prefix), taken)));
  }

  private int take(IpPrefix prefix, Labels labels, Map<IpPrefix, Integer> taken) {
    Identity identity = allocator.allocate(labels);
    taken.put(prefix, identity.id());
    return identity.id();
  }

  /**
   * Another node is another identity where the API server is; this one has its label then. All of
   * its addresses are, as all of this one's: what it sends through a tunnel has its address in the
   * pods' network, at which nobody asks the API server.
   */
  private int numberOf(IpPrefix prefix, Told told, Known entry, Map<IpPrefix, Integer> taken) {
    if (!told.labels().isEmpty()) {
      Labels labels = told.labels();
      boolean isApiServer =
          told.isNodes()
              && nodeAddresses.getOrDefault(told.owner(), Set.of()).stream()
                  .map(known::get)
                  .anyMatch(each -> each != null && isApiServer(each));
      return take(prefix, isApiServer ? labels.with(Scope.API_SERVER) : labels, taken);
    }
    return isApiServer(entry) && told.identity() == ReservedIdentity.REMOTE_NODE.id()
        ? ReservedIdentity.KUBE_APISERVER.id()
        : told.identity();
  }

  private static boolean isApiServer(Known entry) {
    return entry.labels.values().stream()
        .anyMatch(labels -> Scope.has(labels, ReservedIdentity.KUBE_APISERVER));
  }

  /** Whether the API server is asked at an address of this node. */
  private void followApiServer(IpPrefix prefix, Known entry) {
    Told strongest = strongest(entry);
    boolean isHere =
        strongest != null
            && strongest.identity() == ReservedIdentity.HOST.id()
            && isApiServer(entry);
    if (isHere ? apiServerHere.add(prefix) : apiServerHere.remove(prefix)) {
      allocator.hostIsApiServer(!apiServerHere.isEmpty());
    }
  }

  private static @Nullable Told strongest(Known entry) {
    Told strongest = null;
    for (Told candidate : entry.told.values()) {
      if (strongest == null || candidate.source().compareTo(strongest.source()) > 0) {
        strongest = candidate;
      }
    }
    return strongest;
  }

  private Labels mergedLabels(IpPrefix prefix) {
    var merged = new PrefixLabels();
    int[] lengths = lengthsOf(prefix);
    for (int length = 0; length <= prefix.length(); length++) {
      Known shorter =
          lengths[length] == 0 ? null : known.get(new IpPrefix(prefix.address(), length));
      if (shorter != null) {
        shorter.labels.values().forEach(merged::overlay);
      }
    }
    Labels labels = merged.finish(prefix.family(), families);
    if (merged.leftOut() > 0) {
      crowded.put(prefix, merged.leftOut());
    }
    return labels;
  }
}
