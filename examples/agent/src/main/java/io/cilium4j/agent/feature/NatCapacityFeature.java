// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Scheduler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells when the kernel's own NAT, by which pods reach the outside and clients outside reach
 * services, has no room or no port for new connections.
 */
public final class NatCapacityFeature implements Feature {
  private static final Logger LOG = LoggerFactory.getLogger(NatCapacityFeature.class);

  private static final Duration LOOK = Duration.ofSeconds(5);

  /** From how full on it is told, in percent. */
  private static final int FULL_PERCENT = 95;

  /** Fewer than this within a look may be two packets of one client that met. */
  private static final int MANY_TAKEN = 10;

  /** Columns of the kernel's counters, each line of which is one processor's. */
  private static final int INSERT_FAILED = 9;

  private static final int DROP = 10;
  private static final int EARLY_DROP = 11;

  /**
   * What the kernel counts.
   *
   * @param taken connections whose translation another one had when they began
   * @param dropped those for which there was no room
   * @param displaced those that made room for others
   */
  record Counts(long entries, long max, long taken, long dropped, long displaced) {}

  private final Path proc;
  private final Scheduler thread;
  private final BooleanSupplier isUsed;
  private volatile Optional<Counts> counts = Optional.empty();
  private volatile String problem = "";

  /** Looks at nothing yet. */
  public NatCapacityFeature(
      FeatureContext context, MasqueradeFeature masquerade, NodePortFeature nodePorts) {
    this(
        Path.of("/proc"),
        context.thread("nat-capacity"),
        () -> !masquerade.families().isEmpty() || nodePorts.isOn());
  }

  /**
   * Looks at nothing yet.
   *
   * @param proc the kernel's folder
   * @param isUsed whether the kernel translates anything for us
   */
  NatCapacityFeature(Path proc, Scheduler thread, BooleanSupplier isUsed) {
    this.proc = proc;
    this.thread = thread;
    this.isUsed = isUsed;
  }

  @Override
  public void join(Lifecycle lifecycle) {
    lifecycle.add("capacity of NAT", TableUpkeep.atStart(() -> thread.execute(this::repeat)));
  }

  private void repeat() {
    look();
    thread.schedule(LOOK, this::repeat);
  }

  private void look() {
    if (!isUsed.getAsBoolean()) {
      return;
    }
    Optional<Counts> before = counts;
    try {
      counts = Optional.of(read());
    } catch (IOException | IllegalArgumentException _) {
      counts = Optional.empty(); // The kernel tracks nothing here yet, or does not count.
    }
    String line = counts.map(now -> line(before.orElse(now), now)).orElse("");
    if (!line.isEmpty() && problem.isEmpty()) {
      LOG.warn("NAT is exhausted reason=\"{}\"", line);
    }
    problem = line;
  }

  private Counts read() throws IOException {
    Path settings = proc.resolve("sys/net/netfilter");
    long[] sums = new long[EARLY_DROP + 1];
    List<String> lines = Files.readAllLines(proc.resolve("net/stat/nf_conntrack"));
    for (String line : lines.subList(1, lines.size())) {
      String[] columns = line.strip().split("\\s+", -1);
      for (int i = 0; i < sums.length; i++) {
        sums[i] += Long.parseLong(columns[i], 16);
      }
    }
    return new Counts(
        number(settings.resolve("nf_conntrack_count")),
        number(settings.resolve("nf_conntrack_max")),
        sums[INSERT_FAILED],
        sums[DROP],
        sums[EARLY_DROP]);
  }

  /** Not by readString, which reads a byte first: behind it such a file ends. */
  private static long number(Path file) throws IOException {
    return Long.parseLong(String.join("", Files.readAllLines(file)).strip());
  }

  private static String line(Counts before, Counts now) {
    if (now.dropped > before.dropped || now.entries * 100 >= now.max * FULL_PERCENT) {
      return "the kernel tracks %,d connections of at most %,d (net.netfilter.nf_conntrack_max):"
              .formatted(now.entries, now.max)
          + " new ones to the outside and from the outside are dropped when it is full";
    }
    long taken = now.taken - before.taken;
    return taken >= MANY_TAKEN
        ? "%,d new connections to or from the outside were dropped within %d s: their ports are taken"
            .formatted(taken, LOOK.toSeconds())
        : "";
  }

  @Override
  public Map<String, String> problems() {
    String line = problem;
    return line.isEmpty() ? Map.of() : Map.of("NAT", line);
  }

  @Override
  public List<MetricFamily> metrics() {
    Optional<Counts> now = counts;
    return now.map(all ->
            List.of(
                MetricFamily.gauge(
                    "cilium_kernel_conntrack_entries",
                    "Connections that the kernel itself tracks, for its NAT",
                    all.entries),
                MetricFamily.gauge("cilium_kernel_conntrack_max", "How many it can track", all.max),
                new MetricFamily(
                    "cilium_kernel_conntrack_drops_total",
                    Kind.COUNTER,
                    "Connections that the kernel dropped: no room, port taken, displaced",
                    List.of(
                        Sample.Value.of(Map.of("reason", "full"), all.dropped),
                        Sample.Value.of(Map.of("reason", "taken"), all.taken),
                        Sample.Value.of(Map.of("reason", "displaced"), all.displaced)))))
        .orElse(List.of());
  }
}
