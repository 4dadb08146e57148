// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.core.metrics.MetricFamily;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reports options of the configuration folder that have another value by now than the agent was
 * started with: it goes on with the former one until it is restarted.
 */
final class ConfigWatch implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ConfigWatch.class);

  /** A mounted ConfigMap is a minute late by itself. */
  private static final Duration INTERVAL = Duration.ofSeconds(10);

  private final Map<String, String> started;
  private final Supplier<Map<String, String>> present;
  private final Thread thread;
  private volatile Set<String> changed = Set.of();

  private ConfigWatch(Map<String, String> started, Supplier<Map<String, String>> present) {
    this.started = started;
    this.present = present;
    this.thread = Thread.ofVirtual().name("config-watch").unstarted(this::watch);
  }

  /**
   * Looks from time to time.
   *
   * @param started the values that the agent has
   * @param present reads the values that it would have now
   */
  static ConfigWatch start(Map<String, String> started, Supplier<Map<String, String>> present) {
    var watch = new ConfigWatch(started, present);
    watch.thread.start();
    return watch;
  }

  private void watch() {
    try {
      while (true) {
        TimeUnit.NANOSECONDS.sleep(INTERVAL.toNanos());
        look();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** Looks now. */
  void look() {
    Set<String> found = new TreeSet<>();
    try {
      present
          .get()
          .forEach((key, value) -> {
            if (!Objects.equals(started.get(key), value)) {
              found.add(key);
            }
          });
    } catch (OptionException e) {
      found.add(String.valueOf(e.getMessage()));
    }
    if (!found.equals(changed)) {
      changed = found;
      if (found.isEmpty()) {
        LOG.info("the configuration is again as at the start");
      } else {
        LOG.warn("the configuration changed, a restart takes it up options={}", found);
      }
    }
  }

  /** How many options changed, under Cilium's name. */
  List<MetricFamily> metrics() {
    return List.of(
        MetricFamily.gauge(
            "cilium_drift_checker_config_delta",
            "Options of the configuration folder that changed since the start",
            changed.size()));
  }

  @Override
  public void close() {
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
