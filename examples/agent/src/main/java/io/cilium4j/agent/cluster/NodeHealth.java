// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.agent.cluster.AddressHealth.Reach;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Follower;
import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Comparator;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Probes every node of the cluster, our own included, and answers the probes of the others. The one
 * writer of the table of their health.
 *
 * <p>Addresses stand in a queue. Each interval is divided by their number, and at each of its parts
 * the one that has waited longest is probed and goes to the end; so an address is probed once an
 * interval, and a large cluster is not probed in bursts. An address that is new is probed at once.
 * Probes wait on threads of their own, so many at a time; an address has one probe at work at most,
 * however slow its answer. Everything else happens on the scheduler's thread.
 */
public final class NodeHealth implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(NodeHealth.class);

  /**
   * The agent's task that sees to it that probes are answered. Cilium's clients tell by this name
   * that nodes are probed.
   */
  public static final String CONTROLLER = "cilium-health-ep";

  /**
   * Most threads that wait for answers, two an address. They are no virtual ones: the JDK sends
   * echo requests in native code, which would hold the carriers of everybody else's.
   */
  private static final int MAX_THREADS = 32;

  /** After how long a thread ends that has nothing to wait for. */
  private static final Duration THREAD_IDLE = Duration.ofSeconds(5);

  /** How long the end waits for probes at work; an echo request of the JDK takes a second. */
  private static final Duration END = Duration.ofSeconds(2);

  /** What the table waits for: that the nodes are known. */
  private static final String NODES = "nodes";

  private final HealthConfig config;
  private final ClusterNodes nodes;
  private final Scheduler scheduler;
  private final Probes probes;
  private final Responder responder;
  private final ThreadPoolExecutor threads;
  private final TableWriter<NodeAddress, AddressHealth> health =
      TableWriter.create("node-health", Comparator.naturalOrder(), Set.of(NODES));

  /** Whose turn comes when; used on the scheduler's thread alone, as is what follows. */
  private final Deque<NodeAddress> queue = new ArrayDeque<>();

  private final Map<NodeAddress, CompletableFuture<Void>> atWork = new HashMap<>();
  private final Follower follower;

  /**
   * Nothing moves before the start.
   *
   * @param scheduler its thread does nothing else; closed by whoever made it, after the stop
   * @param threadPrefix the names of the threads that wait for answers begin with it
   */
  public NodeHealth(
      HealthConfig config, ClusterNodes nodes, Scheduler scheduler, String threadPrefix) {
    this(config, nodes, scheduler, threadPrefix, Probes.real(config, Clock.systemUTC()));
  }

  NodeHealth(
      HealthConfig config,
      ClusterNodes nodes,
      Scheduler scheduler,
      String threadPrefix,
      Probes probes) {
    this.config = config;
    this.nodes = nodes;
    this.scheduler = scheduler;
    this.probes = probes;
    this.responder = new Responder(config.port());
    this.follower = nodes.follower(scheduler, this::follow);
    this.threads =
        new ThreadPoolExecutor(
            MAX_THREADS,
            MAX_THREADS,
            THREAD_IDLE.toMillis(),
            TimeUnit.MILLISECONDS,
            // Bounded by the addresses, of which each is at work once at most.
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name(threadPrefix, 0).factory(),
            // After the stop nobody waits for them.
            new ThreadPoolExecutor.DiscardPolicy());
    threads.allowCoreThreadTimeOut(true);
  }

  /** Every address that is probed, and what came of it. */
  public Table<NodeAddress, AddressHealth> health() {
    return health.table();
  }

  /** How long after a probe of an address the next one is. */
  public Duration interval() {
    return config.interval(health.table().snapshot().size());
  }

  /** How many addresses there are of each reach. */
  public Map<Reach, Long> counts() {
    Map<Reach, Long> counts = new EnumMap<>(Reach.class);
    for (Reach reach : Reach.values()) {
      counts.put(reach, 0L);
    }
    for (Row<NodeAddress, AddressHealth> row : health.table().snapshot()) {
      counts.merge(row.value().reach(), 1L, Long::sum);
    }
    return counts;
  }

  /** How many nodes have an address that is not reached. */
  public long unreachableNodes() {
    return health.table().snapshot().stream()
        .filter(row -> row.value().reach() == Reach.UNREACHABLE)
        .map(row -> row.key().node())
        .distinct()
        .count();
  }

  // ---- answering ----

  /**
   * Sees to it that the probes of others are answered on the addresses that our node has now, and
   * that those are probed; to be called again and again. Nothing is done before the nodes are
   * known.
   *
   * @throws IOException if an address cannot be listened on, as when its port is taken
   */
  public void check() throws IOException {
    scheduler.execute(this::follow);
    listen();
  }

  private void listen() throws IOException {
    if (nodes.isComplete()) {
      responder.listenOn(new HashSet<>(nodes.probedAddresses(nodes.self())));
    }
  }

  // ---- probing ----

  @Override
  public void start() {
    follower.start();
    scheduler.execute(this::next);
  }

  @Override
  public void stop() throws InterruptedException {
    follower.stop();
    responder.close();
    threads.shutdownNow();
    if (!threads.awaitTermination(END.toMillis(), TimeUnit.MILLISECONDS)) {
      LOG.warn("probes are still at work after {} s", END.toSeconds());
    }
  }

  /** Brings the rows in line with the nodes. */
  private void follow() {
    if (!nodes.isComplete()) {
      return; // A source that has not spoken yet is not one without nodes.
    }
    try {
      listen(); // Before anybody is asked: we ask ourselves as well.
    } catch (IOException e) {
      LOG.debug("not listening yet error=\"{}\"", e.getMessage()); // The controller tells.
    }
    Set<NodeAddress> wanted = new TreeSet<>();
    nodes
        .all()
        .values()
        .forEach(node ->
            nodes
                .probedAddresses(node)
                .forEach(address -> wanted.add(new NodeAddress(node.name(), address))));
    Set<NodeAddress> added = new TreeSet<>(wanted);
    health.write(batch -> {
      for (Row<NodeAddress, AddressHealth> row : batch.snapshot()) {
        added.remove(row.key());
        if (!wanted.contains(row.key())) {
          batch.remove(row.key());
        }
      }
      added.forEach(address -> batch.put(address, AddressHealth.unknown(address)));
    });
    health.synced(NODES);
    queue.removeIf(address -> !wanted.contains(address));
    for (NodeAddress address : added) {
      queue.addLast(address);
      var _ = probe(address);
    }
  }

  /** Probes the address whose turn it is, and sees to the next turn. */
  private void next() {
    // First, since nobody else would.
    scheduler.schedule(interval().dividedBy(Math.max(1, queue.size())), this::next);
    NodeAddress address = queue.pollFirst();
    if (address != null) {
      queue.addLast(address);
      var _ = probe(address);
    }
  }

  /** Begins a probe, unless one of this address is at work; gives its end. */
  private CompletableFuture<Void> probe(NodeAddress address) {
    CompletableFuture<Void> before = atWork.get(address);
    if (before != null) {
      return before;
    }
    var end = new CompletableFuture<Void>();
    atWork.put(address, end);
    IpAddress to = address.address();
    var _ =
        on(() -> probes.icmp(to))
            .thenCombine(
                on(() -> probes.http(to)),
                (byIcmp, byHttp) -> new AddressHealth(address, byIcmp, byHttp))
            .whenComplete((row, failure) -> scheduler.execute(() -> finish(address, row, failure)));
    return end;
  }

  /** Where the machine has no thread to give, the outcome says so. */
  private CompletableFuture<Probe> on(Supplier<Probe> way) {
    try {
      return CompletableFuture.supplyAsync(way, threads);
    } catch (OutOfMemoryError e) {
      return CompletableFuture.failedFuture(e);
    }
  }

  private void finish(
      NodeAddress address, @Nullable AddressHealth after, @Nullable Throwable failure) {
    CompletableFuture<Void> end = atWork.remove(address);
    if (after == null) {
      LOG.warn("probe failed address=\"{}\"", address, failure);
    } else {
      // It may be gone by now.
      health.table().get(address).ifPresent(before -> write(before, after));
    }
    if (end != null) {
      end.complete(null);
    }
  }

  private void write(AddressHealth before, AddressHealth after) {
    boolean isNews = before.reach() != Reach.UNKNOWN || after.reach() != Reach.REACHABLE;
    if (isNews && before.reach() != after.reach()) {
      LOG.info(
          "node {} node={} address={} error=\"{}\"",
          after.reach(),
          after.address().node(),
          after.address().address(),
          after.error());
    }
    health.put(after.address(), after);
  }

  /**
   * Probes every address now, and waits for what comes of it.
   *
   * @return false when that is not over by the end of {@code atMost}
   */
  public boolean probeAll(Duration atMost) throws InterruptedException {
    var all = new CompletableFuture<Void>();
    scheduler.execute(() -> {
      CompletableFuture<?>[] each =
          queue.stream().map(this::probe).toArray(CompletableFuture<?>[]::new);
      var _ = CompletableFuture.allOf(each).thenRun(() -> all.complete(null));
    });
    try {
      all.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException _) {
      return false;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e); // Nobody completes it so.
    }
  }
}
