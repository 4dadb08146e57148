// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointClaim;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.EndpointExistsException;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The index of what endpoints have to themselves: ids, attachments, addresses, devices. All that an
 * endpoint wants is taken at once before any work on it starts, or nothing is; who comes second is
 * refused with the name of the first. It is held until the endpoint is gone, and given back once.
 *
 * <p>An endpoint is made and deleted by one at a time: who deletes one in the making waits until it
 * is made or has failed. Who wants what one on its way out still has waits until that is gone.
 *
 * <p>Safe for use by several threads.
 */
public final class Ownership {

  private final ReentrantLock lock = new ReentrantLock();

  /** Guarded by the lock, as everything of a holding but its own lock. */
  private final Map<OwnedResource, Holding> owners = new HashMap<>();

  private final Map<Integer, Holding> byId = new HashMap<>();

  /** The id given out last; ids go round, so that one is not soon another's. */
  private int lastId;

  /** What one owner has. */
  final class Holding {
    private final int id;
    private final String podName;
    private Names names;
    private final Set<OwnedResource> resources = new LinkedHashSet<>();

    /** Taken while the endpoint is made or deleted, and so from the beginning. */
    private final Semaphore atWork = new Semaphore(0);

    /** Whether all of it will be given back as soon as the work is done. */
    private boolean leaves;

    private Holding(int id, String podName, Names names) {
      this.id = id;
      this.podName = podName;
      this.names = names;
    }

    /** The id of the endpoint; 0 for an owner that is none. */
    int id() {
      return id;
    }

    /**
     * Takes more.
     *
     * @throws EndpointExistsException if one of these is another's; then none is taken
     */
    void add(Collection<? extends OwnedResource> more) {
      lock.lock();
      try {
        requireFree(this, more);
        enter(this, more);
      } finally {
        lock.unlock();
      }
    }

    /** Gives everything back; no error if that is done. */
    void release() {
      lock.lock();
      try {
        resources.forEach(resource -> owners.remove(resource, this));
        byId.remove(id, this);
      } finally {
        lock.unlock();
      }
    }

    /** Says that its endpoint is on its way out: from now on who wants its resources waits. */
    void leave() {
      lock.lock();
      try {
        leaves = true;
      } finally {
        lock.unlock();
      }
    }

    /** Ends the time in which the endpoint is made or deleted. */
    void settled() {
      atWork.release();
    }

    private EndpointClaim claim() {
      Set<IpAddress> addresses = new HashSet<>();
      for (OwnedResource resource : resources) {
        if (resource instanceof OwnedResource.Address(IpAddress address)) {
          addresses.add(address);
        }
      }
      return new EndpointClaim(id, podName, names, addresses);
    }

    private String shown() {
      return id == 0 ? podName : "endpoint " + id + " (" + podName + ")";
    }
  }

