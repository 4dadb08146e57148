// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Hands on what changes of a table, from its start to its stop.
 *
 * @param <K> the table's key
 * @param <V> the table's value
 */
final class TableFollower<K, V> implements Lifecycle.Part {
  private final Table<K, V> table;
  private final Scheduler thread;
  private final Consumer<? super Changes<K, V>> reader;
  private volatile @Nullable Watch<K, V> watch;

  /** Follows nothing yet; the reader is called on the thread. */
  TableFollower(Table<K, V> table, Scheduler thread, Consumer<? super Changes<K, V>> reader) {
    this.table = table;
    this.thread = thread;
    this.reader = reader;
  }

  @Override
  public void start() {
    watch = table.watch(() -> thread.execute(this::look));
    // A table that nobody writes any more may be complete already.
    thread.execute(this::look);
  }

  private void look() {
    Watch<K, V> open = watch;
    if (open != null && !open.isClosed()) {
      reader.accept(open.poll());
    }
  }

  @Override
  public void stop() {
    Watch<K, V> open = watch;
    if (open != null) {
      open.close();
    }
  }
}
