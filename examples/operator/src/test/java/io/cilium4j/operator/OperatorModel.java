// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.ipam.ClusterPool;
import io.cilium4j.ipam.PodCidrController;
import io.cilium4j.k8s.election.LeaderElection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A cluster whose operators give pod CIDRs while everything goes wrong that may: processes that
 * stop for a while or for good between any two of their steps, writes that are lost, late or
 * carried out without an answer, tables that lag, nodes that come and go. After each step it is
 * seen to that nothing happened that must not.
 */
final class OperatorModel {

  /** A fault that somebody might build in, to see that it would be found. */
  enum Seeded {
    NOTHING,
    /** A leader that does not ask whether he still is. */
    NO_FENCE,
    /** A leader that begins with what his table says. */
    STALE_LIST
  }

  /** Eight CIDRs, so that they run out and each leak shows. */
  private static final int CIDRS = 8;

  private static final int MAX_NODES = 10;
  private static final int OPERATORS = 3;

  private static final ClusterPool.Range RANGE =
      new ClusterPool.Range(IpPrefix.parse("10.0.0.0/21"), 24);

  private final Random random;
  private final Seeded seeded;
  private final Simulation time = new Simulation();
  private final MemoryClusterStore.Cluster cluster = new MemoryClusterStore.Cluster();

  /** The world's own view, which is never behind. */
  private final ClusterStore world = cluster.open();

  private final List<Contender> processes = new ArrayList<>();

  /** Writes that will be carried out although their writers were told otherwise. */
  private final List<Runnable> late = new ArrayList<>();

  /** What each node that lives was given. */
  private final Map<String, List<IpPrefix>> given = new HashMap<>();

  private boolean isCalm;
  private int born;

  OperatorModel(long seed, Seeded seeded) {
    this.random = new Random(seed);
    this.seeded = seeded;
    for (int i = 0; i < OPERATORS; i++) {
      processes.add(new Contender());
    }
  }

  /** An operator. */
  private final class Contender implements LeaderElection.Listener, MemoryClusterStore.Faults {
    private final Simulation.Fiber electing;
    private final Simulation.Fiber working;
    private final MemoryClusterStore store;
    private final LeaderElection election;
    private @Nullable Term term;
    private @Nullable PodCidrController controller;
    private long pausedUntilNanos;

    Contender() {
      String name = "operator-" + born++;
      electing = time.new Fiber(name + "-election");
      working = time.new Fiber(name + "-duties");
      store = cluster.open(this);
      election =
          new LeaderElection(store, "lead", name, LeaderElection.Timing.DEFAULT, electing, this);
      election.start();
    }

    @Override
    public void leads(Term begun) {
      term = begun;
      ClusterStore used = seeded == Seeded.STALE_LIST ? new StaleList(store) : store;
      Term asked =
          seeded == Seeded.NO_FENCE
              ? () -> Deadline.in(Duration.ofSeconds(2), time::nanoTime)
              : begun;
      controller = new PodCidrController(used, List.of(RANGE), asked, working);
      controller.start();
    }

    @Override
    public void lost() {
      term = null;
      PodCidrController mine = controller;
      if (mine != null) {
        mine.close();
      }
      controller = null;
    }

    private void gate() {
      electing.gate();
      working.gate();
    }

    @Override
    public void read() {
      gate();
      if (!isCalm && random.nextInt(40) == 0) {
        throw new ClusterStoreException("no answer");
      }
    }

    @Override
    public void write(Deadline deadline, Runnable write) {
      gate();
      int fate = isCalm ? 9 : random.nextInt(30);
      if (deadline.isOver()) {
        throw new ClusterStoreException("time is over");
      }
      switch (fate) {
        case 0 -> throw new ClusterStoreException("lost");
        case 1 -> {
          write.run();
          throw new ClusterStoreException("no answer, and yet done");
        }
        case 2 -> {
          late.add(() -> {
            if (!deadline.isOver()) {
              write.run();
            }
          });
          throw new ClusterStoreException("no answer, and done later");
        }
        default -> write.run();
      }
    }

    void crash() {
      electing.crash();
      working.crash();
      store.close();
    }
  }

  // ---- steps ----

  /** Makes a step; throws if something is wrong after it. */
  void step() {
    int what = random.nextInt(100);
    if (what < 62) {
      run();
    } else if (what < 74) {
      pass();
    } else if (what < 79) {
      join();
    } else if (what < 83) {
      leave();
    } else if (what < 86) {
      touch();
    } else if (what < 90) {
      pause();
    } else if (what < 95) {
      any().store.setLagging(random.nextBoolean());
    } else if (what < 98) {
      landOne();
    } else if (random.nextInt(4) == 0) {
      Contender process = any();
      process.crash();
      processes.remove(process);
      processes.add(new Contender());
    }
    check();
  }

  private Contender any() {
    return processes.get(random.nextInt(processes.size()));
  }

  private List<Simulation.Fiber> fibers() {
    var fibers = new ArrayList<Simulation.Fiber>();
    for (Contender process : processes) {
      if (process.pausedUntilNanos <= time.nanoTime()) {
        fibers.add(process.electing);
        fibers.add(process.working);
      }
    }
    return fibers;
  }

