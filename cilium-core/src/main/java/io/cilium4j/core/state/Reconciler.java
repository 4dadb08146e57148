// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import io.cilium4j.core.state.WorkList.Work;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a target (the kernel, a file, another system) in line with a {@link Table}, and says how
 * far it has come.
 *
 * <p>It works in rounds on its scheduler's thread. A round takes what changed since the last one
 * and what is due for another attempt, carries it out in batches, and notes a status for each row:
 *
 * <ul>
 *   <li>Nothing happens before the table is initialised: a half-known state is never published.
 *   <li>The first round, and one after falling too far behind, also prunes the target; it does so
 *       last, so that what stays in use is in place before anything goes.
 *   <li>A failed row is tried again alone, later each time, at a moment drawn at random so that
 *       many rows that failed together do not come back together. A change of the row is tried at
 *       once.
 * </ul>
 */
public final class Reconciler<K, V> implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(Reconciler.class);

  /** Longest error kept for a row, in characters. */
  private static final int MAX_MESSAGE_CHARS = 500;

  /**
   * How a reconciler paces itself.
   *
   * @param maxBatch most changes handed to the target at once
   * @param minBackoff wait after the first failure, doubled with each further one
   * @param maxBackoff longest wait
   * @param refreshInterval how often everything is carried out and pruned anew, against changes of
   *     the target by strangers; absent for never
   * @param random draws each wait from the upper half of its range
   */
  public record Config(
      int maxBatch,
      Duration minBackoff,
      Duration maxBackoff,
      Optional<Duration> refreshInterval,
      RandomGenerator random) {

    /**
     * 1,000 rows a batch (about 3 ms at a map update's 2.7 us), waits from 100 ms to 30 s, no
     * refresh.
     */
    public static final Config DEFAULT =
        new Config(
            1_000,
            Duration.ofMillis(100),
            Duration.ofSeconds(30),
            Optional.empty(),
            () -> ThreadLocalRandom.current().nextLong());

    public Config {
      if (maxBatch < 1) {
        throw new IllegalArgumentException("reconciler batch of " + maxBatch + ": wanted above 0");
      }
      if (minBackoff.isNegative() || minBackoff.isZero() || maxBackoff.compareTo(minBackoff) < 0) {
        throw new IllegalArgumentException(
            "reconciler back-off " + minBackoff + " to " + maxBackoff + ": wanted above 0, rising");
      }
    }
  }

  private final Table<K, V> table;
  private final Operations<K, V> operations;
  private final Scheduler scheduler;
  private final Config config;
  private final TableWriter<K, RowStatus> statuses;

  private final AtomicBoolean roundScheduled = new AtomicBoolean();

  /** Held during a round, so that {@link #stop} waits for it to end. */
  private final ReentrantLock roundLock = new ReentrantLock();

  /** For callers of {@code awaitRealised}. */
  private final ReentrantLock waitLock = new ReentrantLock();

  private final Condition progress = waitLock.newCondition();

  // What follows is used in rounds only, under roundLock.
  private final WorkList<K, V> work;
  private @Nullable Watch<K, V> watch;
  private boolean begun;
  private boolean stopped;

  /** The oldest revision whose removals a prune has yet to carry out; 0 for no prune wanted. */
  private long pruneSince;

  private int pruneAttempts;
  private long pruneDueNanos;

  private volatile Optional<String> pruneError = Optional.empty();
  private volatile long polled;
  private volatile long realised;

  private Reconciler(
      Table<K, V> table, Operations<K, V> operations, Scheduler scheduler, Config config) {
    this.table = table;
    this.operations = operations;
    this.scheduler = scheduler;
    this.config = config;
    this.statuses = TableWriter.create(table.name() + "-status", table.order(), Set.of());
    this.work = new WorkList<>(table.order());
  }

  /** A reconciler with the default pace; it begins with {@link #start}. */
  public static <K, V> Reconciler<K, V> create(
      Table<K, V> table, Operations<K, V> operations, Scheduler scheduler) {
    return create(table, operations, scheduler, Config.DEFAULT);
  }

  /**
   * A reconciler; it begins with {@link #start}.
   *
   * @param scheduler where its rounds run; it stays the caller's to close
   */
  public static <K, V> Reconciler<K, V> create(
      Table<K, V> table, Operations<K, V> operations, Scheduler scheduler, Config config) {
    return new Reconciler<>(table, operations, scheduler, config);
  }

  // ---- what others ask ----

  /** The status of each row that was seen, and of removals that are not carried out yet. */
  public Table<K, RowStatus> statuses() {
    return statuses.table();
  }

  /** The status of one row as it is in the table now; absent when there is neither row nor work. */
  public Optional<RowStatus> status(K key) {
    Optional<RowStatus> known = statuses.table().get(key);
    Optional<Row<K, V>> row = table.snapshot().row(key);
    if (row.isPresent() && known.filter(s -> s.revision() >= row.get().revision()).isEmpty()) {
      return Optional.of(new RowStatus.Pending(row.get().revision()));
    }
    return known;
  }

  /** Why the last prune failed; absent when it did not. */
  public Optional<String> pruneError() {
    return pruneError;
  }

  /** The newest revision up to which the target is in line with the table. */
  public long realisedRevision() {
    return realised;
  }

  /**
   * Waits until the target is in line with the whole table as of {@code revision}.
   *
   * @return false when it is not by the end of {@code atMost}
   */
  public boolean awaitRealised(long revision, Duration atMost) throws InterruptedException {
    return await(() -> realised >= revision, atMost);
  }

  /**
   * Waits until the target is in line with one row, as new as {@code revision} or newer; rows that
   * fail elsewhere do not matter.
   *
   * @return false when it is not by the end of {@code atMost}; {@link #status} tells why
   */
  public boolean awaitRealised(K key, long revision, Duration atMost) throws InterruptedException {
    return await(() -> polled >= revision && isSettled(key), atMost);
  }

  private boolean isSettled(K key) {
    Optional<RowStatus> status = statuses.table().get(key);
    return status.isEmpty() || status.get() instanceof RowStatus.Done;
  }

  private boolean await(BooleanSupplier condition, Duration atMost) throws InterruptedException {
    long nanos = atMost.toNanos();
    waitLock.lockInterruptibly();
    try {
      while (!condition.getAsBoolean()) {
        if (nanos <= 0) {
          return false;
        }
        nanos = progress.awaitNanos(nanos);
      }
      return true;
    } finally {
      waitLock.unlock();
    }
  }

  // ---- life ----

  @Override
  public void start() {
    roundLock.lock();
    try {
      if (watch != null) {
        throw new IllegalStateException("reconciler of " + table.name() + " was started before");
      }
      watch = table.watch(this::scheduleRound);
    } finally {
      roundLock.unlock();
    }
    scheduleRound();
    scheduleRefresh();
  }

  /** Ends after the round that runs. The target keeps what it holds. */
  @Override
  public void stop() {
    roundLock.lock();
    try {
      stopped = true;
      if (watch != null) {
        watch.close();
      }
    } finally {
      roundLock.unlock();
    }
  }

  /** Carries out every row anew and prunes, soon. */
  public void refresh() {
    scheduler.execute(() -> {
      roundLock.lock();
      try {
        if (watch != null && !stopped && polled > 0) {
          queueRefresh();
        }
      } finally {
        roundLock.unlock();
      }
      scheduleRound();
    });
  }

  private void scheduleRefresh() {
    config
        .refreshInterval()
        .ifPresent(interval ->
            scheduler.schedule(
                interval,
                () -> {
                  refresh();
                  scheduleRefresh();
                }));
  }

  private void scheduleRound() {
    if (roundScheduled.compareAndSet(false, true)) {
      scheduler.execute(this::round);
    }
  }

  // ---- a round ----

  private void round() {
    roundScheduled.set(false);
    roundLock.lock();
    try {
      if (watch == null || stopped || !table.isInitialised()) {
        return;
      }
      takeChanges(watch.poll());
      List<Work<K, V>> due = work.takeDue(scheduler.nanoTime());
      for (int from = 0; from < due.size() && !stopped; from += config.maxBatch()) {
        carryOut(due.subList(from, Math.min(due.size(), from + config.maxBatch())));
      }
      if (pruneSince > 0 && pruneDueNanos - scheduler.nanoTime() <= 0) {
        prune();
      }
      realised = computeRealised();
      signalProgress();
      scheduleNext();
    } finally {
      roundLock.unlock();
    }
  }

  private void takeChanges(Changes<K, V> changes) {
    long now = scheduler.nanoTime();
    // A row may have changed at any revision since the last look; only the newest is listed.
    long since = polled + 1;
    if (!begun) {
      // Nobody knows what the target holds from earlier.
      begun = true;
      pruneSince = since;
      pruneDueNanos = now;
    }
    statuses.write(batch -> {
      for (Change<K, V> change : changes.list()) {
        work.add(change, since, now);
        batch.put(change.key(), new RowStatus.Pending(change.revision()));
      }
    });
    polled = changes.snapshot().revision();
  }

  private void queueRefresh() {
    long now = scheduler.nanoTime();
    for (Row<K, V> row : table.snapshot()) {
      // What is open is tried anyway, at its own time.
      if (row.revision() <= polled && !work.contains(row.key())) {
        var again = new Change.Put<>(row.key(), row.value(), row.revision());
        work.add(again, row.revision(), now);
      }
    }
    if (pruneSince == 0) {
      pruneSince = polled + 1;
      pruneAttempts = 0;
      pruneDueNanos = now;
    }
  }

  private void carryOut(List<Work<K, V>> works) {
    List<Change<K, V>> batch = works.stream().map(each -> each.change).toList();
    Map<K, Exception> failures = apply(batch);
    statuses.write(outcome -> {
      for (Work<K, V> each : works) {
        Exception failure = failures.get(each.key());
        if (failure == null) {
          succeeded(each, outcome);
        } else {
          failed(each, failure, outcome);
        }
      }
    });
    signalProgress();
  }

  private Map<K, Exception> apply(List<Change<K, V>> batch) {
    try {
      return operations.applyBatch(batch);
    } catch (RuntimeException e) {
      // Against its contract; nothing is known to be carried out then, so everything comes again.
      var failures = new TreeMap<K, Exception>(table.order());
      batch.forEach(change -> failures.put(change.key(), e));
      return failures;
    }
  }

  private void succeeded(Work<K, V> done, TableWriter.Batch<K, RowStatus> outcome) {
    work.close(done.key());
    switch (done.change) {
      case Change.Put<K, V> put -> outcome.put(put.key(), new RowStatus.Done(put.revision()));
      case Change.Removed<K, V> removed -> outcome.remove(removed.key());
    }
    if (done.attempts() > 0) {
      LOG.info("row recovered table={} key={}", table.name(), done.key());
    }
  }

  private void failed(
      Work<K, V> tried, Exception failure, TableWriter.Batch<K, RowStatus> outcome) {
    int attempts = work.fail(tried);
    Duration wait = backoff(attempts);
    work.again(tried, scheduler.nanoTime() + wait.toNanos());
    String message = oneLine(failure);
    // Attempts that fail alike are not told again.
    if (attempts == 1) {
      LOG.warn("row failed table={} key={} error=\"{}\"", table.name(), tried.key(), message);
    }
    outcome.put(
        tried.key(), new RowStatus.Failed(tried.change.revision(), message, attempts, wait));
  }

  private void prune() {
    try {
      operations.prune(table.snapshot());
      pruneSince = 0;
      pruneError = Optional.empty();
    } catch (Exception e) {
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      pruneDueNanos = scheduler.nanoTime() + backoff(++pruneAttempts).toNanos();
      pruneError = Optional.of(oneLine(e));
      LOG.warn("prune failed table={} error=\"{}\"", table.name(), oneLine(e));
    }
  }

  private long computeRealised() {
    OptionalLong lacking = work.oldestSince();
    long inLine = lacking.isEmpty() ? polled : lacking.getAsLong() - 1;
    return pruneSince == 0 ? inLine : Math.min(inLine, pruneSince - 1);
  }

  /** The wait after this many failures: doubled each time, then drawn from its upper half. */
  private Duration backoff(int attempts) {
    int doublings = Math.min(attempts - 1, 30);
    long most = config.maxBackoff().toNanos();
    long min = config.minBackoff().toNanos();
    long full = min > most >> doublings ? most : min << doublings;
    return Duration.ofNanos(full - config.random().nextLong(full / 2 + 1));
  }

  private void scheduleNext() {
    long now = scheduler.nanoTime();
    OptionalLong due = work.nextDueNanos();
    long wait = due.isEmpty() ? Long.MAX_VALUE : due.getAsLong() - now;
    if (pruneSince > 0) {
      wait = Math.min(wait, pruneDueNanos - now);
    }
    if (wait != Long.MAX_VALUE) {
      // A round too many finds nothing due and does no harm, so no earlier one is called off.
      scheduler.schedule(Duration.ofNanos(Math.max(wait, 0)), this::scheduleRound);
    }
  }

  private void signalProgress() {
    waitLock.lock();
    try {
      progress.signalAll();
    } finally {
      waitLock.unlock();
    }
  }

  private static String oneLine(Exception failure) {
    String message = failure.getMessage();
    String text = message == null || message.isBlank() ? failure.toString() : message;
    String line = text.replaceAll("\\s*[\\r\\n]+\\s*", " | ").strip();
    return line.length() <= MAX_MESSAGE_CHARS ? line : line.substring(0, MAX_MESSAGE_CHARS) + "…";
  }

  @Override
  public String toString() {
    return "reconciler of " + table.name() + " realised=" + realised + " table=" + polled;
  }
}
