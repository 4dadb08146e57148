// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.UndoStack;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The node's addresses, for those who take them before there is an endpoint, as a CNI plugin does.
 * What is taken with a deadline comes back by itself if no endpoint has it by then: a plugin may
 * die on the way.
 *
 * <p>What is taken outlives the process, a deadline included, until an endpoint has it: from then
 * on its address is kept with it.
 *
 * <p>Safe for use by several threads.
 */
public final class AddressReservations {
  private static final Logger LOG = LoggerFactory.getLogger(AddressReservations.class);

  /** How long an address waits for its endpoint: a plugin is given up after a few minutes. */
  public static final Duration RESERVATION = Duration.ofMinutes(10);

  /**
   * How long somebody waits for addresses of a pool that has none here. An operator that runs
   * answers in a fraction of a second; a runtime that is refused comes again after ten seconds.
   */
  public static final Duration PATIENCE = Duration.ofSeconds(5);

  /** The owner of an address that was taken for nobody in particular. */
  public static final String NOBODY = "(nobody)";

  /** Who keeps an address that is given back, in messages. */
  private static final String RETURNING = "what gives it back";

  /** Keeps endpoints from taking an address while somebody works on it. */
  @FunctionalInterface
  public interface Guard {

    /**
     * Keeps an address until the returned handle is closed.
     *
     * @param by who works on it, for those that are refused meanwhile
     * @throws AddressInUseException if an endpoint has it or is to have it
     */
    Kept keep(IpAddress address, String by);
  }

  /** Says of which pool somebody gets an address. */
  @FunctionalInterface
  public interface PoolChoice {

    /**
     * The pool's name.
     *
     * @param owner who wants the address, {@code namespace/name} of a pod
     * @throws IpamException if that is not known yet
     */
    String pool(String owner, IpFamily family);
  }

  /** An address that no endpoint takes. */
  @FunctionalInterface
  public interface Kept extends AutoCloseable {
    @Override
    void close();
  }

  /** Whether an address comes back by itself. */
  public enum Term {
    PERMANENT,
    UNTIL_DEADLINE
  }

  /**
   * An address that was taken.
   *
   * @param address the address
   * @param reservation names the deadline, for {@link AddressReservations#isOf}; absent for a
   *     permanent one
   */
  public record Taken(IpAddress address, Optional<UUID> reservation) {}

  /**
   * An address without an endpoint, as it is kept.
   *
   * @param address the address
   * @param owner who has it
   * @param reservation names the deadline; empty for a permanent one
   * @param until the deadline; empty for a permanent one
   */
  public record Held(String address, String owner, String reservation, String until) {
    public Held {
      // In JSON what is empty is left out.
      address = Objects.requireNonNullElse(address, "");
      owner = Objects.requireNonNullElse(owner, "");
      reservation = Objects.requireNonNullElse(reservation, "");
      until = Objects.requireNonNullElse(until, "");
    }

    private static Held of(
        IpAddress address, String owner, Optional<UUID> reservation, Instant end) {
      return new Held(
          address.toString(),
          owner,
          reservation.map(UUID::toString).orElse(""),
          reservation.isPresent() ? end.toString() : "");
    }

    /** How long it has yet: none for one that is over, no more than any has; absent without end. */
    private Optional<Duration> left(Instant now) {
      if (until.isEmpty()) {
        return Optional.empty();
      }
      Duration left = Duration.between(now, Instant.parse(until));
      return Optional.of(left.compareTo(RESERVATION) < 0 ? left : RESERVATION);
    }

    private Held until(Instant end) {
      return new Held(address, owner, reservation, end.toString());
    }
  }

  /**
   * The two clocks: deadlines run by the one that nobody sets, and are kept by the other, since the
   * first begins anew with each start of the machine.
   *
   * @param wall tells the time
   * @param nanoTime as {@link System#nanoTime}
   */
  public record Clocks(Clock wall, LongSupplier nanoTime) {
    /** The system's. */
    public static final Clocks SYSTEM = new Clocks(Clock.systemUTC(), System::nanoTime);
  }

  private final IpamAllocator ipam;
  private final PoolChoice choice;
  private final StoredTable<Long, Held> store;
  private final Guard guard;
  private final Clocks clocks;
  private final ReentrantLock lock = new ReentrantLock();

  /** The row of each address that is in the store. Guarded by the lock. */
  private final Map<IpAddress, Long> held = new HashMap<>();

  /** When those come back that have a deadline, by the clock that nobody sets. */
  private final Map<IpAddress, Long> ends = new HashMap<>();

  private long lastRow;

