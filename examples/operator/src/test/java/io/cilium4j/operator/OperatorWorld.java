// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.k8s.election.LeaderElection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Operators of which one leads, while everything goes wrong that may: processes that stop for a
 * while or for good between any two of their steps, writes that are lost, late or carried out
 * without an answer, tables that lag.
 *
 * @param <D> the duty of a leader
 */
abstract class OperatorWorld<D> {

  /** A fault that somebody might build in, to see that it would be found. */
  enum Seeded {
    NOTHING,
    /** A leader that does not ask whether he still is. */
    NO_FENCE,
    /** A leader that begins with what his table says. */
    STALE_LIST
  }

  private static final int OPERATORS = 3;

  final Random random;
  private final Seeded seeded;
  final Simulation time = new Simulation();
  private final MemoryClusterStore.Cluster cluster = new MemoryClusterStore.Cluster();

  /** The world's own view, which is never behind. */
  final ClusterStore world = cluster.open();

  final List<Contender> processes = new ArrayList<>();

  /** Writes that will be carried out although their writers were told otherwise. */
  private final List<Runnable> late = new ArrayList<>();

  private boolean isCalm;
  private int born;

  OperatorWorld(long seed, Seeded seeded) {
    this.random = new Random(seed);
    this.seeded = seeded;
  }

  /** To be called once all is there that operators begin with. */
  void startOperators() {
    for (int i = 0; i < OPERATORS; i++) {
      processes.add(new Contender());
    }
  }

  /** Makes and starts the duty of a leader. */
  abstract D begin(ClusterStore store, Term term, Scheduler thread);

  abstract void end(D duty);

  /** Sees that nothing is as it must not be. */
  abstract void check();

  /** An operator. */
  final class Contender implements LeaderElection.Listener, MemoryClusterStore.Faults {
    private final Simulation.Fiber electing;
    private final Simulation.Fiber working;
    final MemoryClusterStore store;
    private final LeaderElection election;
    private @Nullable Term term;
    @Nullable D duty;
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
      duty = begin(used, asked, working);
    }

    @Override
    public void lost() {
      term = null;
      D mine = duty;
      if (mine != null) {
        end(mine);
      }
      duty = null;
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

  /**
   * Makes a step of operators.
   *
   * @param what 0 to 86: what happens
   */
  void operate(int what) {
    if (what < 62) {
      run();
    } else if (what < 74) {
      pass();
    } else if (what < 78) {
      pause();
    } else if (what < 83) {
      any().store.setLagging(random.nextBoolean());
    } else if (what < 86) {
      landOne();
    } else if (random.nextInt(4) == 0) {
      Contender process = any();
      process.crash();
      processes.remove(process);
      processes.add(new Contender());
    }
  }

  private Contender any() {
    return processes.get(random.nextInt(processes.size()));
  }

  List<Simulation.Fiber> fibers() {
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

  static Deadline now() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private void landOne() {
    if (!late.isEmpty()) {
      late.remove(random.nextInt(late.size())).run();
    }
  }

  // ---- what must hold ----

  long leaders() {
    return processes.stream().filter(each -> each.term != null && !each.term.isOver()).count();
  }

  static void require(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
  }

  /**
   * Lets all go well for a while.
   *
   * @param others what else happens, again and again
   */
  void calm(Duration lasting, Runnable others) {
    isCalm = true;
    late.forEach(Runnable::run);
    late.clear();
    processes.forEach(each -> {
      each.pausedUntilNanos = 0;
      each.store.setLagging(false);
    });
    long end = time.nanoTime() + lasting.toNanos();
    while (time.nanoTime() < end) {
      List<Simulation.Fiber> ready = Simulation.ready(fibers());
      if (ready.isEmpty()) {
        time.advance(Duration.ofMillis(500));
        others.run();
      } else {
        ready.forEach(Simulation.Fiber::step);
      }
      check();
    }
    isCalm = false;
  }

  void close() {
    processes.forEach(Contender::crash);
  }
}
