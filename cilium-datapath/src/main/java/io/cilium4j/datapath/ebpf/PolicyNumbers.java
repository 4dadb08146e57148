// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.datapath.bpf.BpfMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Which compiled policies stand in the kernel, under which number. Endpoints that are given the
 * same {@link PolicyMapState} share one number and one set of entries; a changed policy gets a new
 * number beside the old, whose entries go when nothing points to them any more.
 *
 * <p>Not safe for use by several threads: {@link ChangeWriter} holds the lock.
 */
final class PolicyNumbers {

  private final BpfMap<PolicyRecordKey, PolicyRecord> map;
  private final ProxyListeners listeners;
  private final IdentityHashMap<PolicyMapState, Integer> numbers = new IdentityHashMap<>();
  private final Map<Integer, PolicyMapState> states = new HashMap<>();
  private final Map<Integer, Integer> users = new HashMap<>();

  private int last;

  /**
   * @param map the kernel's entries
   * @param listeners where redirects lead
   * @param ofRows the numbers in the rows that an earlier process left, one for each row
   */
  PolicyNumbers(
      BpfMap<PolicyRecordKey, PolicyRecord> map, ProxyListeners listeners, List<Integer> ofRows) {
    this.map = map;
    this.listeners = listeners;
    ofRows.forEach(number -> users.merge(number, 1, Integer::sum));
    // A policy without entries has a number too, and entries may never have got a row: neither's
    // number may become another policy's.
    this.last =
        Math.max(
            map.keys().stream().mapToInt(PolicyRecordKey::policy).max().orElse(0),
            ofRows.stream().mapToInt(number -> number).max().orElse(0));
  }

  /** How many entries the policies have that this process wrote. */
  long entryCount() {
    return states.values().stream().mapToLong(PolicyMapState::size).sum();
  }

  /** The number of a policy, whose entries are written now if it has none yet. */
  int use(PolicyMapState state) {
    Integer known = numbers.get(state);
    int number = known == null ? write(state) : known;
    users.merge(number, 1, Integer::sum);
    return number;
  }

  private int write(PolicyMapState state) {
    int number = nextNumber();
    Map<PolicyRecordKey, PolicyRecord> entries = HashMap.newHashMap(state.size());
    state.forEach((key, entry) -> entries.put(new PolicyRecordKey(number, key), record(entry)));
    try {
      map.putAll(entries);
    } catch (RuntimeException e) {
      entries.keySet().forEach(map::delete);
      throw e;
    }
    remember(number, state);
    return number;
  }

  private PolicyRecord record(PolicyEntry entry) {
    return PolicyRecord.of(entry, listeners);
  }

  /** 0 means "no endpoint" in a row. */
  private int nextNumber() {
    do {
      last++;
    } while (last == 0 || states.containsKey(last) || users.containsKey(last));
    return last;
  }

  private void remember(int number, PolicyMapState state) {
    numbers.put(state, number);
    states.put(number, state);
  }

  /** One object and not merely equal content, which would take as long to compare as to write. */
  @SuppressWarnings("ReferenceEquality")
  static boolean same(PolicyMapState a, PolicyMapState b) {
    return a == b;
  }

  /**
   * One user less. Returns whether nobody is left: then {@link #remove} is due, after a grace
   * period.
   */
  boolean release(int number) {
    int left = users.merge(number, -1, Integer::sum);
    if (left > 0) {
      return false;
    }
    users.remove(number);
    PolicyMapState state = states.get(number);
    if (state != null) {
      numbers.remove(state);
    }
    return true;
  }

  /** Deletes a number's entries. No row may point to it. */
  void remove(int number) {
    PolicyMapState state = states.remove(number);
    if (state != null) {
      state.forEach((key, entry) -> map.delete(new PolicyRecordKey(number, key)));
    }
  }

  /**
   * Tries to turn {@code from} into {@code to} in place, under the same number, which is possible
   * where they differ only by whole identities that no packet can have. Entries are added now;
   * others are due to be deleted as soon as the batch counts and before the next one: an identity
   * that comes back must find no entry of its former stay. A packet that looks at them meanwhile
   * has an older epoch and is decided anew.
   *
   * @param usersOfFrom how many rows that use {@code from} are to use {@code to}; all must
   * @param namedAfter whether some row names an identity after the change
   * @return whether it is done
   */
  boolean amend(
      PolicyMapState from,
      PolicyMapState to,
      int usersOfFrom,
      Batch batch,
      IntPredicate namedAfter) {
    Integer number = numbers.get(from);
    if (number == null || numbers.containsKey(to) || users.getOrDefault(number, 0) != usersOfFrom) {
      return false;
    }
    Map<PolicyRecordKey, PolicyRecord> added = new HashMap<>();
    Set<PolicyRecordKey> removed = new HashSet<>();
    boolean[] mixed = new boolean[1];
    to.forEach((key, entry) -> {
      PolicyEntry old = from.get(key).orElse(null);
      if (old == null && !isNamed(key, batch::isNamedNow)) {
        added.put(new PolicyRecordKey(number, key), record(entry));
      } else if (!entry.equals(old)) {
        mixed[0] = true;
      }
    });
    from.forEach((key, entry) -> {
      if (to.get(key).isEmpty()) {
        mixed[0] |= isNamed(key, namedAfter);
        removed.add(new PolicyRecordKey(number, key));
      }
    });
    if (mixed[0]) {
      return false;
    }
    // Noted before anything is written: what fails half way is there too.
    batch.undo.addFirst(() -> added.keySet().forEach(map::delete));
    map.putAll(added);
    rename(number, from, to);
    batch.undo.addFirst(() -> rename(number, to, from));
    batch.due.add(() -> removed.forEach(map::delete));
    return true;
  }

  private void rename(int number, PolicyMapState from, PolicyMapState to) {
    numbers.remove(from);
    remember(number, to);
  }

  /** An aggregate stands for identities that rows name, so it counts as named itself. */
  private static boolean isNamed(PolicyKey key, IntPredicate rows) {
    int identity = key.identity();
    return identity < ReservedIdentity.values().length || rows.test(identity);
  }

  /** Deletes the entries of every number that no row uses: what an earlier process left. */
  void prune(Set<Integer> inUseByRows) {
    for (PolicyRecordKey key : map.keys()) {
      if (!inUseByRows.contains(key.policy()) && !states.containsKey(key.policy())) {
        map.delete(key);
      }
    }
  }
}
