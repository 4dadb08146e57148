// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.Datapath.Change;
import io.cilium4j.core.spi.Datapath.EndpointRow;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.ebpf.EndpointRecord.Version;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Brings the kernel's rows in line with a batch, so that no packet sees a part of it.
 *
 * <p>The order, which is the whole point: policy entries under new numbers; then the rows, each
 * with what counted until now and what is to count from the next epoch on; then one write of the
 * epoch; then, after an RCU grace period, the deletion of what only the former epoch needed. Up to
 * the write of the epoch nothing has changed for any packet, so a failure before it is taken back
 * and leaves no trace.
 *
 * <p>Safe for use by several threads.
 */
final class ChangeWriter {

  private final KernelMaps maps;
  private final Reclaimer reclaimer;
  private final ReentrantLock lock;
  private final PolicyNumbers numbers;

  /** What the kernel has, by endpoint id; versions as of {@link #epoch}. */
  private final Map<Integer, EndpointRecord> endpoints = new HashMap<>();

  private final Map<Integer, PolicyMapState> policies = new HashMap<>();
  private final IpcacheView ipcache = new IpcacheView();

  /** Rows that are gone but for their deletion, with the identity that now covers them. */
  private final Map<IpPrefix, Integer> buried = new HashMap<>();

  /** Identity to how many rows name it. */
  private final Map<Integer, Integer> named = new HashMap<>();

  /** What could not be taken back after a failure; must be before the epoch may move again. */
  private final Deque<Runnable> owed = new ArrayDeque<>();

  private long epoch;

  /** Takes over what an earlier process left in the maps. */
  ChangeWriter(KernelMaps maps, ReentrantLock lock, Reclaimer reclaimer) {
    this.maps = maps;
    this.lock = lock;
    this.reclaimer = reclaimer;
    this.epoch = maps.epoch().lookup(0).orElse(0L);
    restoreEndpoints();
    restoreIpcache();
    int highest = endpoints.values().stream().mapToInt(row -> row.after().policy()).max().orElse(0);
    this.numbers = new PolicyNumbers(maps.policy(), highest);
  }

  /**
   * A process that died before it moved the epoch left rows whose second version must never count.
   */
  private void restoreEndpoints() {
    maps.endpoints()
        .forEach((ifindex, row) -> {
          Version now = row.at(epoch);
          if (!now.exists()) {
            maps.endpoints().delete(ifindex);
            return;
          }
          EndpointRecord settled = row.since() > epoch ? row.changing(epoch, row.before()) : row;
          if (!settled.equals(row)) {
            maps.endpoints().put(ifindex, settled);
          }
          endpoints.put(row.id(), settled);
          name(now.identity(), 1);
        });
  }

  private void restoreIpcache() {
    maps.ipcache()
        .forEach((prefix, row) -> {
          int identity = row.at(epoch);
          if (row.since() > epoch) {
            maps.ipcache().put(prefix, new IpcacheRecord(epoch, identity, identity));
          }
          ipcache.put(prefix, identity);
          name(identity, 1);
        });
  }

  /** A batch on its way: what to do if it fails, and what once it counts. */
  private static final class Batch {
    final long next;
    final Map<Integer, Integer> namedChange = new HashMap<>();
    final Map<Integer, Integer> namedNow;
    final Deque<Runnable> undo = new ArrayDeque<>();
    final List<Runnable> commit = new ArrayList<>();
    final List<Runnable> afterwards = new ArrayList<>();
    boolean rowsWritten;

    Batch(long next, Map<Integer, Integer> namedNow) {
      this.next = next;
      this.namedNow = namedNow;
    }

    void changeNamed(int identity, int change) {
      namedChange.merge(identity, change, Integer::sum);
    }

    boolean isNamedAfter(int identity) {
      return namedNow.getOrDefault(identity, 0) + namedChange.getOrDefault(identity, 0) > 0;
    }
  }

