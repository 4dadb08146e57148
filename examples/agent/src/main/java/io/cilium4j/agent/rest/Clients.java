// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.netty.channel.Channel;
import java.time.Duration;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connections of one kind of client, so many at a time. Where there is no room, the one goes
 * that has been idle for longest: who holds a connection and asks nothing keeps nobody out. Safe
 * for use by several threads.
 */
final class Clients {
  private static final Logger LOG = LoggerFactory.getLogger(Clients.class);

  /** How often it is told at most that connections were refused. */
  private static final Duration TELLING = Duration.ofSeconds(10);

  private final String kind;
  private final int limit;
  private final LongSupplier nanoTime;
  private final Set<Channel> open = new HashSet<>();

  /** Those of them that ask nothing now, the longest idle first. */
  private final Set<Channel> idle = new LinkedHashSet<>();

  private int refused;
  private long toldNanos;

  Clients(String kind, int limit, LongSupplier nanoTime) {
    this.kind = kind;
    this.limit = limit;
    this.nanoTime = nanoTime;
    this.toldNanos = nanoTime.getAsLong() - TELLING.toNanos();
  }

  /** Takes a new connection, which is idle at first; false if all others are at work. */
  boolean enter(Channel channel) {
    Channel evicted = null;
    synchronized (this) {
      if (open.size() >= limit) {
        Iterator<Channel> oldest = idle.iterator();
        if (!oldest.hasNext()) {
          tellRefused();
          return false;
        }
        evicted = oldest.next();
        oldest.remove();
        open.remove(evicted);
      }
      open.add(channel);
      idle.add(channel);
    }
    if (evicted != null) {
      var _ = evicted.close();
    }
    return true;
  }

  private void tellRefused() {
    refused++;
    long now = nanoTime.getAsLong();
    if (now - toldNanos >= TELLING.toNanos()) {
      LOG.warn("connections refused clients={} open={} refused={}", kind, limit, refused);
      toldNanos = now;
      refused = 0;
    }
  }

  /** It waits for its next request. */
  synchronized void becomesIdle(Channel channel) {
    if (open.contains(channel)) {
      idle.remove(channel);
      idle.add(channel);
    }
  }

  /** It sends a request or waits for the answer. */
  synchronized void becomesBusy(Channel channel) {
    idle.remove(channel);
  }

  synchronized void leave(Channel channel) {
    open.remove(channel);
    idle.remove(channel);
  }
}
