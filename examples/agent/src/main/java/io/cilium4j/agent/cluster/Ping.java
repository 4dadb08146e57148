// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;

/**
 * Echo requests. The JDK sends them where this process may open raw sockets (CAP_NET_RAW), and
 * where it may not it tries TCP port 7 in silence, which says nothing about ICMP: then nothing is
 * known.
 */
final class Ping {

  /** Number of CAP_NET_RAW, from the kernel's {@code capability.h}. */
  private static final int CAP_NET_RAW = 13;

  private static final Path STATUS = Path.of("/proc/self/status");

  /**
   * How long one attempt waits: the JDK cannot be interrupted meanwhile, and whoever stops the
   * agent waits for it.
   */
  private static final Duration ATTEMPT = Duration.ofSeconds(1);

  private Ping() {}

  /** Whether this process may send echo requests. */
  static boolean isPermitted() {
    try {
      return Files.readAllLines(STATUS).stream()
          .filter(line -> line.startsWith("CapEff:"))
          .map(line -> Long.parseUnsignedLong(line.substring("CapEff:".length()).strip(), 16))
          .anyMatch(capabilities -> (capabilities >> CAP_NET_RAW & 1) == 1);
    } catch (IOException | NumberFormatException _) {
      return false; // Not told: then not had.
    }
  }

  /** Tries until there is an answer, the time is over or the thread is interrupted. */
  static Probe send(IpAddress to, Duration timeout, Clock clock) {
    InetAddress address = to.toInetAddress();
    long end = System.nanoTime() + timeout.toNanos();
    long left = timeout.toNanos();
    while (left > 0 && !Thread.currentThread().isInterrupted()) {
      long begin = System.nanoTime();
      long millis = Math.clamp(Duration.ofNanos(left).toMillis(), 1, (int) ATTEMPT.toMillis());
      try {
        if (address.isReachable((int) millis)) {
          return new Probe.Reached(Duration.ofNanos(System.nanoTime() - begin), clock.instant());
        }
      } catch (IOException e) {
        return new Probe.Failed(ProbeError.of(e), clock.instant());
      }
      left = end - System.nanoTime();
    }
    return new Probe.Failed(ProbeError.TIMEOUT, clock.instant());
  }
}