  void apply(Change change) {
    lock.lock();
    try {
      settleDebts();
      var batch = new Batch(epoch + 1, named);
      try {
        writeIpcache(change, batch);
        writeEndpoints(change, batch);
        if (batch.rowsWritten) {
          maps.epoch().put(0, batch.next);
        }
      } catch (RuntimeException e) {
        owed.addAll(batch.undo);
        throw failure(e);
      }
      if (batch.rowsWritten) {
        epoch = batch.next;
      }
      batch.commit.forEach(Runnable::run);
      batch.namedChange.forEach(this::name);
      reclaimer.afterGracePeriod(batch.afterwards);
    } finally {
      lock.unlock();
    }
  }

  /** Takes a failed batch back; what cannot be is tried again before the next one. */
  private void settleDebts() {
    while (!owed.isEmpty()) {
      owed.peek().run();
      owed.poll();
    }
  }

  private DatapathException failure(RuntimeException cause) {
    try {
      settleDebts();
    } catch (RuntimeException e) {
      cause.addSuppressed(e);
    }
    return cause instanceof DatapathException known
        ? known
        : new DatapathException("cannot write the datapath's rows: " + cause.getMessage(), cause);
  }

  // ---- ipcache

  private void writeIpcache(Change change, Batch batch) {
    Map<IpPrefix, @Nullable Integer> wanted = new HashMap<>();
    change.removedIpcache().forEach(prefix -> wanted.put(prefix, null));
    for (IpcacheEntry entry : change.ipcache()) {
      wanted.put(entry.prefix(), entry.identity());
    }
    // Another prefix may now cover what is gone but for its deletion.
    buried.keySet().forEach(prefix -> wanted.putIfAbsent(prefix, null));
    for (Map.Entry<IpPrefix, @Nullable Integer> entry : wanted.entrySet()) {
      writeIpcacheRow(entry.getKey(), entry.getValue(), wanted, batch);
    }
  }

  private void writeIpcacheRow(
      IpPrefix prefix,
      @Nullable Integer identity,
      Map<IpPrefix, @Nullable Integer> wanted,
      Batch batch) {
    Integer present = ipcache.get(prefix);
    Integer grave = buried.get(prefix);
    if (identity == null && present == null && grave == null) {
      return;
    }
    int until = present != null ? present : grave != null ? grave : ipcache.cover(prefix);
    int from =
        identity != null
            ? identity
            : IpcacheView.cover(
                prefix, p -> wanted.containsKey(p) ? wanted.get(p) : ipcache.get(p));
    if ((present != null) == (identity != null) && until == from) {
      return;
    }
    IpcacheRecord former = maps.ipcache().lookup(prefix).orElse(null);
    batch.undo.addFirst(() -> {
      if (former == null) {
        maps.ipcache().delete(prefix);
      } else {
        maps.ipcache().put(prefix, former);
      }
    });
    maps.ipcache().put(prefix, new IpcacheRecord(batch.next, until, from));
    batch.rowsWritten = true;
    if (present != null) {
      batch.changeNamed(present, -1);
    }
    if (identity != null) {
      batch.changeNamed(identity, 1);
    }
    batch.commit.add(() -> commitIpcacheRow(prefix, identity, from));
    if (identity == null) {
      batch.afterwards.add(() -> exhume(prefix));
    }
  }

  private void commitIpcacheRow(IpPrefix prefix, @Nullable Integer identity, int cover) {
    if (identity != null) {
      ipcache.put(prefix, identity);
      buried.remove(prefix);
    } else {
      ipcache.remove(prefix);
      buried.put(prefix, cover);
    }
  }

  private void exhume(IpPrefix prefix) {
    if (buried.remove(prefix) != null) {
      maps.ipcache().delete(prefix);
    }
  }

  // ---- endpoints

