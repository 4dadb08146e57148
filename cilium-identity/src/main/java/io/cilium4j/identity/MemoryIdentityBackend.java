// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * The numbers of a cluster of one node, in this process's memory. Its row stays in the table while
 * a number rests, so that a pod that is started anew finds its identity and nobody recompiles.
 */
final class MemoryIdentityBackend implements IdentityBackend {
  private final ReentrantLock lock = new ReentrantLock();
  private final LabelNumbers numbers;
  private final Scheduler scheduler;
  private final Duration rest;
  private final ExpiryTimer timer;
  private final TableWriter<Integer, Identity> writer = TableWriter.create("cluster-identities");

  MemoryIdentityBackend(int clusterId, Scheduler scheduler, Duration rest) {
    int min = clusterId == 0 ? Identity.MIN_CLUSTER_WIDE : clusterId << 16;
    this.numbers =
        new LabelNumbers("cluster-wide", min, (clusterId << 16) | Identity.MAX_CLUSTER_WIDE, rest);
    this.scheduler = scheduler;
    this.rest = rest;
    this.timer = new ExpiryTimer(scheduler, this::expireLocked);
  }

  @Override
  public String name() {
    return MemoryIdentityBackendProvider.NAME;
  }

  @Override
  public Identity allocate(Labels labels) {
    return enter(labels, () -> numbers.take(labels));
  }

  @Override
  public Identity restore(Identity former) {
    return enter(former.labels(), () -> numbers.restore(former));
  }

  private Identity enter(Labels labels, Supplier<Identity> take) {
    if (labels.stream().allMatch(label -> label.source().equals(LabelSource.RESERVED))) {
      throw new IdentityException("no cluster-wide identity for " + labels + ": reserved alone");
    }
    lock.lock();
    try {
      expire();
      Identity identity = take.get();
      writer.put(identity.id(), identity);
      return identity;
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void release(int id) {
    lock.lock();
    try {
      if (numbers.release(id, scheduler.nanoTime())) {
        timer.rests(rest);
      }
    } finally {
      lock.unlock();
    }
  }

  private Optional<Duration> expireLocked() {
    lock.lock();
    try {
      expire();
      return numbers.nextEnd(scheduler.nanoTime());
    } finally {
      lock.unlock();
    }
  }

  private void expire() {
    for (Identity gone : numbers.expire(scheduler.nanoTime())) {
      writer.remove(gone.id());
    }
  }

  @Override
  public Table<Integer, Identity> identities() {
    return writer.table();
  }

  /** Holds neither threads nor files. */
  @Override
  public void close() {}
}
