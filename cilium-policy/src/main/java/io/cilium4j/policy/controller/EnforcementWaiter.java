// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Table;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Whether the datapath enforces what the tables said at some revision: first the controller must
 * have seen it, then the reconciler must have carried out what followed.
 */
public final class EnforcementWaiter {

  /** How often a wait looks whether the datapath has refused, in place of getting done. */
  private static final Duration LOOK = Duration.ofMillis(100);

  private final PolicyController controller;
  private final Reconciler<RowKey, Row> reconciler;

  /** Waits for what the controller writes and the reconciler carries out. */
  public EnforcementWaiter(PolicyController controller, Reconciler<RowKey, Row> reconciler) {
    this.controller = controller;
    this.reconciler = reconciler;
  }

  /**
   * Waits until the datapath is in line with an endpoint, or with its absence, as of a revision of
   * the table of endpoints.
   *
   * @return why it is not; absent when it is
   */
  public Optional<String> await(EndpointKey endpoint, long revision, Duration atMost) {
    long end = System.nanoTime() + atMost.toNanos();
    try {
      Optional<Long> desired = controller.awaitSeen(revision, atMost);
      if (desired.isEmpty()) {
        return Optional.of("its policy was not compiled within " + atMost.toSeconds() + " s");
      }
      while (!reconciler.awaitRealised(endpoint, desired.get(), LOOK)) {
        if (reconciler.status(endpoint).orElse(null) instanceof RowStatus.Failed failed) {
          return Optional.of(failed.message());
        }
        if (System.nanoTime() - end > 0) {
          return Optional.of(lateness(atMost));
        }
      }
      return Optional.empty();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("interrupted while it was brought to the datapath");
    }
  }

  /**
   * Waits until it is known what the datapath is to have after a change of the ipcache; {@link
   * #isEnforced} tells whether it has.
   *
   * @param revision of the table of the ipcache
   * @return whether it is known
   */
  public boolean awaitAddresses(long revision, Duration atMost) throws InterruptedException {
    return controller.awaitAddresses(revision, atMost).isPresent();
  }

  /**
   * Whether the datapath has an endpoint and these addresses as it is to have them by now. Rows of
   * others do not matter: one that fails holds up nobody else.
   */
  public boolean isEnforced(int endpointId, Collection<IpAddress> addresses) {
    return isDone(new EndpointKey(endpointId))
        && addresses.stream().allMatch(each -> isDone(new IpcacheKey(IpPrefix.host(each))));
  }

  private boolean isDone(RowKey key) {
    return reconciler.status(key).map(RowStatus.Done.class::isInstance).orElse(true);
  }

  /** Changes whenever {@link #isEnforced} may have become another. */
  public Table<RowKey, RowStatus> progress() {
    return reconciler.statuses();
  }

  private String lateness(Duration atMost) {
    var inputs = controller.desired().snapshot().pendingInputs();
    return inputs.isEmpty()
        ? "the datapath did not take it within " + atMost.toSeconds() + " s"
        : "nothing is enforced yet: the manifests were not read within "
            + atMost.toSeconds()
            + " s";
  }

  /**
   * Waits until every endpoint has in the datapath what followed from a change of the policies.
   *
   * @return why it has not; absent when all have
   */
  public Optional<String> await(PolicyRevision revision, Duration atMost)
      throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    Optional<Long> desired = controller.awaitSeen(revision, atMost);
    if (desired.isEmpty()) {
      return Optional.of("not compiled within " + atMost.toMillis() + " ms");
    }
    Duration left = Duration.ofNanos(Math.max(0, end - System.nanoTime()));
    if (reconciler.awaitRealised(desired.get(), left)) {
      return Optional.empty();
    }
    List<String> failed = new ArrayList<>();
    for (var row : reconciler.statuses().snapshot()) {
      if (row.value() instanceof RowStatus.Failed failure) {
        failed.add(row.key() + ": " + failure.message());
      }
    }
    return Optional.of(failed.isEmpty() ? lateness(atMost) : String.join("; ", failed));
  }
}
