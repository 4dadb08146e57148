// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.ipam.AddressReservations.Clocks;
import io.cilium4j.ipam.AddressReservations.Held;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiPredicate;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which addresses somebody has without an endpoint, and until when; kept over a restart. The
 * allocator that they are of is others' to tell.
 *
 * <p>Safe for use by several threads.
 */
final class HeldAddresses {
  private static final Logger LOG = LoggerFactory.getLogger(HeldAddresses.class);

  private final StoredTable<Long, Held> store;
  private final Clocks clocks;
  private final ReentrantLock lock = new ReentrantLock();

  /** The row of each address that is in the store. Guarded by the lock. */
  private final Map<IpAddress, Long> rows = new HashMap<>();

  /** When those come back that have a deadline, by the clock that nobody sets. */
  private final Map<IpAddress, Long> ends = new HashMap<>();

  private long lastRow;

  /** None yet. */
  HeldAddresses(StoredTable<Long, Held> store, Clocks clocks) {
    this.store = store;
    this.clocks = clocks;
  }

  /**
   * Takes up what an earlier run kept.
   *
   * @param claim claims an address for its owner; false if it is another's by now
   */
  void restore(BiPredicate<IpAddress, String> claim) {
    lock.lock();
    try {
      for (Row<Long, Held> row : store.table().snapshot()) {
        lastRow = Math.max(lastRow, row.key());
        restore(row.key(), row.value(), claim);
      }
    } finally {
      lock.unlock();
    }
  }

  private void restore(long row, Held former, BiPredicate<IpAddress, String> claim) {
    try {
      IpAddress address = IpAddress.parse(former.address());
      Instant now = clocks.wall().instant();
      Optional<Duration> left = former.left(now);
      boolean isOver = left.isPresent() && !left.get().isPositive();
      if (!isOver && claim.test(address, former.owner())) {
        rows.put(address, row);
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

  /**
   * Somebody has an address from now on.
   *
   * @param reservation names its deadline; absent for none
   * @throws StorageException if that cannot be kept; then nobody has it
   */
  void put(IpAddress address, String owner, Optional<UUID> reservation) {
    lock.lock();
    try {
      Instant end = clocks.wall().instant().plus(AddressReservations.RESERVATION);
      put(address, Held.of(address, owner, reservation, end));
      if (reservation.isPresent()) {
        ends.put(
            address, clocks.nanoTime().getAsLong() + AddressReservations.RESERVATION.toNanos());
      }
    } finally {
      lock.unlock();
    }
  }

  private void put(IpAddress address, Held wanted) {
    lock.lock();
    try {
      long row = rows.getOrDefault(address, lastRow + 1);
      store.put(row, wanted);
      lastRow = Math.max(lastRow, row);
      rows.put(address, row);
    } finally {
      lock.unlock();
    }
  }

  /** Nobody has it any more without an endpoint; gives what was kept of it. */
  Optional<Held> remove(IpAddress address) {
    lock.lock();
    try {
      Long row = rows.get(address);
      if (row == null) {
        return Optional.empty();
      }
      Optional<Held> former = store.table().get(row);
      store.delete(row);
      rows.remove(address);
      ends.remove(address);
      return former;
    } finally {
      lock.unlock();
    }
  }

  /** As {@link AddressReservations#isOf}. */
  boolean isOf(IpAddress address, UUID reservation) {
    lock.lock();
    try {
      Long row = rows.get(address);
      Optional<Held> present = row == null ? Optional.empty() : store.table().get(row);
      String known = present.map(Held::reservation).orElse("");
      return known.isEmpty() || known.equals(reservation.toString());
    } finally {
      lock.unlock();
    }
  }

  /** As {@link AddressReservations#handOver}. */
  Runnable handOver(IpAddress address) {
    lock.lock();
    try {
      Long end = ends.get(address);
      return remove(address)
          .<Runnable>map(former -> () -> takeBack(address, former, end))
          .orElse(() -> {});
    } finally {
      lock.unlock();
    }
  }

  private void takeBack(IpAddress address, Held former, @Nullable Long end) {
    lock.lock();
    try {
      put(address, former);
      if (end != null) {
        ends.put(address, end);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Those whose deadline is over. */
  List<IpAddress> overdue() {
    long now = clocks.nanoTime().getAsLong();
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

  /**
   * Ends what is over: it may be another's by now, with another deadline.
   *
   * @param release is told whose it was
   */
  void expire(IpAddress address, Consumer<String> release) {
    lock.lock();
    try {
      Long end = ends.get(address);
      if (end != null && end - clocks.nanoTime().getAsLong() <= 0) {
        remove(address).ifPresent(former -> release.accept(former.owner()));
      }
    } finally {
      lock.unlock();
    }
  }
}
