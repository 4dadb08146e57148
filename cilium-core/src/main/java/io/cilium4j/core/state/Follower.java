// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows tables for a reader, from its start to its stop: a look tells the reader what became of
 * all of them since the last one. Tables of one {@link Database} are as they were at one moment.
 *
 * <p>Looks are on the follower's thread, one at a time; changes that come while one runs, or sooner
 * than the pace allows, are of the next one together. The first look comes at the start, whether
 * there is a row or not.
 *
 * <p>A reader that throws may have taken a part into account and lost the rest. It is told to
 * {@link Reader#forget}, and a second later the next look gives it every row there is, and every
 * removal of a row that it was told of. So no reader deals with what it has missed.
 *
 * <p>Safe for use by several threads.
 */
public final class Follower implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(Follower.class);

  /** How long after a look that failed the next one comes. */
  private static final Duration RETRY = Duration.ofSeconds(1);

  /** Takes changes into account. */
  @FunctionalInterface
  public interface Reader {

    /** Takes everything into account that changed since the last look. */
    void read(Look look);

    /** Forgets what it made of earlier looks, since the next one tells everything again. */
    default void forget() {}
  }

  /** What became of the tables since the last look. */
  public static final class Look {
    private final Map<Table<?, ?>, Changes<?, ?>> changes;

    private boolean isLeft;

    private Look(Map<Table<?, ?>, Changes<?, ?>> changes) {
      this.changes = changes;
    }

    /**
     * Leaves everything for the next look, which comes when something more has changed. For a
     * reader that waits for another table before it takes anything into account.
     */
    public void leave() {
      isLeft = true;
    }

    /**
     * What became of a table.
     *
     * @throws IllegalArgumentException if it is not followed
     */
    @SuppressWarnings("unchecked") // Changes are found by their table.
    public <K, V> Changes<K, V> of(Table<K, V> table) {
      Changes<?, ?> found = changes.get(table);
      if (found == null) {
        throw new IllegalArgumentException(table + " is not followed");
      }
      return (Changes<K, V>) found;
    }
  }

  private final List<Table<?, ?>> tables;
  private final Scheduler thread;
  private final Duration pace;
  private final Reader reader;
  private final AtomicBoolean isScheduled = new AtomicBoolean();
  private volatile long nextNanos;

  /** Held during a look. */
  private final ReentrantLock lock = new ReentrantLock();

  /** The places in the tables; null before the start and after the stop. */
  private @Nullable List<Watch<?, ?>> watches;

  /**
   * Follows nothing yet.
   *
   * @param thread has the looks
   * @param pace shortest time from the beginning of one look to the next one's; zero for none
   */
  public Follower(Scheduler thread, Duration pace, List<Table<?, ?>> tables, Reader reader) {
    this.thread = thread;
    this.pace = pace;
    this.tables = List.copyOf(tables);
    this.reader = reader;
    this.nextNanos = thread.nanoTime();
  }

  /** Follows one table, without a pace. */
  public static <K, V> Follower of(
      Table<K, V> table, Scheduler thread, Consumer<? super Changes<K, V>> reader) {
    return new Follower(
        thread, Duration.ZERO, List.of(table), look -> reader.accept(look.of(table)));
  }

  @Override
  public void start() {
    lock.lock();
    try {
      watches = tables.stream().<Watch<?, ?>>map(table -> table.watch(this::wake)).toList();
    } finally {
      lock.unlock();
    }
    wake();
  }

  /** No look runs any more when it returns. */
  @Override
  public void stop() {
    lock.lock();
    try {
      if (watches != null) {
        watches.forEach(Watch::close);
        watches = null;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Has the next look come soon, whether anything changed or not. */
  public void wake() {
    if (isScheduled.compareAndSet(false, true)) {
      Duration wait = Duration.ofNanos(nextNanos - thread.nanoTime());
      if (wait.isPositive()) {
        thread.schedule(wait, this::lookOrRetry);
      } else {
        thread.execute(this::lookOrRetry);
      }
    }
  }

  private void lookOrRetry() {
    isScheduled.set(false);
    nextNanos = thread.nanoTime() + pace.toNanos();
    try {
      look();
    } catch (RuntimeException e) {
      LOG.error("look failed tables={} retry-in={}", names(), RETRY, e);
    }
  }

  private List<String> names() {
    return tables.stream().map(Table::name).toList();
  }

  /**
   * Has a look at once, on the caller's thread; nothing before the start and after the stop.
   *
   * @throws RuntimeException what the reader throws
   */
  public void look() {
    lock.lock();
    try {
      if (watches == null) {
        return;
      }
      Map<Database, Database.View> views = new HashMap<>();
      Map<Table<?, ?>, Changes<?, ?>> changes = new LinkedHashMap<>();
      for (Watch<?, ?> watch : watches) {
        changes.put(watch.table(), watch.peek(views));
      }
      read(new Look(changes), views, watches);
    } finally {
      lock.unlock();
    }
  }

  private void read(Look look, Map<Database, Database.View> views, List<Watch<?, ?>> read) {
    try {
      reader.read(look);
    } catch (RuntimeException e) {
      read.forEach(watch -> watch.fail(views));
      reader.forget();
      thread.schedule(RETRY, this::wake);
      throw e;
    }
    if (!look.isLeft) {
      read.forEach(watch -> watch.advance(views));
    }
  }
}