  /**
   * Takes an id and everything that is known to be needed, for an endpoint that is to be made; who
   * wants to delete it waits until {@link Holding#settled}.
   *
   * @param wantedId its id; 0 for any
   * @throws EndpointExistsException if one of these is another's; then none is taken
   */
  Holding take(
      String podName, Names names, int wantedId, Collection<? extends OwnedResource> resources) {
    lock.lock();
    try {
      requireFreeId(podName, wantedId);
      var holding = new Holding(wantedId == 0 ? nextId(podName) : wantedId, podName, names);
      requireFree(holding, resources);
      byId.put(holding.id, holding);
      lastId = wantedId == 0 ? holding.id : lastId;
      enter(holding, resources);
      return holding;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Keeps an address from all endpoints while its keeper works on it; the caller gives it back.
   *
   * @param by who works on it, for those that are refused meanwhile
   * @throws EndpointExistsException if an endpoint has it or is to have it
   */
  Holding keep(IpAddress address, String by) {
    lock.lock();
    try {
      var holding = new Holding(0, by, Names.NONE);
      List<OwnedResource> resources = List.of(new OwnedResource.Address(address));
      requireFree(holding, resources);
      enter(holding, resources);
      return holding;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Gives an endpoint other names in place of those it has.
   *
   * @return takes the change back
   * @throws EndpointExistsException if they are another's; then nothing changes
   */
  Runnable rename(int id, Names changed) {
    lock.lock();
    try {
      Holding holding = byId.get(id);
      if (holding == null) {
        return () -> {};
      }
      Names before = holding.names;
      OwnedResource former = OwnedResource.attachment(holding.podName, before);
      OwnedResource next = OwnedResource.attachment(holding.podName, changed);
      requireFree(holding, List.of(next));
      owners.remove(former, holding);
      holding.resources.remove(former);
      enter(holding, List.of(next));
      holding.names = changed;
      return () -> {
        var _ = rename(id, before);
      };
    } finally {
      lock.unlock();
    }
  }

  /** Gives back everything of an endpoint; no error if it has nothing. */
  void release(int id) {
    lock.lock();
    try {
      Holding holding = byId.get(id);
      if (holding != null) {
        holding.release();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until an endpoint is made, and keeps others from it until {@link Holding#settled}; absent
   * if there is none of this id by then.
   */
  Optional<Holding> enter(int id) {
    Holding holding = holding(id);
    if (holding == null) {
      return Optional.empty();
    }
    holding.atWork.acquireUninterruptibly();
    if (holding(id) == holding) {
      return Optional.of(holding);
    }
    holding.settled();
    return Optional.empty();
  }

  /**
   * Waits until an owner that is {@linkplain Holding#leave on its way out} is gone.
   *
   * @return whether it is gone by now; false at once of one that stays
   */
  boolean awaitGone(int id) {
    Holding holding = holding(id);
    if (holding == null) {
      return id != 0;
    }
    if (!leaves(holding)) {
      return false;
    }
    holding.atWork.acquireUninterruptibly();
    holding.settled();
    return holding(id) != holding;
  }

  private boolean leaves(Holding holding) {
    lock.lock();
    try {
      return holding.leaves;
    } finally {
      lock.unlock();
    }
  }

  private @Nullable Holding holding(int id) {
    lock.lock();
    try {
      return byId.get(id);
    } finally {
      lock.unlock();
    }
  }

  /** What each endpoint has, those in the making and on their way out included. */
  List<EndpointClaim> claims() {
    lock.lock();
    try {
      return byId.values().stream().map(Holding::claim).toList();
    } finally {
      lock.unlock();
    }
  }

  /** Gives out no id up to this one before all others: somebody may have it still. */
  void passOver(int id) {
    lock.lock();
    try {
      lastId = Math.max(lastId, id);
    } finally {
      lock.unlock();
    }
  }

  // ---- under the lock ----

  private void requireFreeId(String podName, int wantedId) {
    if (wantedId == Endpoint.HOST_ID) {
      throw new EndpointExistsException(
          "endpoint " + podName + ": the id " + wantedId + " is that of the node itself", wantedId);
    }
    Holding other = byId.get(wantedId);
    if (other != null) {
      throw new EndpointExistsException(
          "endpoint " + podName + ": the id " + wantedId + " is that of " + other.podName,
          wantedId);
    }
  }

  private int nextId(String podName) {
    if (byId.size() >= Endpoint.HOST_ID - 1) {
      throw new AgentException(
          "endpoint " + podName + ": all " + (Endpoint.HOST_ID - 1) + " endpoint ids are in use");
    }
    int id = lastId;
    do {
      id = id % (Endpoint.HOST_ID - 1) + 1;
    } while (byId.containsKey(id));
    return id;
  }

  private void requireFree(Holding holding, Collection<? extends OwnedResource> resources) {
    for (OwnedResource resource : resources) {
      Holding other = owners.get(resource);
      if (other == null && resource instanceof OwnedResource.Attachment attachment) {
        other = strangerIn(attachment.containerId(), holding.podName);
      }
      if (other != null && other != holding) {
        throw new EndpointExistsException(
            resource instanceof OwnedResource.Pod(String podName, String _)
                ? "endpoint " + podName + " exists already, with id " + other.id
                : (holding.id == 0 ? "" : "endpoint " + holding.podName + ": ")
                    + resource
                    + " is that of "
                    + other.shown(),
            other.id);
      }
    }
  }

  /** An endpoint of the container and of another pod: a container is one pod's. */
  private @Nullable Holding strangerIn(String containerId, String podName) {
    for (Holding each : byId.values()) {
      if (each.names.containerId().equals(containerId)
          && !Endpoint.kubernetesName(each.podName).equals(Endpoint.kubernetesName(podName))) {
        return each;
      }
    }
    return null;
  }

  private void enter(Holding holding, Collection<? extends OwnedResource> resources) {
    for (OwnedResource resource : resources) {
      owners.put(resource, holding);
      holding.resources.add(resource);
    }
  }
}
