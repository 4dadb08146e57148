// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.identity.IdentityCollector;
import io.cilium4j.ipam.PodCidrController;
import io.cilium4j.ipam.PodPoolController;
import io.cilium4j.k8s.api.PolicyConditions;
import io.cilium4j.k8s.election.LeaderElection;
import io.cilium4j.k8s.publish.EndpointCollector;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** An election and, for each term that it brings, the duties of a leader. */
final class Operator implements LeaderElection.Listener, AutoCloseable {

  /** The lease that the field's operators elect their leader by. */
  static final String LEASE = "cilium-operator-resource-lock";

  /**
   * The duties of one term.
   *
   * @param podCidrs absent where somebody else gives them
   * @param pools absent where there are none
   * @param conditions absent where there is no Kubernetes
   */
  record Duties(
      Optional<PodCidrController> podCidrs,
      Optional<PodPoolController> pools,
      IdentityCollector identities,
      EndpointCollector endpoints,
      Optional<PolicyConditions> conditions)
      implements AutoCloseable {
    @Override
    public void close() {
      podCidrs.ifPresent(PodCidrController::close);
      pools.ifPresent(PodPoolController::close);
      identities.close();
      endpoints.close();
      conditions.ifPresent(PolicyConditions::close);
    }
  }

  private final ClusterStore store;
  private final OperatorConfig config;
  private final Scheduler electionThread;
  private final Scheduler dutyThread;
  private final Optional<OperatorKubernetes> kubernetes;
  private final LeaderElection election;
  private final AtomicReference<@Nullable Duties> duties = new AtomicReference<>();

  /**
   * An operator that is not started.
   *
   * @param identity of this process, which no other ever has
   * @param kubernetes what it does beside if there is one; stays the caller's to close
   * @param electionThread does nothing else, so that no duty holds a renewal up
   */
  Operator(
      ClusterStore store,
      OperatorConfig config,
      String identity,
      Optional<OperatorKubernetes> kubernetes,
      Scheduler electionThread,
      Scheduler dutyThread) {
    this.store = store;
    this.config = config;
    this.kubernetes = kubernetes;
    this.electionThread = electionThread;
    this.dutyThread = dutyThread;
    this.election =
        new LeaderElection(store, LEASE, identity, config.election(), electionThread, this);
  }

  /** Starts one with threads of its own. */
  static Operator start(
      ClusterStore store,
      OperatorConfig config,
      String identity,
      Optional<OperatorKubernetes> kubernetes) {
    var operator =
        new Operator(
            store,
            config,
            identity,
            kubernetes,
            Scheduler.ofThread("election"),
            Scheduler.ofThread("duties"));
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
            config.ranges().isEmpty()
                ? Optional.empty()
                : Optional.of(new PodCidrController(store, config.ranges(), term, dutyThread)),
            config.pools().map(created -> new PodPoolController(store, created, term, dutyThread)),
            new IdentityCollector(store, config.identities(), term, dutyThread),
            new EndpointCollector(store, config.endpointInterval(), term, dutyThread),
            kubernetes.map(each -> each.conditions(term)));
    replaceDuties(begun);
    begun.podCidrs().ifPresent(PodCidrController::start);
    begun.pools().ifPresent(PodPoolController::start);
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
