// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;

/**
 * The node's addresses, for those who take them before there is an endpoint, as a CNI plugin does.
 * What is taken with a deadline comes back by itself if nobody makes it permanent: a plugin may die
 * on the way.
 *
 * <p>Safe for use by several threads.
 */
public final class AddressBook {

  /** How long an address waits for its endpoint: a plugin is given up after a few minutes. */
  static final Duration RESERVATION = Duration.ofMinutes(10);

  /** The owner of an address that was taken for nobody in particular. */
  public static final String NOBODY = "(nobody)";

  /** Whether an address comes back by itself. */
  public enum Term {
    PERMANENT,
    UNTIL_DEADLINE
  }

  /**
   * An address that was taken.
   *
   * @param address the address
   * @param reservation names the deadline, for {@link AddressBook#confirm}; absent for a permanent
   *     one
   */
  public record Taken(IpAddress address, Optional<UUID> reservation) {}

  private record Deadline(UUID reservation, String owner, long endNanos) {}

  private final IpamAllocator ipam;
  private final List<IpPrefix> podCidrs;
  private final LongSupplier nanoTime;
  private final ReentrantLock lock = new ReentrantLock();

  /** Guarded by the lock. */
  private final Map<IpAddress, Deadline> deadlines = new HashMap<>();

  AddressBook(IpamAllocator ipam, List<IpPrefix> podCidrs, LongSupplier nanoTime) {
    this.ipam = ipam;
    this.podCidrs = List.copyOf(podCidrs);
    this.nanoTime = nanoTime;
  }

  /** The families it has addresses of. */
  public Set<IpFamily> families() {
    return ipam.families();
  }

  /** The prefixes that addresses come from. */
  public List<IpPrefix> podCidrs() {
    return podCidrs;
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
   * Takes some free address.
   *
   * @param owner the pod's name, {@code namespace/name}
   * @throws io.cilium4j.core.spi.IpamException if none is left
   */
  public Taken allocate(IpFamily family, String owner, Term term) {
    IpAddress address = ipam.allocate(family, owner);
    if (term == Term.PERMANENT) {
      return new Taken(address, Optional.empty());
    }
    var reservation = UUID.randomUUID();
    lock.lock();
    try {
      deadlines.put(
          address, new Deadline(reservation, owner, nanoTime.getAsLong() + RESERVATION.toNanos()));
    } finally {
      lock.unlock();
    }
    return new Taken(address, Optional.of(reservation));
  }

  /**
   * Takes this very address.
   *
   * @throws io.cilium4j.core.spi.IpamException if it is taken, reserved or out of reach
   */
  public void claim(IpAddress address, String owner) {
    ipam.claim(address, owner);
  }

  /** Gives an address back, whoever has it; false if nobody does. */
  public boolean release(IpAddress address) {
    lock.lock();
    try {
      deadlines.remove(address);
    } finally {
      lock.unlock();
    }
    return ipam.allocations().get(address).map(owner -> ipam.release(address, owner)).orElse(false);
  }

  /**
   * Makes an address permanent. No error if no deadline is known of it, as after a restart: who
   * claims it next finds out whether it is still free.
   *
   * @throws AgentException if the address has a deadline under another name, since then it is
   *     another's by now
   */
  public void confirm(IpAddress address, UUID reservation) {
    lock.lock();
    try {
      Deadline deadline = deadlines.get(address);
      if (deadline != null && !deadline.reservation().equals(reservation)) {
        throw new AgentException("address " + address + ": it is reserved anew, for another");
      }
      deadlines.remove(address);
    } finally {
      lock.unlock();
    }
  }

  /** Gives back what nobody made permanent in time. */
  void expire() {
    lock.lock();
    try {
      deadlines
          .entrySet()
          .removeIf(entry -> {
            Deadline deadline = entry.getValue();
            boolean over = deadline.endNanos() - nanoTime.getAsLong() <= 0;
            if (over) {
              ipam.release(entry.getKey(), deadline.owner());
            }
            return over;
          });
    } finally {
      lock.unlock();
    }
  }
}
