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
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongSupplier;

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

    static Held of(IpAddress address, String owner, Optional<UUID> reservation, Instant end) {
      return new Held(
          address.toString(),
          owner,
          reservation.map(UUID::toString).orElse(""),
          reservation.isPresent() ? end.toString() : "");
    }

    /** How long it has yet: none for one that is over, no more than any has; absent without end. */
    Optional<Duration> left(Instant now) {
      if (until.isEmpty()) {
        return Optional.empty();
      }
      Duration left = Duration.between(now, Instant.parse(until));
      return Optional.of(left.compareTo(RESERVATION) < 0 ? left : RESERVATION);
    }

    Held until(Instant end) {
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
  private final Guard guard;
  private final HeldAddresses held;

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
    this.guard = guard;
    this.held = new HeldAddresses(store, clocks);
  }

  /** Takes up what an earlier run kept; to be called when the endpoints have theirs. */
  public void restore() {
    held.restore((address, owner) -> {
      boolean isFree = !ipam.allocations().snapshot().contains(address);
      if (isFree) {
        ipam.claim(address, owner);
      }
      return isFree;
    });
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
        held.put(address, owner, reservation);
        undo.ifFailed(() -> held.remove(address));
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
        held.put(address, owner, Optional.empty());
      } catch (RuntimeException e) {
        ipam.release(address, owner);
        throw e;
      }
    }
  }

  /**
   * Gives an address back, whoever has it without an endpoint; false if nobody does.
   *
   * @throws AddressInUseException if an endpoint has it or is to have it
   */
  public boolean release(IpAddress address) {
    try (var _ = guard.keep(address, RETURNING)) {
      var _ = held.remove(address);
      return ipam.allocations()
          .get(address)
          .map(owner -> ipam.release(address, owner))
          .orElse(false);
    }
  }

  /**
   * Whether a reservation is still of its address. True if no deadline is known of it: who claims
   * it next finds out whether it is still free. False if the address has a deadline under another
   * name, since then it is another's by now.
   */
  public boolean isOf(IpAddress address, UUID reservation) {
    return held.isOf(address, reservation);
  }

  /**
   * An endpoint has the address from now on: it neither has a deadline nor is it kept here.
   *
   * @return takes that back
   */
  public Runnable handOver(IpAddress address) {
    return held.handOver(address);
  }

  /** Gives back what no endpoint had in time. */
  public void expire() {
    for (IpAddress address : held.overdue()) {
      try (var _ = guard.keep(address, RETURNING)) {
        held.expire(address, owner -> ipam.release(address, owner));
      } catch (AddressInUseException _) {
        // An endpoint has it or is about to.
      }
    }
  }
}
