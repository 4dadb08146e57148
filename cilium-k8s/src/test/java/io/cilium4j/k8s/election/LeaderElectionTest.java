// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.election;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.conformance.MemoryClusterStore.Cluster;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class LeaderElectionTest {
  private static final Duration LEASE = Duration.ofSeconds(15);

  private final Cluster cluster = new Cluster();
  private final ManualScheduler time = new ManualScheduler();

  /** A candidate, with the time that all share and a thread that can be stopped. */
  private final class Candidate implements LeaderElection.Listener, MemoryClusterStore.Faults {
    private final List<Term> terms = new ArrayList<>();
    private final MemoryClusterStore store = cluster.open(this);
    private final LeaderElection election;
    private int lost;
    private boolean isCutOff;
    private boolean answersAreLost;

    Candidate(String name) {
      election = new LeaderElection(store, "lead", name, LeaderElection.Timing.DEFAULT, time, this);
      election.start();
      time.runDue();
    }

    @Override
    public void leads(Term term) {
      terms.add(term);
    }

    @Override
    public void lost() {
      lost++;
    }

    @Override
    public void read() {
      if (isCutOff) {
        throw new ClusterStoreException("cut off");
      }
    }

    @Override
    public void write(Deadline deadline, Runnable write) {
      read();
      write.run();
      if (answersAreLost) {
        throw new ClusterStoreException("no answer");
      }
    }

    boolean leads() {
      return election.isLeading();
    }
  }

  private Lease lease() {
    return cluster.open().leases().read("lead").orElseThrow().value();
  }

  private void pass(Duration by) {
    time.advance(by);
  }

  @Test
  void start_nobodyLeads_leadsAtOnceAndTheOthersWait() {
    var first = new Candidate("first");
    var second = new Candidate("second");
    assertTrue(first.leads());
    assertFalse(second.leads());
    pass(Duration.ofMinutes(10));
    assertTrue(first.leads());
    assertEquals(0, first.lost);
    assertEquals(List.of(), second.terms);
    assertEquals("first", second.election.leader());
    assertEquals(0, lease().transitions());
  }

  @Test
  void look_leaderIsCutOff_endsBeforeAnotherBegins() {
    var first = new Candidate("first");
    var second = new Candidate("second");
    pass(Duration.ofSeconds(60));
    first.isCutOff = true;
    long begin = time.nanoTime();
    while (first.leads()) {
      assertFalse(second.leads());
      pass(Duration.ofMillis(100));
    }
    long end = time.nanoTime() - begin;
    assertTrue(end <= Duration.ofSeconds(10).toNanos(), "led for " + end + " ns");
    while (!second.leads()) {
      pass(Duration.ofMillis(100));
    }
    long gap = time.nanoTime() - begin - end;
    assertTrue(gap >= Duration.ofSeconds(3).toNanos(), "another led after " + gap + " ns");
    assertEquals(1, first.lost);
    assertEquals(1, lease().transitions());
    first.isCutOff = false;
    pass(Duration.ofMinutes(1));
    assertFalse(first.leads());
    assertTrue(first.terms.getFirst().isOver());
  }

  @Test
  void look_renewalsAnswersAreLost_countForOthersAndNotForTheLeader() {
    var first = new Candidate("first");
    var second = new Candidate("second");
    pass(Duration.ofSeconds(4));
    first.answersAreLost = true;
    pass(Duration.ofSeconds(60));
    assertFalse(first.leads());
    assertFalse(second.leads(), "the lease was renewed all the while");
    first.answersAreLost = false;
    pass(Duration.ofSeconds(2));
    assertTrue(first.leads());
    assertNotSame(first.terms.getFirst(), first.terms.getLast());
    assertTrue(first.terms.getFirst().isOver(), "a term never begins again");
  }

  @Test
  void look_clocksOfOthersAreWrong_doesNotMatter() {
    var first = new Candidate("first");
    var store = cluster.open();
    var stored = store.leases().read("lead").orElseThrow();
    var old =
        new Lease("lead", "first", LEASE, 7, java.time.Instant.EPOCH, java.time.Instant.EPOCH);
    assertTrue(
        store.leases().replace(stored, old, Deadline.in(Duration.ofSeconds(10))).isPresent());
    var second = new Candidate("second");
    pass(Duration.ofSeconds(1));
    assertFalse(second.leads());
    assertTrue(first.leads());
  }

  @Test
  void deadline_renewedAWhileAgo_isNeverBehindTheRenewDeadline() {
    var first = new Candidate("first");
    Term term = first.terms.getFirst();
    first.isCutOff = true;
    assertEquals(Duration.ofSeconds(2), term.deadline().left());
    pass(Duration.ofSeconds(9));
    assertEquals(Duration.ofSeconds(1), term.deadline().left());
    pass(Duration.ofSeconds(1));
    assertTrue(term.isOver());
  }

  @Test
  void close_leader_givesTheLeadAway() {
    var first = new Candidate("first");
    var second = new Candidate("second");
    first.election.close();
    assertTrue(first.terms.getFirst().isOver());
    pass(Duration.ofSeconds(2));
    assertTrue(second.leads());
  }

  @Test
  void timing_makesNoSense_isRefused() {
    Duration two = Duration.ofSeconds(2);
    Duration ten = Duration.ofSeconds(10);
    assertThrows(IllegalArgumentException.class, () -> new LeaderElection.Timing(ten, LEASE, two));
    assertThrows(IllegalArgumentException.class, () -> new LeaderElection.Timing(LEASE, ten, ten));
    assertThrows(
        IllegalArgumentException.class,
        () -> new LeaderElection.Timing(Duration.ofMillis(1_500), Duration.ofSeconds(1), two));
  }
}