  /**
   * Reservations of an allocator's addresses; {@link #restore} takes up those of an earlier run.
   *
   * @param choice says of which pool those get one who name none
   * @param store keeps them
   * @param guard keeps endpoints away meanwhile
   */
  public AddressReservations(
      IpamAllocator ipam,
      PoolChoice choice,
      StoredTable<Long, Held> store,
      Guard guard,
      Clocks clocks) {
    this.ipam = ipam;
    this.choice = choice;
    this.store = store;
    this.guard = guard;
    this.clocks = clocks;
  }

  /** Takes up what an earlier run kept; to be called when the endpoints have theirs. */
  public void restore() {
    lock.lock();
    try {
      for (Row<Long, Held> row : store.table().snapshot()) {
        lastRow = Math.max(lastRow, row.key());
        restore(row.key(), row.value());
      }
    } finally {
      lock.unlock();
    }
  }

  private void restore(long row, Held former) {
    try {
      IpAddress address = IpAddress.parse(former.address());
      Instant now = clocks.wall().instant();
      Optional<Duration> left = former.left(now);
      boolean isOver = left.isPresent() && !left.get().isPositive();
      if (!isOver && !ipam.allocations().snapshot().contains(address)) {
        ipam.claim(address, former.owner());
        held.put(address, row);
        if (left.isPresent()) {
          ends.put(address, clocks.nanoTime().getAsLong() + left.get().toNanos());
          shorten(row, former, now.plus(left.get()));
        }
        return;
      }
    } catch (IpamException | IllegalArgumentException | DateTimeException e) {
      LOG.warn("address not restored address={} error=\"{}\"", former.address(), e.getMessage());
    }
    store.delete(row);
  }

  /** Else a clock that goes back at each start would make it last for ever. */
  private void shorten(long row, Held former, Instant end) {
    if (end.isBefore(Instant.parse(former.until()))) {
      try {
        store.put(row, former.until(end));
      } catch (StorageException e) {
        LOG.warn("deadline not kept address={} error=\"{}\"", former.address(), e.getMessage());
      }
    }
  }

  /** The families it has addresses of. */
  public Set<IpFamily> families() {
    return ipam.families();
  }

  /** The prefixes that addresses come from at the moment. */
  public List<IpPrefix> podCidrs() {
    return ipam.prefixes().snapshot().stream().map(Row::key).toList();
  }

  /** The pool of an address; absent for one that is of no prefix here. */
  public Optional<String> poolOf(IpAddress address) {
    return ipam.prefixes().snapshot().stream()
        .filter(row -> row.key().contains(address))
        .map(Row::value)
        .findFirst();
  }

  /**
   * The pools of which somebody gets addresses who names none.
   *
   * @throws IpamException if that is not known, and was not within a few seconds
   */
  public Map<IpFamily, String> poolsFor(String owner, Collection<IpFamily> families) {
    var pools = new EnumMap<IpFamily, String>(IpFamily.class);
    families.forEach(family -> pools.put(family, choice.pool(owner, family)));
    return pools;
  }

  /** Whether there are pools, and not one for all. */
  public boolean hasPools() {
    return ipam.claims().isPresent();
  }

  /** The node's own address in the pods' network, their next hop. */
  public Optional<IpAddress> router(IpFamily family) {
    return ipam.router(family);
  }

  /** The addresses in use and their owners. */
  public Table<IpAddress, String> allocations() {
    return ipam.allocations();
  }

  /** How many more addresses of the family there are; Long.MAX_VALUE for "more than that". */
  public long free(IpFamily family) {
    return ipam.free(family);
  }

  /**
   * Takes some free address of the pool that its owner gets them of.
   *
   * @param owner the pod's name, {@code namespace/name}
   * @throws IpamException if none is left
   * @throws StorageException if that cannot be kept; then none is taken
   */
  public Taken allocate(IpFamily family, String owner, Term term) {
    return Objects.requireNonNull(
        allocate(poolsFor(owner, List.of(family)), owner, term).get(family));
  }

  /**
   * Takes some free address of each of these families: all or none. Where a pool has none here, the
   * operator is asked for more and waited for, no longer than {@link #PATIENCE}.
   *
   * @param pools the pool of each family
   * @throws IpamException if one is not to be had, or not in time
   * @throws StorageException if that cannot be kept; then none is taken
   */
  public Map<IpFamily, Taken> allocate(Map<IpFamily, String> pools, String owner, Term term) {
    Map<IpFamily, IpAddress> addresses = ipam.allocate(pools, owner, PATIENCE);
    var undo = new UndoStack();
    addresses.values().forEach(address -> undo.ifFailed(() -> ipam.release(address, owner)));
    var taken = new EnumMap<IpFamily, Taken>(IpFamily.class);
    try {
      addresses.forEach((family, address) -> {
        Optional<UUID> reservation =
            term == Term.PERMANENT ? Optional.empty() : Optional.of(UUID.randomUUID());
        hold(address, owner, reservation);
        undo.ifFailed(() -> drop(address));
        taken.put(family, new Taken(address, reservation));
      });
      return taken;
    } catch (RuntimeException e) {
      undo.undo(e);
      throw e;
    }
  }

