// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.election;

import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Scheduler;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One leader among several processes, by a {@link Lease} in the cluster's store, as Kubernetes'
 * components elect theirs.
 *
 * <p>Each candidate looks at the lease every {@link Timing#retry}. The leader renews it; another
 * takes it once he has not seen it change for its duration, by his own clock. So no two clocks are
 * compared, and a lease is never taken from a leader who renews it.
 *
 * <pre>
 *   renewal begins     +10 s: the leader          +15 s after another
 *   (leader's clock)   writes no more             saw it: he may lead
 *   |------------------|~~~ room for drift ~~~~~~~|
 * </pre>
 *
 * <p>The leader counts from the moment at which he began a renewal that succeeded, which is before
 * anybody could see it. A renewal whose answer was lost counts for the others and not for him.
 *
 * <p>All happens on the scheduler's thread, which should have nothing else to do: a renewal must
 * not wait. {@link Term}s may be asked from any thread.
 */
public final class LeaderElection implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LeaderElection.class);

  /** The time that one write of the leader's has. */
  private static final Duration WRITE_TIME = Duration.ofSeconds(2);

  /**
   * How long what takes, as the field's operator has it by default.
   *
   * @param lease how long others wait after the last change; whole seconds
   * @param renewDeadline how long the leader writes after the last renewal
   * @param retry how long between two looks
   */
  public record Timing(Duration lease, Duration renewDeadline, Duration retry) {

    /** 15 s, 10 s, 2 s. */
    public static final Timing DEFAULT =
        new Timing(Duration.ofSeconds(15), Duration.ofSeconds(10), Duration.ofSeconds(2));

    public Timing {
      if (lease.toSeconds() < 1 || !lease.equals(lease.truncatedTo(ChronoUnit.SECONDS))) {
        throw new IllegalArgumentException("lease duration " + lease + ": wanted whole seconds");
      }
      if (renewDeadline.compareTo(lease) >= 0) {
        throw new IllegalArgumentException(
            "renew deadline " + renewDeadline + ": wanted less than the lease's " + lease);
      }
      if (!retry.isPositive() || retry.compareTo(renewDeadline) >= 0) {
        throw new IllegalArgumentException(
            "retry period " + retry + ": wanted less than the renew deadline, " + renewDeadline);
      }
    }
  }

  /** Who is told; on the election's thread. */
  public interface Listener {
    /** This process leads, until the term is over or {@link #lost} is called. */
    void leads(Term term);

    /** It leads no more. */
    void lost();
  }

  /** A term that this process had or has. */
  private final class OwnTerm implements Term {
    /** When the renewal began that succeeded last. */
    private volatile long renewedNanos;

    private volatile boolean ended;

    OwnTerm(long renewedNanos) {
      this.renewedNanos = renewedNanos;
    }

    @Override
    public Deadline deadline() {
      Deadline soon = Deadline.in(ended ? Duration.ZERO : WRITE_TIME, scheduler::nanoTime);
      long endNanos = renewedNanos + timing.renewDeadline().toNanos();
      return soon.orEarlier(new Deadline(scheduler::nanoTime, endNanos));
    }
  }

  private final ClusterStore.Objects<Lease> leases;
  private final String name;
  private final String identity;
  private final Timing timing;
  private final Scheduler scheduler;
  private final Listener listener;

  /** What was seen last of the lease, and when it was first seen so. */
  private @Nullable String seenVersion;

  private long seenNanos;
  private volatile @Nullable OwnTerm term;
  private volatile String leader = "";
  private String lastError = "";
  private volatile boolean closed;

  /**
   * An election that is not started.
   *
   * @param name of the lease
   * @param identity of this process: no other may ever have it, not even the same program started
   *     anew
   * @param scheduler a thread of its own; stays the caller's to close
   */
  public LeaderElection(
      ClusterStore store,
      String name,
      String identity,
      Timing timing,
      Scheduler scheduler,
      Listener listener) {
    this.leases = store.leases();
    this.name = name;
    this.identity = identity;
    this.timing = timing;
    this.scheduler = scheduler;
    this.listener = listener;
  }

  /** Begins. */
  public void start() {
    scheduler.execute(this::look);
  }

  /** Who leads, as far as was seen; empty if nobody does. */
  public String leader() {
    return leader;
  }

  /** Whether this process leads. */
  public boolean isLeading() {
    OwnTerm mine = term;
    return mine != null && !mine.isOver();
  }

  private void look() {
    if (closed) {
      return;
    }
    endIfOver();
    try {
      acquireOrRenew();
      lastError = "";
    } catch (ClusterStoreException e) {
      // Once, and not at each look.
      if (!String.valueOf(e.getMessage()).equals(lastError)) {
        lastError = String.valueOf(e.getMessage());
        LOG.warn("lease not read or written lease={} error=\"{}\"", name, lastError);
      }
    }
    endIfOver();
    scheduler.schedule(timing.retry(), this::look);
  }

  private void acquireOrRenew() {
    // A renewal counts from here on for us: nobody can have seen it earlier.
    long begunNanos = scheduler.nanoTime();
    Optional<Stored<Lease>> current = leases.read(name);
    // And what was read counts from now on: it may have been written a moment ago.
    long readNanos = scheduler.nanoTime();
    if (current.isEmpty()) {
      seenVersion = null;
      leader = "";
      written(leases.create(lease(0, now()), deadline()), begunNanos);
      return;
    }
    Stored<Lease> seen = current.get();
    Lease lease = seen.value();
    leader = lease.holder();
    if (!seen.version().equals(seenVersion)) {
      seenVersion = seen.version();
      seenNanos = readNanos;
    }
    if (lease.holder().equals(identity)) {
      Lease renewed = lease(lease.transitions(), lease.acquired());
      written(leases.replace(seen, renewed, deadline()), begunNanos);
    } else {
      end();
      boolean expired = readNanos - seenNanos >= lease.duration().toNanos();
      if (lease.holder().isEmpty() || expired) {
        Lease taken = lease(lease.transitions() + 1, now());
        written(leases.replace(seen, taken, deadline()), begunNanos);
      }
    }
  }

  private void written(Optional<Stored<Lease>> written, long begunNanos) {
    if (written.isEmpty()) {
      return; // Somebody was quicker; the next look shows who.
    }
    leader = identity;
    OwnTerm mine = term;
    if (mine != null && !mine.isOver()) {
      mine.renewedNanos = begunNanos;
      return;
    }
    end();
    var begun = new OwnTerm(begunNanos);
    term = begun;
    LOG.info("leads lease={} identity={}", name, identity);
    listener.leads(begun);
  }

  private Lease lease(int transitions, Instant acquired) {
    return new Lease(name, identity, timing.lease(), transitions, acquired, now());
  }

  /** For people alone. */
  private static Instant now() {
    return Instant.now().truncatedTo(ChronoUnit.MICROS);
  }

  private Deadline deadline() {
    return Deadline.in(timing.retry(), scheduler::nanoTime);
  }

  private void endIfOver() {
    OwnTerm mine = term;
    if (mine != null && mine.isOver()) {
      end();
    }
  }

  private void end() {
    OwnTerm mine = term;
    if (mine != null) {
      mine.ended = true;
      term = null;
      LOG.warn("leads no more lease={} identity={}", name, identity);
      listener.lost();
    }
  }

  /**
   * Ends, and gives the lease back if it is ours, so that another need not wait for its end. What
   * the leader does must have ended before, and the scheduler must be closed.
   */
  @Override
  public void close() {
    closed = true;
    OwnTerm mine = term;
    if (mine == null) {
      return;
    }
    mine.ended = true;
    term = null;
    try {
      Optional<Stored<Lease>> last =
          leases.read(name).filter(stored -> stored.value().holder().equals(identity));
      if (last.isPresent()) {
        Lease lease = last.get().value();
        var free =
            new Lease(
                name, "", Duration.ofSeconds(1), lease.transitions(), lease.acquired(), now());
        var _ = leases.replace(last.get(), free, deadline());
      }
    } catch (ClusterStoreException e) {
      LOG.info("lease not given back lease={} error=\"{}\"", name, e.getMessage());
    }
  }
}
