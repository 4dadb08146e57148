// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.Rcu;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Deletes what a change left behind, when no packet can need it any more: rows and policy entries
 * of the former epoch, after an RCU grace period. On a thread of its own, since a grace period
 * takes tens of milliseconds and a change should not.
 */
final class Reclaimer implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Reclaimer.class);

  private final ReentrantLock writerLock;
  private final List<Runnable> waiting = new ArrayList<>();
  private final Thread thread;
  private boolean busy;
  private boolean closed;

  /**
   * @param writerLock the lock under which deletions run, as every change does
   */
  Reclaimer(ReentrantLock writerLock, String name) {
    this.writerLock = writerLock;
    this.thread = Thread.ofPlatform().daemon().name(name).start(this::run);
  }

  /** Has these deletions carried out after a grace period that begins now or later. */
  synchronized void afterGracePeriod(List<Runnable> deletions) {
    if (!deletions.isEmpty()) {
      waiting.addAll(deletions);
      notifyAll();
    }
  }

  /** Waits until everything handed over so far is deleted. */
  synchronized void drain() throws InterruptedException {
    while (busy || !waiting.isEmpty()) {
      wait();
    }
  }

  private void run() {
    for (List<Runnable> batch = take(); !batch.isEmpty(); batch = take()) {
      carryOut(batch);
      done();
    }
  }

  private void carryOut(List<Runnable> batch) {
    try {
      Rcu.synchronize();
      for (Runnable deletion : batch) {
        writerLock.lock();
        try {
          deletion.run();
        } finally {
          writerLock.unlock();
        }
      }
    } catch (RuntimeException e) {
      // What stays is garbage that no packet finds; prune removes it after the next start.
      LOG.warn("rows of a former epoch stay: {}", e.getMessage());
    }
  }

  private synchronized List<Runnable> take() {
    while (waiting.isEmpty() && !closed) {
      try {
        wait();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return List.of();
      }
    }
    List<Runnable> batch = List.copyOf(waiting);
    waiting.clear();
    busy = !batch.isEmpty();
    return batch;
  }

  private synchronized void done() {
    busy = false;
    notifyAll();
  }

  /** Carries out what waits, then ends. */
  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