  /**
   * Takes this very address.
   *
   * @throws AddressInUseException if it is taken, by whomever
   * @throws IpamException if it is reserved or out of reach
   * @throws StorageException if that cannot be kept; then it is not taken
   */
  public void claim(IpAddress address, String owner) {
    try (var _ = guard.keep(address, owner)) {
      Optional<String> holder = ipam.allocations().get(address);
      if (holder.isPresent()) {
        throw new AddressInUseException("address " + address + " is that of " + holder.get());
      }
      ipam.claim(address, owner);
      try {
        hold(address, owner, Optional.empty());
      } catch (RuntimeException e) {
        ipam.release(address, owner);
        throw e;
      }
    }
  }

  private void hold(IpAddress address, String owner, Optional<UUID> reservation) {
    lock.lock();
    try {
      Instant end = clocks.wall().instant().plus(RESERVATION);
      hold(address, Held.of(address, owner, reservation, end));
      if (reservation.isPresent()) {
        ends.put(address, clocks.nanoTime().getAsLong() + RESERVATION.toNanos());
      }
    } finally {
      lock.unlock();
    }
  }

  private void hold(IpAddress address, Held wanted) {
    lock.lock();
    try {
      long row = held.getOrDefault(address, lastRow + 1);
      store.put(row, wanted);
      lastRow = Math.max(lastRow, row);
      held.put(address, row);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives an address back, whoever has it without an endpoint; false if nobody does.
   *
   * @throws AddressInUseException if an endpoint has it or is to have it
   */
  public boolean release(IpAddress address) {
    try (var _ = guard.keep(address, RETURNING)) {
      var _ = drop(address);
      return ipam.allocations()
          .get(address)
          .map(owner -> ipam.release(address, owner))
          .orElse(false);
    }
  }

  private Optional<Held> drop(IpAddress address) {
    lock.lock();
    try {
      Long row = held.get(address);
      if (row == null) {
        return Optional.empty();
      }
      Optional<Held> former = store.table().get(row);
      store.delete(row);
      held.remove(address);
      ends.remove(address);
      return former;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Whether a reservation is still of its address. True if no deadline is known of it: who claims
   * it next finds out whether it is still free. False if the address has a deadline under another
   * name, since then it is another's by now.
   */
  public boolean isOf(IpAddress address, UUID reservation) {
    lock.lock();
    try {
      Long row = held.get(address);
      Optional<Held> present = row == null ? Optional.empty() : store.table().get(row);
      String known = present.map(Held::reservation).orElse("");
      return known.isEmpty() || known.equals(reservation.toString());
    } finally {
      lock.unlock();
    }
  }

  /**
   * An endpoint has the address from now on: it neither has a deadline nor is it kept here.
   *
   * @return takes that back
   */
  public Runnable handOver(IpAddress address) {
    lock.lock();
    try {
      Long end = ends.get(address);
      return drop(address)
          .<Runnable>map(former -> () -> takeBack(address, former, end))
          .orElse(() -> {});
    } finally {
      lock.unlock();
    }
  }

  private void takeBack(IpAddress address, Held former, @Nullable Long end) {
    lock.lock();
    try {
      hold(address, former);
      if (end != null) {
        ends.put(address, end);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Gives back what no endpoint had in time. */
  public void expire() {
    long now = clocks.nanoTime().getAsLong();
    for (IpAddress address : over(now)) {
      try (var _ = guard.keep(address, RETURNING)) {
        expire(address, now);
      } catch (AddressInUseException _) {
        // An endpoint has it or is about to.
      }
    }
  }

  private List<IpAddress> over(long now) {
    lock.lock();
    try {
      return ends.entrySet().stream()
          .filter(each -> each.getValue() - now <= 0)
          .map(Map.Entry::getKey)
          .toList();
    } finally {
      lock.unlock();
    }
  }

  /** It may be another's by now, with another deadline. */
  private void expire(IpAddress address, long now) {
    lock.lock();
    try {
      Long end = ends.get(address);
      if (end != null && end - now <= 0) {
        drop(address).ifPresent(former -> ipam.release(address, former.owner()));
      }
    } finally {
      lock.unlock();
    }
  }
}
