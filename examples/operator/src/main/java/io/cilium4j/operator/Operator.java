// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.identity.IdentityCollector;
import io.cilium4j.ipam.PodCidrController;
import io.cilium4j.k8s.election.LeaderElection;
import io.cilium4j.k8s.publish.EndpointCollector;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** An election and, for each term that it brings, the duties of a leader. */
final class Operator implements LeaderElection.Listener, AutoCloseable {

  /** The lease that the field's operators elect their leader by. */
  static final String LEASE = "cilium-operator-resource-lock";

  /** The duties of one term. */
  record Duties(
      PodCidrController podCidrs, IdentityCollector identities, EndpointCollector endpoints)
      implements AutoCloseable {
    @Override
    public void close() {
      podCidrs.close();
      identities.close();
      endpoints.close();
    }
  }

  private final ClusterStore store;
  private final OperatorConfig config;
  private final Scheduler electionThread;
  private final Scheduler dutyThread;
  private final LeaderElection election;
  private final AtomicReference<@Nullable Duties> duties = new AtomicReference<>();

  /**
   * An operator that is not started.
   *
   * @param identity of this process, which no other ever has
   * @param electionThread does nothing else, so that no duty holds a renewal up
   */
  Operator(
      ClusterStore store,
      OperatorConfig config,
      String identity,
      Scheduler electionThread,
      Scheduler dutyThread) {
    this.store = store;
    this.config = config;
    this.electionThread = electionThread;
    this.dutyThread = dutyThread;
    this.election =
        new LeaderElection(store, LEASE, identity, config.election(), electionThread, this);
  }

  /** Starts one with threads of its own. */
  static Operator start(ClusterStore store, OperatorConfig config, String identity) {
    var operator =
        new Operator(
            store, config, identity, Scheduler.ofThread("election"), Scheduler.ofThread("duties"));
    operator.start();
    return operator;
  }

  void start() {
    election.start();
  }

  @Override
  public void leads(Term term) {
    var begun =
        new Duties(
            new PodCidrController(store, config.ranges(), term, dutyThread),
            new IdentityCollector(store, config.identities(), term, dutyThread),
            new EndpointCollector(store, config.endpointInterval(), term, dutyThread));
    replaceDuties(begun);
    begun.podCidrs().start();
    begun.identities().start();
    if (config.endpointInterval().isPositive()) {
      begun.endpoints().start();
    }
  }

  @Override
  public void lost() {
    replaceDuties(null);
  }

  private void replaceDuties(@Nullable Duties next) {
    Duties last = duties.getAndSet(next);
    if (last != null) {
      last.close();
    }
  }

  boolean isLeading() {
    return election.isLeading();
  }

  /** Who leads; empty if nobody does. */
  String leader() {
    return election.leader();
  }

  /** The duties, while it leads. */
  Optional<Duties> duties() {
    return Optional.ofNullable(duties.get());
  }

  /** Ends the duties, and gives the lead to another. */
  @Override
  public void close() {
    electionThread.close();
    replaceDuties(null);
    dutyThread.close();
    election.close();
  }
}