  private void run() {
    List<Simulation.Fiber> ready = Simulation.ready(fibers());
    if (ready.isEmpty()) {
      pass();
    } else {
      ready.get(random.nextInt(ready.size())).step();
    }
  }

  private void pass() {
    if (random.nextInt(12) == 0) {
      time.advance(Duration.ofSeconds(random.nextInt(20)));
      return;
    }
    long next =
        fibers().stream().mapToLong(Simulation.Fiber::readyAtNanos).min().orElse(Long.MAX_VALUE);
    if (next == Long.MAX_VALUE) {
      time.advance(Duration.ofMillis(random.nextInt(2_000)));
    } else if (next > time.nanoTime()) {
      time.advance(Duration.ofNanos(next - time.nanoTime()));
    } else {
      time.advance(Duration.ofMillis(random.nextInt(300)));
    }
  }

  /** Most of all it matters to one who is about to write. */
  private void pause() {
    Contender process = any();
    for (Contender each : processes) {
      if (each.working.isInTask() && random.nextInt(3) > 0) {
        process = each;
      }
    }
    process.pausedUntilNanos =
        time.nanoTime() + Duration.ofMillis(random.nextInt(60_000)).toNanos();
  }

  private static Deadline now() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private void join() {
    if (world.nodes().list().size() < MAX_NODES) {
      var node = new ClusterNode("node-" + random.nextInt(2 * MAX_NODES), List.of(), List.of());
      var _ = world.nodes().create(node, now());
    }
  }

  private void leave() {
    List<Stored<ClusterNode>> all = world.nodes().list();
    if (!all.isEmpty()) {
      Stored<ClusterNode> node = all.get(random.nextInt(all.size()));
      world.nodes().delete(node, now());
      given.remove(node.value().name());
    }
  }

  /** The node's agent writes it anew. */
  private void touch() {
    List<Stored<ClusterNode>> all = world.nodes().list();
    if (!all.isEmpty()) {
      Stored<ClusterNode> node = all.get(random.nextInt(all.size()));
      var _ = world.nodes().replace(node, node.value(), now());
    }
  }

  private void landOne() {
    if (!late.isEmpty()) {
      late.remove(random.nextInt(late.size())).run();
    }
  }

  // ---- what must hold ----

  private void check() {
    var taken = new HashMap<IpPrefix, String>();
    for (Stored<ClusterNode> stored : world.nodes().list()) {
      ClusterNode node = stored.value();
      for (IpPrefix cidr : node.podCidrs()) {
        String other = taken.put(cidr, node.name());
        require(other == null, cidr + " is of " + other + " and of " + node.name());
      }
      if (!node.podCidrs().isEmpty()) {
        List<IpPrefix> before = given.putIfAbsent(node.name(), node.podCidrs());
        require(
            before == null || before.equals(node.podCidrs()),
            node.name() + " had " + before + " and has " + node.podCidrs());
      }
    }
    require(leaders() <= 1, "two lead at once");
  }

  private long leaders() {
    return processes.stream().filter(each -> each.term != null && !each.term.isOver()).count();
  }

  private static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  /** Lets all go well for a while, and sees to it that nothing is left undone or leaked. */
  void rest() {
    isCalm = true;
    late.forEach(Runnable::run);
    late.clear();
    processes.forEach(each -> {
      each.pausedUntilNanos = 0;
      each.store.setLagging(false);
    });
    long end = time.nanoTime() + Duration.ofMinutes(1).toNanos();
    while (time.nanoTime() < end) {
      List<Simulation.Fiber> ready = Simulation.ready(fibers());
      if (ready.isEmpty()) {
        time.advance(Duration.ofMillis(500));
      } else {
        ready.forEach(Simulation.Fiber::step);
      }
      check();
    }
    List<Stored<ClusterNode>> nodes = world.nodes().list();
    List<Stored<ClusterNode>> served =
        nodes.stream().filter(node -> !node.value().podCidrs().isEmpty()).toList();
    require(
        served.size() == Math.min(CIDRS, nodes.size()),
        served.size() + " of " + nodes.size() + " nodes have a CIDR of " + CIDRS);
    for (Stored<ClusterNode> node : nodes) {
      require(
          node.value().podCidrs().isEmpty() != node.value().allocationError().isEmpty(),
          "told so: " + node.value());
    }
    require(leaders() == 1, "nobody leads");
    Set<String> book = new HashSet<>();
    for (Contender process : processes) {
      PodCidrController controller = process.controller;
      if (controller != null) {
        controller.given().snapshot().stream()
            .filter(row -> !row.value().podCidrs().isEmpty())
            .forEach(row -> book.add(row.key() + row.value().podCidrs()));
      }
    }
    Set<String> wanted = new HashSet<>();
    served.forEach(node -> wanted.add(node.value().name() + node.value().podCidrs()));
    require(book.equals(wanted), "book " + book + ", nodes " + wanted);
    isCalm = false;
  }

  void close() {
    processes.forEach(Contender::crash);
  }
}
