// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.Table;
import io.cilium4j.service.ServiceRefusedException.Part;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Puts and removes services for clients, who have an answer when the datapath has the service.
 *
 * <p>Safe for use by several threads.
 *
 * @param <R> in which words clients ask for services
 */
public final class RequestedServices<R extends ServiceRequest> {

  /** How long the datapath may take; a row takes it a millisecond. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** How soon a failure is noticed. */
  private static final Duration LOOK = Duration.ofMillis(50);

  private final ServiceController controller;
  private final StoredTable<Long, R> requests;
  private final Optional<Reconciler<RowKey, Row>> reconciler;

  /** Held while a service is put or deleted, so that no two of them have one frontend. */
  private final ReentrantLock lock = new ReentrantLock();

  /**
   * Services.
   *
   * @param requests what clients asked for, by number, which the controller follows; nobody else
   *     writes it
   * @param reconciler carries the controller's rows out; absent where nobody does
   */
  public RequestedServices(
      ServiceController controller,
      StoredTable<Long, R> requests,
      Optional<Reconciler<RowKey, Row>> reconciler) {
    this.controller = controller;
    this.requests = requests;
    this.reconciler = reconciler;
  }

  /** What clients asked for, by number. */
  public Table<Long, R> requests() {
    return requests.table();
  }

  /**
   * Whether the datapath has a frontend as it is wanted: nothing, where it is for nobody inside.
   */
  public boolean isRealised(Frontend frontend) {
    return frontend.isInForce()
        && (frontend.isForOutsideOnly() || frontend.keys().stream().allMatch(this::isRealised));
  }

  private boolean isRealised(FrontendKey key) {
    return reconciler
        .flatMap(each -> each.status(key))
        .filter(RowStatus.Done.class::isInstance)
        .isPresent();
  }

  /**
   * Puts a service, and waits until the datapath holds it.
   *
   * @return whether it is new
   * @throws ServiceRefusedException if it makes no sense, or if its number or frontend is another
   *     service's; then nothing changes
   * @throws io.cilium4j.core.state.StorageException if it cannot be stored; then nothing changes
   * @throws ServiceException if it is stored, and the datapath does not hold it: that is tried
   *     again
   */
  public boolean put(long number, R wanted) throws InterruptedException {
    RequestedService service = wanted.read(number);
    boolean isNew;
    long revision;
    lock.lockInterruptibly();
    try {
      refuseTaken(service);
      isNew = !requests.table().snapshot().contains(number);
      if (!controller.numbers().choose(number)) {
        throw refused("id " + number + ": a frontend of Kubernetes has this number");
      }
      try {
        requests.put(number, wanted);
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
      throw new ServiceException(
          service + " is kept, and not carried out: " + frontend.get().refusal());
    }
    await(number, service.keys(), revision);
    return isNew;
  }

  private void refuseTaken(RequestedService service) {
    for (FrontendKey key : service.keys()) {
      OptionalLong other = holder(key);
      if (other.isPresent() && other.getAsLong() != service.number()) {
        throw refused(key + " is that of the service " + other.getAsLong() + " already");
      }
    }
    IpAddress address = service.key().address();
    if (controller.isOccupied(address)) {
      throw refused(address + " is a node's or a pod's own address");
    }
  }

  /** The number of the service that has a frontend; absent if nobody has it. */
  private OptionalLong holder(FrontendKey key) {
    if (controller.rows().get(key).orElse(null) instanceof FrontendRow row) {
      return OptionalLong.of(row.service());
    }
    // The datapath has no row of those that are for clients outside alone.
    for (var row : controller.frontends().snapshot()) {
      if (row.value().isForOutsideOnly() && row.value().key().equals(key)) {
        return OptionalLong.of(row.key());
      }
    }
    if (!controller.rows().isInitialised()) {
      for (var row : requests.table().snapshot()) {
        if (isAt(row.key(), row.value(), key)) {
          return OptionalLong.of(row.key());
        }
      }
    }
    return OptionalLong.empty();
  }

  private static boolean isAt(long number, ServiceRequest request, FrontendKey key) {
    try {
      return request.read(number).keys().contains(key);
    } catch (ServiceRefusedException _) {
      return false; // It is at no address.
    }
  }

  private static ServiceRefusedException refused(String message) {
    return new ServiceRefusedException(Part.FRONTEND, message);
  }

  /**
   * Removes a service that was put, and waits until the datapath does not hold it any more.
   *
   * @return false if there is none
   * @throws ServiceException if it is Kubernetes', or if the datapath holds it still
   */
  public boolean delete(long number) throws InterruptedException {
    Optional<Frontend> former;
    long revision;
    lock.lockInterruptibly();
    try {
      former = controller.frontends().get(number);
      if (former.isPresent() && former.get().owner() instanceof KubernetesService service) {
        throw new ServiceException("service " + number + " is " + service + " of Kubernetes");
      }
      if (!requests.delete(number)) {
        return false;
      }
      controller.numbers().unchoose(number);
      revision = controller.round();
    } finally {
      lock.unlock();
    }
    if (former.isPresent()) {
      await(number, former.get().keys(), revision);
    }
    return true;
  }

  private void await(long number, List<FrontendKey> keys, long revision)
      throws InterruptedException {
    for (FrontendKey key : keys) {
      await(number, key, revision);
    }
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

  private static ServiceException notYet(long number, String why) {
    return new ServiceException(
        "service " + number + " is not carried out yet, and is tried again: " + why);
  }
}
