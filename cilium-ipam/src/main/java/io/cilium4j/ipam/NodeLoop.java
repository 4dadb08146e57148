// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * The loop of a duty that the operator has for each node, for one term of its leadership. It begins
 * with a list; from then on tables tell it which nodes to look at. What fails is tried again.
 *
 * <p>All happens on the scheduler's thread, but {@link #start} and {@link #close}.
 */
final class NodeLoop implements AutoCloseable {

  /** How long to wait before what failed is tried again. */
  private static final Duration RETRY = Duration.ofSeconds(2);

  /**
   * What is to be done. Each part may throw that the store did not answer.
   *
   * @param list takes in all nodes, and says which are {@link #due}; done again until it succeeds
   * @param follow says which nodes are due by what tables tell since the last time
   * @param look looks at a node and does what is to be done; if it throws the node is due again
   * @param failed logs that the store did not answer about a node, or about all where its name is
   *     empty; called for the first of several times
   */
  record Duty(
      Runnable list,
      Runnable follow,
      Consumer<String> look,
      BiConsumer<String, ClusterStoreException> failed) {}

  private final Duty duty;
  private final Term term;
  private final Scheduler scheduler;

  /** Names of nodes to look at. */
  private final Set<String> due = new LinkedHashSet<>();

  private final List<Watch<?, ?>> watches = new CopyOnWriteArrayList<>();
  private boolean isListed;
  private boolean retryIsSet;
  private boolean isFailing;
  private volatile boolean closed;

  /** Does nothing yet. */
  NodeLoop(Duty duty, Term term, Scheduler scheduler) {
    this.duty = duty;
    this.term = term;
    this.scheduler = scheduler;
  }

  /** Begins. */
  void start() {
    scheduler.execute(this::work);
  }

  /** Watches a table, each change of which brings about another turn; ends with the loop. */
  <K, V> Watch<K, V> watch(Table<K, V> table) {
    Watch<K, V> watch = table.watch(() -> scheduler.execute(this::work));
    watches.add(watch);
    return watch;
  }

  /**
   * This node is to be looked at. What is due after the nodes of a turn were taken waits a while.
   */
  void due(String node) {
    due.add(node);
  }

  /** These nodes are to be looked at. */
  void due(Collection<String> nodes) {
    due.addAll(nodes);
  }

  private boolean isDone() {
    return closed || term.isOver();
  }

  private void work() {
    try {
      if (!isListed && !isDone()) {
        duty.list().run();
        isListed = true;
      }
      if (isListed) {
        duty.follow().run();
      }
      // A copy: those that fail are due again, later.
      var now = new ArrayList<>(due);
      due.clear();
      boolean isWell = true;
      for (int i = 0; i < now.size() && !isDone(); i++) {
        isWell &= look(now.get(i));
      }
      isFailing = !isWell;
    } catch (ClusterStoreException e) {
      failed("", e);
      retryLater();
    }
    if (!due.isEmpty()) {
      retryLater();
    }
  }

  /** Returns whether the store answered. */
  private boolean look(String node) {
    try {
      duty.look().accept(node);
      return true;
    } catch (ClusterStoreException e) {
      failed(node, e);
      due.add(node);
      return false;
    }
  }

  /** One line for all that fail, and not at each try. */
  private void failed(String node, ClusterStoreException e) {
    if (!isFailing) {
      isFailing = true;
      duty.failed().accept(node, e);
    }
  }

  private void retryLater() {
    if (!retryIsSet && !isDone()) {
      retryIsSet = true;
      scheduler.schedule(
          RETRY,
          () -> {
            retryIsSet = false;
            work();
          });
    }
  }

  /** Ends; what was done stays. */
  @Override
  public void close() {
    closed = true;
    watches.forEach(Watch::close);
  }
}
