// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.ebpf.EndpointRecord.Version;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The rows of {@code cilium_endpoints} and {@code cilium_lxc}, and which policy each endpoint has.
 *
 * <p>Not safe for use by several threads: {@link ChangeWriter} holds the lock.
 */
final class EndpointRows {

  private final BpfMap<Integer, EndpointRecord> rows;
  private final BpfMap<IpAddress, Integer> addresses;
  private final BpfMap<Integer, Long> epochs;
  private final PolicyNumbers numbers;

  /** What the kernel has, by endpoint id. */
  private final Map<Integer, EndpointRecord> endpoints = new HashMap<>();

  /** Address of an endpoint to its device, as {@code cilium_lxc} is when the reclaimer is done. */
  private final Map<IpAddress, Integer> owners = new HashMap<>();

  private final Map<Integer, PolicyMapState> policies = new HashMap<>();

  /** Counts writes of rows, for packets that look at one meanwhile. */
  private long writes;

  /**
   * @param listeners where redirects lead
   * @param names told of each identity that a row names
   */
  EndpointRows(KernelMaps maps, ProxyListeners listeners, long epoch, IntConsumer names) {
    this.rows = maps.endpoints();
    this.addresses = maps.addresses();
    this.epochs = maps.epoch();
    this.writes = epochs.lookup(KernelMaps.ROW_WRITES).orElse(0L);
    restore(epoch, names);
    restoreAddresses();
    this.numbers =
        new PolicyNumbers(
            maps.policy(),
            listeners,
            endpoints.values().stream().map(row -> row.after().policy()).toList());
  }

  /**
   * A process that died before it moved the epoch left rows whose second version must never count.
   */
  private void restore(long epoch, IntConsumer names) {
    rows.forEach((ifindex, row) -> {
      Version now = row.at(epoch);
      if (!now.exists()) {
        rows.delete(ifindex);
        return;
      }
      EndpointRecord settled = row.since() > epoch ? row.changing(epoch, row.before()) : row;
      if (!settled.equals(row)) {
        putRow(settled);
      }
      remember(settled);
      names.accept(now.identity());
    });
  }

  /** The same process may have died between an address and the row that it belongs to. */
  private void restoreAddresses() {
    addresses.forEach((address, ifindex) -> {
      Integer owner = owners.get(address);
      if (owner == null) {
        addresses.delete(address);
      } else if (!owner.equals(ifindex)) {
        addresses.put(address, owner);
      }
    });
    owners.forEach((address, ifindex) -> {
      if (addresses.lookup(address).isEmpty()) {
        addresses.put(address, ifindex);
      }
    });
  }

  /**
   * Writes a row. The kernel may put it into the memory of a row that was replaced just now and
   * that a packet is still looking at: the count, moved before, has that packet decided anew.
   */
  private void putRow(EndpointRecord row) {
    epochs.put(KernelMaps.ROW_WRITES, ++writes);
    rows.put(row.ifindex(), row);
  }

  private void remember(EndpointRecord row) {
    endpoints.put(row.id(), row);
    row.addresses().forEach(address -> owners.put(address, row.ifindex()));
  }

  /** Forgets those of a row's addresses that no other row took over. */
  private void forget(EndpointRecord row, Batch batch) {
    for (IpAddress address : row.addresses()) {
      if (owners.remove(address, row.ifindex())) {
        batch.freed.add(address);
      }
    }
  }

  /** The rows by endpoint id, as a copy. */
  Map<Integer, EndpointRecord> all() {
    return Map.copyOf(endpoints);
  }

  int count() {
    return endpoints.size();
  }

  int addressCount() {
    return owners.size();
  }

  long policyEntryCount() {
    return numbers.entryCount();
  }

  /** Whether an endpoint has the address. */
  boolean isLocal(IpAddress address) {
    return owners.containsKey(address);
  }

  private Set<Integer> policyNumbers() {
    Set<Integer> inUse = new HashSet<>();
    endpoints.values().forEach(row -> inUse.add(row.after().policy()));
    return inUse;
  }

  /** Deletes the entries of policies that no row uses: what an earlier process left. */
  void pruneNumbers() {
    numbers.prune(policyNumbers());
  }