  private void writeEndpoints(Change change, Batch batch) {
    for (int id : change.removedEndpoints()) {
      EndpointRecord row = endpoints.get(id);
      if (row != null) {
        removeEndpoint(row, batch);
      }
    }
    Set<PolicyMapState> amended = amend(change, batch);
    for (EndpointRow row : change.endpoints()) {
      writeEndpoint(row, amended, batch);
    }
  }

  /**
   * Where all endpoints of one policy get one and the same other policy, and the two differ only by
   * identities that no packet has, the entries are changed in place: the usual case when an
   * identity comes or goes, and cheap however large the policy is. Returns the policies that were.
   */
  private Set<PolicyMapState> amend(Change change, Batch batch) {
    IdentityHashMap<PolicyMapState, PolicyMapState> targets = new IdentityHashMap<>();
    IdentityHashMap<PolicyMapState, Integer> users = new IdentityHashMap<>();
    Set<PolicyMapState> split = Collections.newSetFromMap(new IdentityHashMap<>());
    for (EndpointRow row : change.endpoints()) {
      PolicyMapState present = policies.get(row.endpoint().id());
      if (present != null && !PolicyNumbers.same(present, row.policy())) {
        PolicyMapState target = targets.putIfAbsent(present, row.policy());
        users.merge(present, 1, Integer::sum);
        if (target != null && !PolicyNumbers.same(target, row.policy())) {
          split.add(present);
        }
      }
    }
    split.forEach(targets::remove);
    Set<Integer> coming = new HashSet<>();
    change.endpoints().forEach(row -> coming.add(row.endpoint().identity()));
    Set<PolicyMapState> amended = Collections.newSetFromMap(new IdentityHashMap<>());
    targets.forEach((from, to) -> {
      Set<PolicyKey> removed =
          numbers.amend(
              from,
              to,
              users.getOrDefault(from, 0),
              named::containsKey,
              identity -> batch.isNamedAfter(identity) || coming.contains(identity));
      if (removed != null) {
        amended.add(from);
        int number = numbers.numberOf(to);
        batch.undo.addFirst(() -> numbers.unamend(from, to));
        batch.afterwards.add(() -> numbers.removeKeys(number, removed));
      }
    });
    return amended;
  }

  private void writeEndpoint(EndpointRow wanted, Set<PolicyMapState> amended, Batch batch) {
    Endpoint endpoint = wanted.endpoint();
    EndpointRecord present = endpoints.get(endpoint.id());
    if (present != null && present.ifindex() != endpoint.device().hostIfindex()) {
      removeEndpoint(present, batch);
      present = null;
    }
    Version before = present == null ? Version.ABSENT : present.at(epoch);
    PolicyMapState formerPolicy = present == null ? null : policies.get(endpoint.id());
    boolean sameNumber =
        formerPolicy != null
            && (PolicyNumbers.same(formerPolicy, wanted.policy())
                || amended.contains(formerPolicy));
    int number = sameNumber ? before.policy() : numbers.use(wanted.policy());
    if (!sameNumber) {
      batch.undo.addFirst(() -> giveUpAtOnce(number));
    }
    Version after = Version.of(endpoint.identity(), number, wanted.policy());
    EndpointRecord record = EndpointRecord.of(endpoint, batch.next, before, after);
    batch.commit.add(() -> policies.put(endpoint.id(), wanted.policy()));
    if (present != null && after.equals(before) && record.describesSameDevice(present)) {
      return;
    }
    writeRow(record, present, batch);
    for (IpAddress address : endpoint.addresses()) {
      writeAddress(address, record.ifindex(), batch);
    }
    if (present != null) {
      leaveBehind(present, record, sameNumber, batch);
    }
    batch.changeNamed(endpoint.identity(), 1);
    batch.commit.add(() -> endpoints.put(endpoint.id(), record));
  }

