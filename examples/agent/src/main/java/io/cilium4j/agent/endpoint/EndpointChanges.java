// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.EndpointEvent.Outcome;
import io.cilium4j.agent.EndpointExistsException;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.state.TableWriter;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.UnaryOperator;

/**
 * Changes of endpoints that are there: their labels, names and options. What is changed is in the
 * endpoint's file before it counts.
 *
 * <p>Safe for use by several threads.
 */
public final class EndpointChanges {
  private final EndpointStates endpoints;
  private final TableWriter<Integer, EndpointDetails> details;
  private final EndpointClaims claims;
  private final EndpointStore store;
  private final EndpointLog log;
  private final Enforced enforced;

  /** Held while an endpoint's details are read and written again; never while anybody waits. */
  private final ReentrantLock changing = new ReentrantLock();

  /** Waits until an endpoint is enforced as of a revision of what is wanted. */
  @FunctionalInterface
  interface Enforced {

    /** Fails with an {@link AgentException} if it is not in time. */
    void await(Endpoint endpoint, long revision);
  }

  EndpointChanges(
      EndpointStates endpoints,
      TableWriter<Integer, EndpointDetails> details,
      EndpointClaims claims,
      EndpointStore store,
      EndpointLog log,
      Enforced enforced) {
    this.endpoints = endpoints;
    this.details = details;
    this.claims = claims;
    this.store = store;
    this.log = log;
    this.enforced = enforced;
  }

  /**
   * Gives an endpoint other labels, and waits until its new identity is enforced.
   *
   * @param change its details from the present ones; must not change anything else
   * @return false if there is no such endpoint
   * @throws AgentException if it cannot be kept, and nothing is changed; or if it is not enforced
   *     in time, and will be
   */
  public boolean changeLabels(int id, UnaryOperator<EndpointDetails> change) {
    return changeLabels(id, change, UnaryOperator.identity());
  }

  /**
   * As {@link #changeLabels(int, UnaryOperator)}.
   *
   * @param alsoChanged what else of the endpoint changes with its labels
   */
  public boolean changeLabels(
      int id, UnaryOperator<EndpointDetails> change, UnaryOperator<Endpoint> alsoChanged) {
    Optional<Endpoint> before;
    Endpoint changed;
    long revision;
    changing.lock();
    try {
      Optional<EndpointDetails> present = details.table().get(id);
      if (present.isEmpty()) {
        return false;
      }
      EndpointDetails changedDetails = change.apply(present.get());
      Identity next = claims.claimIdentity(changedDetails);
      UnaryOperator<Endpoint> step =
          endpoint -> hasIdentity(alsoChanged.apply(endpoint.withIdentity(next)));
      try {
        before = keepChanged(id, changedDetails, step);
      } catch (RuntimeException e) {
        claims.releaseIdentity(next.id());
        throw e;
      }
      if (before.isEmpty()) {
        claims.releaseIdentity(next.id());
        return false;
      }
      revision = endpoints.wantedRevision();
      changed = step.apply(before.get());
      claims.announce(changed);
      log.add(id, Outcome.OK, "identity " + next.id() + " by labels", changed.state());
    } finally {
      changing.unlock();
    }
    try {
      enforced.await(changed, revision);
      if (before.get().state() == EndpointState.WAITING_FOR_IDENTITY) {
        // The datapath says nothing where nothing changed for it.
        endpoints.reach(id, EndpointState.READY, Outcome.OK, "policy enforced");
      }
    } finally {
      claims.releaseIdentity(before.get().identity());
    }
    return true;
  }

  private static Endpoint hasIdentity(Endpoint endpoint) {
    return endpoint.state() == EndpointState.WAITING_FOR_IDENTITY
        ? endpoint.withState(EndpointState.NOT_READY)
        : endpoint;
  }

  /**
   * Notes that there is no identity for the labels that an endpoint should have by now. What it had
   * stays in force until {@link #changeLabels} succeeds.
   *
   * @param reason for people
   */
  public void lackIdentity(int id, String reason) {
    endpoints.reach(id, EndpointState.WAITING_FOR_IDENTITY, Outcome.FAILED, reason);
  }

  /**
   * Changes an endpoint, in its file first: nothing counts that the next start would not know of.
   * Gives its former form; absent if there is no such endpoint.
   */
  private Optional<Endpoint> keepChanged(
      int id, EndpointDetails changedDetails, UnaryOperator<Endpoint> change) {
    Optional<Endpoint> present = endpoints.table().get(id);
    if (present.isEmpty()) {
      return Optional.empty();
    }
    store.put(change.apply(present.get()), changedDetails);
    Optional<Endpoint> before =
        endpoints.replace(id, endpoint -> Optional.of(change.apply(endpoint)));
    if (before.isPresent()) {
      details.put(id, changedDetails);
    } else {
      store.remove(id); // It was deleted meanwhile, and its file with it.
    }
    return before;
  }

  /**
   * Sets some of an endpoint's own options.
   *
   * @return false if there is no such endpoint
   */
  public boolean changeOptions(int id, Map<String, Boolean> changed) {
    return changeDetails(
        id, "options " + new TreeMap<>(changed), details -> details.withOptions(changed));
  }

  /**
   * Changes the names by which others know an endpoint.
   *
   * @return false if there is no such endpoint
   * @throws EndpointExistsException if they are another's
   */
  public boolean changeNames(int id, UnaryOperator<Names> change) {
    changing.lock();
    try {
      Optional<EndpointDetails> present = details.table().get(id);
      if (present.isEmpty()) {
        return false;
      }
      Names changed = change.apply(present.get().names());
      Runnable takeBack = claims.ownership().rename(id, changed);
      boolean kept = false;
      try {
        kept = changeDetails(id, "names", details -> details.withNames(changed));
      } finally {
        if (!kept) {
          takeBack.run();
        }
      }
      return kept;
    } finally {
      changing.unlock();
    }
  }

  /** Changes of details that decide nothing of packets. */
  private boolean changeDetails(int id, String what, UnaryOperator<EndpointDetails> change) {
    changing.lock();
    try {
      Optional<EndpointDetails> present = details.table().get(id);
      if (present.isEmpty()) {
        return false;
      }
      EndpointDetails next = change.apply(present.get());
      if (next.equals(present.get())) {
        return true;
      }
      Optional<Endpoint> endpoint = keepChanged(id, next, UnaryOperator.identity());
      endpoint.ifPresent(there -> log.add(id, Outcome.OK, what, there.state()));
      return endpoint.isPresent();
    } finally {
      changing.unlock();
    }
  }

  /**
   * Sends an endpoint on its way out, on which nobody changes it any more; absent if there is none,
   * or it is on its way already. A change of labels is told as a whole before, or not at all: what
   * it told afterwards nobody would take back.
   */
  Optional<Endpoint> leave(int id) {
    changing.lock();
    try {
      return endpoints.become(id, EndpointState.DISCONNECTING);
    } finally {
      changing.unlock();
    }
  }
}