  /**
   * Writes rows and removes others.
   *
   * @param removed ids of endpoints
   */
  void write(List<EndpointRow> wanted, Set<Integer> removed, Batch batch) {
    for (int id : removed) {
      EndpointRecord row = endpoints.get(id);
      if (row != null) {
        removeEndpoint(row, batch);
      }
    }
    Set<PolicyMapState> amended = amend(wanted, batch);
    for (EndpointRow row : wanted) {
      writeEndpoint(row, amended, batch);
    }
  }

  /**
   * Where all endpoints of one policy get one and the same other policy, and the two differ only by
   * identities that no packet has, the entries are changed in place: the usual case when an
   * identity comes or goes, and cheap however large the policy is. Returns the policies that were.
   */
  private Set<PolicyMapState> amend(List<EndpointRow> wanted, Batch batch) {
    IdentityHashMap<PolicyMapState, PolicyMapState> targets = new IdentityHashMap<>();
    IdentityHashMap<PolicyMapState, Integer> users = new IdentityHashMap<>();
    Set<PolicyMapState> split = Collections.newSetFromMap(new IdentityHashMap<>());
    for (EndpointRow row : wanted) {
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
    wanted.forEach(row -> coming.add(row.endpoint().identity()));
    Set<PolicyMapState> amended = Collections.newSetFromMap(new IdentityHashMap<>());
    targets.forEach((from, to) -> {
      if (numbers.amend(
          from,
          to,
          users.getOrDefault(from, 0),
          batch,
          identity -> batch.isNamedAfter(identity) || coming.contains(identity))) {
        amended.add(from);
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
    Version before = present == null ? Version.ABSENT : present.at(batch.next - 1);
    PolicyMapState formerPolicy = present == null ? null : policies.get(endpoint.id());
    boolean sameNumber =
        formerPolicy != null
            && (PolicyNumbers.same(formerPolicy, wanted.policy())
                || amended.contains(formerPolicy));
    int number = sameNumber ? before.policy() : numbers.use(wanted.policy());
    if (!sameNumber) {
      batch.undo.addFirst(() -> giveUpAtOnce(number));
    }
    Version after = Version.of(wanted, number);
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
      leaveBehind(present, sameNumber, batch);
    }
    batch.changeNamed(endpoint.identity(), 1);
    batch.commit.add(() -> {
      remember(record);
      batch.freed.removeAll(record.addresses());
    });
  }

  private void leaveBehind(EndpointRecord former, boolean sameNumber, Batch batch) {
    batch.changeNamed(former.after().identity(), -1);
    if (!sameNumber) {
      int number = former.after().policy();
      batch.commit.add(() -> giveUp(number, batch.afterwards));
    }
    batch.commit.add(() -> forget(former, batch));
    batch.afterwards.add(() -> deleteAddresses(former));
  }

  private void removeEndpoint(EndpointRecord row, Batch batch) {
    writeRow(row.changing(batch.next, Version.ABSENT), row, batch);
    batch.changeNamed(row.after().identity(), -1);
    batch.commit.add(() -> {
      endpoints.remove(row.id());
      policies.remove(row.id());
      forget(row, batch);
      giveUp(row.after().policy(), batch.afterwards);
    });
    batch.afterwards.add(() -> {
      if (endpoints.values().stream().noneMatch(other -> other.ifindex() == row.ifindex())) {
        rows.delete(row.ifindex());
      }
      deleteAddresses(row);
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
        rows.delete(record.ifindex());
      } else {
        putRow(former);
      }
    });
    putRow(record);
    batch.rowsWritten = true;
  }

  private void writeAddress(IpAddress address, int ifindex, Batch batch) {
    Integer former = addresses.lookup(address).orElse(null);
    if (former != null && former == ifindex) {
      return;
    }
    batch.undo.addFirst(() -> {
      if (former == null) {
        addresses.delete(address);
      } else {
        addresses.put(address, former);
      }
    });
    addresses.put(address, ifindex);
  }

  /** Deletes those of a former row's addresses that no endpoint has now. */
  private void deleteAddresses(EndpointRecord former) {
    for (IpAddress address : former.addresses()) {
      if (!owners.containsKey(address)) {
        addresses.delete(address);
      }
    }
  }
}