  private void leaveBehind(
      EndpointRecord former, EndpointRecord next, boolean sameNumber, Batch batch) {
    batch.changeNamed(former.after().identity(), -1);
    if (!sameNumber) {
      int number = former.after().policy();
      batch.commit.add(() -> giveUp(number, batch.afterwards));
    }
    for (IpAddress address : former.addresses()) {
      if (!next.addresses().contains(address)) {
        batch.afterwards.add(() -> deleteAddress(address, former.ifindex()));
      }
    }
  }

  private void removeEndpoint(EndpointRecord row, Batch batch) {
    writeRow(row.changing(batch.next, Version.ABSENT), row, batch);
    batch.changeNamed(row.after().identity(), -1);
    batch.commit.add(() -> {
      endpoints.remove(row.id());
      policies.remove(row.id());
      giveUp(row.after().policy(), batch.afterwards);
    });
    batch.afterwards.add(() -> {
      if (endpoints.values().stream().noneMatch(other -> other.ifindex() == row.ifindex())) {
        maps.endpoints().delete(row.ifindex());
      }
      row.addresses().forEach(address -> deleteAddress(address, row.ifindex()));
    });
  }

  private void giveUp(int number, List<Runnable> afterwards) {
    if (numbers.release(number)) {
      afterwards.add(() -> numbers.remove(number));
    }
  }

  /** For a number that no row ever pointed to. */
  private void giveUpAtOnce(int number) {
    if (numbers.release(number)) {
      numbers.remove(number);
    }
  }

  private void writeRow(EndpointRecord record, @Nullable EndpointRecord former, Batch batch) {
    batch.undo.addFirst(() -> {
      if (former == null) {
        maps.endpoints().delete(record.ifindex());
      } else {
        maps.endpoints().put(former.ifindex(), former);
      }
    });
    maps.endpoints().put(record.ifindex(), record);
    batch.rowsWritten = true;
  }

  private void writeAddress(IpAddress address, int ifindex, Batch batch) {
    Integer former = maps.addresses().lookup(address).orElse(null);
    if (former != null && former == ifindex) {
      return;
    }
    batch.undo.addFirst(() -> {
      if (former == null) {
        maps.addresses().delete(address);
      } else {
        maps.addresses().put(address, former);
      }
    });
    maps.addresses().put(address, ifindex);
  }

  /** Deletes an address unless another endpoint has it meanwhile. */
  private void deleteAddress(IpAddress address, int ifindex) {
    if (maps.addresses().lookup(address).filter(owner -> owner == ifindex).isPresent()
        && endpoints.values().stream()
            .noneMatch(row -> row.ifindex() == ifindex && row.addresses().contains(address))) {
      maps.addresses().delete(address);
    }
  }

  private void name(int identity, int change) {
    named.merge(identity, change, (a, b) -> a + b == 0 ? null : a + b);
  }

  // ---- the whole

  /** Removes every row that is not among these, and the entries of policies that no row uses. */
  void prune(Set<Integer> endpointIds, Set<IpPrefix> prefixes) {
    lock.lock();
    try {
      Set<Integer> strangers = new HashSet<>(endpoints.keySet());
      strangers.removeAll(endpointIds);
      Set<IpPrefix> stale = new HashSet<>(ipcache.prefixes());
      stale.removeAll(prefixes);
      apply(new Change(List.of(), strangers, List.of(), stale));
      Set<Integer> inUse = new HashSet<>();
      endpoints.values().forEach(row -> inUse.add(row.after().policy()));
      reclaimer.afterGracePeriod(List.of(() -> numbers.prune(inUse)));
    } finally {
      lock.unlock();
    }
  }

  /** The devices of all endpoints, by endpoint id. */
  Map<Integer, EndpointRecord> endpoints() {
    lock.lock();
    try {
      return Map.copyOf(endpoints);
    } finally {
      lock.unlock();
    }
  }

  /** The present epoch. */
  long epoch() {
    lock.lock();
    try {
      return epoch;
    } finally {
      lock.unlock();
    }
  }
}
