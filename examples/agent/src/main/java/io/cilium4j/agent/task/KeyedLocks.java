// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.task;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One lock for each key that somebody uses, so that what is done to one thing is done one at a
 * time, and to different things side by side.
 */
public final class KeyedLocks {

  /** A lock, and how many hold it or wait for it. */
  private static final class Counted {
    final ReentrantLock lock = new ReentrantLock(true);
    int users;
  }

  private final Map<String, Counted> locks = new HashMap<>();

  /** No key is in use. */
  public KeyedLocks() {}

  /** Does something while nobody else does anything under one of these keys. */
  public <T> T with(List<String> keys, Callable<T> task) throws Exception {
    // Always in the same order, or two callers could wait for each other.
    List<String> sorted = keys.stream().distinct().sorted().toList();
    return with(sorted, 0, task);
  }

  private <T> T with(List<String> keys, int first, Callable<T> task) throws Exception {
    if (first == keys.size()) {
      return task.call();
    }
    String key = keys.get(first);
    Counted counted = use(key);
    counted.lock.lock();
    try {
      return with(keys, first + 1, task);
    } finally {
      counted.lock.unlock();
      release(key, counted);
    }
  }

  private synchronized Counted use(String key) {
    Counted counted = locks.computeIfAbsent(key, _ -> new Counted());
    counted.users++;
    return counted;
  }

  private synchronized void release(String key, Counted counted) {
    counted.users--;
    if (counted.users == 0) {
      locks.remove(key);
    }
  }
}
