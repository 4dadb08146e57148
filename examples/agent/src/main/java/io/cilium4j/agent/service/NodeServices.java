// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.AgentServices;
import io.cilium4j.agent.ServiceRefusedException;
import io.cilium4j.agent.ServiceRefusedException.Part;
import io.cilium4j.api.model.Service;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.api.model.ServiceStatus;
import io.cilium4j.core.spi.Datapath.Capability;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** The services of a node, as clients ask for them. */
public final class NodeServices implements AgentServices {

  /** How long the datapath may take; a row takes it a millisecond. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** How soon a failure is noticed. */
  private static final Duration LOOK = Duration.ofMillis(50);

  private final ServiceController controller;
  private final StoredTable<Long, ServiceSpec> given;
  private final Optional<Reconciler<RowKey, Row>> reconciler;
  private final Supplier<Set<Capability>> capabilities;

  /** Held while a service is put or deleted, so that no two of them have one frontend. */
  private final ReentrantLock lock = new ReentrantLock();

  /**
   * Services.
   *
   * @param given what clients of the API put, by number; nobody else writes it
   * @param reconciler carries the controller's rows out; absent where nobody does
   * @param capabilities of the datapath, as they are at the time
   */
  public NodeServices(
      ServiceController controller,
      StoredTable<Long, ServiceSpec> given,
      Optional<Reconciler<RowKey, Row>> reconciler,
      Supplier<Set<Capability>> capabilities) {
    this.capabilities = capabilities;
    this.controller = controller;
    this.given = given;
    this.reconciler = reconciler;
  }

  @Override
  public List<Service> all() {
    TreeMap<Long, Service> all = new TreeMap<>();
    given.table().snapshot().forEach(row -> all.put(row.key(), kept(row.value())));
    controller.frontends().snapshot().forEach(row -> all.put(row.key(), view(row.value())));
    return List.copyOf(all.values());
  }

  @Override
  public Optional<Service> get(long number) {
    Optional<Service> known = controller.frontends().get(number).map(this::view);
    return known.isPresent() ? known : given.table().get(number).map(NodeServices::kept);
  }

  private Service view(Frontend frontend) {
    boolean isRealized =
        frontend.isInForce()
            && reconciler
                .flatMap(each -> each.status(frontend.key()))
                .filter(RowStatus.Done.class::isInstance)
                .isPresent();
    return isRealized
        ? new Service(frontend.spec(), new ServiceStatus(frontend.realized()))
        : kept(frontend.spec());
  }

  /** A service of which nothing is in the datapath. */
  private static Service kept(ServiceSpec spec) {
    return new Service(spec, new ServiceStatus(Frontend.withBackends(spec, List.of())));
  }

  @Override
  public Table<RowKey, Row> frontends() {
    return controller.rows();
  }

  @Override
  public boolean areCarriedOut() {
    return reconciler.isPresent();
  }

  @Override
  public boolean areForNodeProcesses() {
    return areCarriedOut() && capabilities.get().contains(Capability.SERVES_NODE_PROCESSES);
  }

  @Override
  public boolean put(long number, ServiceSpec wanted) throws InterruptedException {
    GivenService service = GivenService.read(number, wanted);
    boolean isNew;
    long revision;
    lock.lockInterruptibly();
    try {
      refuseTaken(service);
      isNew = !given.table().snapshot().contains(number);
      if (!controller.numbers().choose(number)) {
        throw refused("id " + number + ": a frontend of Kubernetes has this number");
      }
      try {
        given.put(number, wanted);
      } catch (RuntimeException e) {
        if (isNew) {
          controller.numbers().unchoose(number);
        }
        throw e;
      }
      revision = controller.round();
    } finally {
      lock.unlock();
    }
    // Of Kubernetes' there may be news since it was asked.
    Optional<Frontend> frontend = controller.frontends().get(number);
    if (frontend.isPresent() && !frontend.get().isInForce()) {
      throw new AgentException(
          service + " is kept, and not carried out: " + frontend.get().refusal());
    }
    await(number, service.key(), revision);
    return isNew;
  }

  private void refuseTaken(GivenService service) {
    FrontendKey key = service.key();
    OptionalLong other = holder(key);
    if (other.isPresent() && other.getAsLong() != service.number()) {
      throw refused(key + " is that of the service " + other.getAsLong() + " already");
    }
    if (controller.isOccupied(key.address())) {
      throw refused(key.address() + " is a node's or a pod's own address");
    }
  }

  /** The number of the service that has a frontend; absent if nobody has it. */
  private OptionalLong holder(FrontendKey key) {
    if (controller.rows().get(key).orElse(null) instanceof FrontendRow row) {
      return OptionalLong.of(row.service());
    }
    if (!controller.rows().isInitialised()) {
      for (var row : given.table().snapshot()) {
        if (isAt(row.key(), row.value(), key)) {
          return OptionalLong.of(row.key());
        }
      }
    }
    return OptionalLong.empty();
  }

  private static boolean isAt(long number, ServiceSpec spec, FrontendKey key) {
    try {
      return GivenService.read(number, spec).key().equals(key);
    } catch (ServiceRefusedException _) {
      return false; // It is at no address.
    }
  }

  private static ServiceRefusedException refused(String message) {
    return new ServiceRefusedException(Part.FRONTEND, message);
  }

  @Override
  public boolean delete(long number) throws InterruptedException {
    Optional<Frontend> former;
    long revision;
    lock.lockInterruptibly();
    try {
      former = controller.frontends().get(number);
      if (former.isPresent() && former.get().owner() instanceof KubernetesService service) {
        throw new AgentException("service " + number + " is " + service + " of Kubernetes");
      }
      if (!given.delete(number)) {
        return false;
      }
      controller.numbers().unchoose(number);
      revision = controller.round();
    } finally {
      lock.unlock();
    }
    if (former.isPresent()) {
      await(number, former.get().key(), revision);
    }
    return true;
  }

  /** Waits until the datapath has a frontend as it was wanted at a revision, or has none. */
  private void await(long number, FrontendKey key, long revision) throws InterruptedException {
    if (reconciler.isEmpty()) {
      return;
    }
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!reconciler.get().awaitRealised(key, revision, LOOK)) {
      if (reconciler.get().status(key).orElse(null) instanceof RowStatus.Failed failed) {
        throw notYet(number, failed.message());
      }
      if (System.nanoTime() - end > 0) {
        throw notYet(
            number,
            controller.rows().isInitialised()
                ? "the datapath does not answer"
                : "what Kubernetes has is not known yet");
      }
    }
  }

  private static AgentException notYet(long number, String why) {
    return new AgentException(
        "service " + number + " is not carried out yet, and is tried again: " + why);
  }
}
