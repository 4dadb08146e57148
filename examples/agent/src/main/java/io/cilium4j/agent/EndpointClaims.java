// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.identity.IdentityAllocator;
import io.cilium4j.identity.Ipcache;
import io.cilium4j.identity.IpcacheSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What an endpoint has to itself as long as it lives: the name of its pod, its id, addresses, a
 * reference on its identity, and the ipcache rows that say whose the addresses are.
 */
final class EndpointClaims {

  /**
   * What a new endpoint was given.
   *
   * @param id its id
   * @param identity of its labels
   * @param addresses one a family
   */
  record Claim(int id, Identity identity, List<IpAddress> addresses) {}

  private final IpamAllocator ipam;
  private final AddressBook book;
  private final IdentityAllocator identities;
  private final Ipcache ipcache;

  private final ReentrantLock lock = new ReentrantLock();

  /** Pods that are an endpoint or are becoming one, with its id. Guarded by the lock. */
  private final Map<String, Integer> pods = new HashMap<>();

  /** The ids of those. Guarded by the lock. */
  private final Set<Integer> ids = new HashSet<>();

  /** The identity that each endpoint of these ids has by now. Guarded by the lock. */
  private final Map<Integer, Integer> identityOf = new HashMap<>();

  /** The id given out last; ids go round, so that one is not soon another's. */
  private int lastId;

  EndpointClaims(
      IpamAllocator ipam, AddressBook book, IdentityAllocator identities, Ipcache ipcache) {
    this.ipam = ipam;
    this.book = book;
    this.identities = identities;
    this.ipcache = ipcache;
  }

  /**
   * Claims everything for a new endpoint.
   *
   * @throws AgentException if the pod is an endpoint already
   */
  Claim claim(String pod, Labels relevant, Undo undo) {
    int id = reserve(pod);
    undo.add(() -> forget(pod, id));
    Identity identity = identities.allocate(relevant);
    undo.add(() -> releasePresent(id, identity));
    List<IpAddress> addresses = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      if (ipam.families().contains(family)) {
        IpAddress address = ipam.allocate(family, pod);
        undo.add(() -> ipam.release(address, pod));
        addresses.add(address);
      }
    }
    return new Claim(id, identity, addresses);
  }

  /**
   * Claims everything for a new endpoint whose addresses were chosen before, by {@link
   * AddressBook#allocate} as a rule.
   *
   * @throws EndpointExistsException if the pod is an endpoint already, or another has its id
   */
  Claim claimGiven(EndpointAttachment wanted, Labels relevant, Undo undo) {
    String pod = wanted.podName();
    int id = wanted.wantedId() == 0 ? reserve(pod) : reserve(pod, wanted.wantedId());
    undo.add(() -> forget(pod, id));
    Identity identity = identities.allocate(relevant);
    undo.add(() -> releasePresent(id, identity));
    if (wanted.addressOwner() == AddressOwner.AGENT) {
      for (IpAddress address : wanted.addresses()) {
        claimGiven(address, wanted, undo);
      }
    }
    return new Claim(id, identity, wanted.addresses());
  }

  /** Whoever took the address for the endpoint is its owner still if this comes to nothing. */
  private void claimGiven(IpAddress address, EndpointAttachment wanted, Undo undo) {
    String pod = wanted.podName();
    String holder = ipam.allocations().get(address).orElse(AddressBook.NOBODY);
    boolean isForIt = holder.equals(AddressBook.NOBODY) || wanted.isOf(holder);
    if (isForIt) {
      book.handOver(address, undo);
    }
    if (isForIt && !holder.equals(pod) && ipam.release(address, holder)) {
      undo.add(() -> ipam.claim(address, holder));
    }
    ipam.claim(address, pod);
    if (!holder.equals(pod)) {
      undo.add(() -> ipam.release(address, pod));
    }
  }

  /**
   * Claims again what an endpoint of an earlier run had.
   *
   * @param relevant the labels that make its identity by now
   * @return the endpoint, with another number if that of its identity is another's by now
   */
  Endpoint claimAgain(Endpoint former, Labels relevant, AddressOwner owner, Undo undo) {
    reserveAgain(former);
    undo.add(() -> forget(former.podName(), former.id()));
    if (owner == AddressOwner.AGENT) {
      for (IpAddress address : former.addresses()) {
        ipam.claim(address, former.podName());
        undo.add(() -> ipam.release(address, former.podName()));
      }
    }
    Identity identity =
        relevant.equals(former.labels())
            ? identities.restore(new Identity(former.identity(), relevant))
            : identities.allocate(relevant);
    undo.add(() -> releasePresent(former.id(), identity));
    return former.withIdentity(identity);
  }

  /** Of an endpoint whose labels changed meanwhile the claimed one was given back by then. */
  private void releasePresent(int endpointId, Identity claimed) {
    int present;
    lock.lock();
    try {
      present = identityOf.getOrDefault(endpointId, claimed.id());
    } finally {
      lock.unlock();
    }
    identities.release(present);
  }

  /** Whether an address of the endpoint is one that this agent gives out. */
  boolean isAddressable(Endpoint endpoint) {
    return endpoint.addresses().stream()
        .anyMatch(address ->
            book.podCidrs().stream().anyMatch(prefix -> prefix.contains(IpPrefix.host(address))));
  }

  /** Takes one more reference on the identity of a label set, for an endpoint that changes. */
  Identity claimIdentity(Labels relevant) {
    return identities.allocate(relevant);
  }

  /** Gives a reference back. */
  void releaseIdentity(int id) {
    identities.release(id);
  }

  /** Gives back everything that the endpoint had. */
  void release(Endpoint endpoint) {
    endpoint.addresses().forEach(address -> ipam.release(address, endpoint.podName()));
    identities.release(endpoint.identity());
    forget(endpoint.podName(), endpoint.id());
  }

  /** Tells everybody whose the addresses are. */
  void announce(Endpoint endpoint) {
    lock.lock();
    try {
      identityOf.put(endpoint.id(), endpoint.identity());
    } finally {
      lock.unlock();
    }
    ipcache.update(batch -> {
      for (IpAddress address : endpoint.addresses()) {
        batch.putIdentity(
            IpPrefix.host(address),
            owner(endpoint),
            IpcacheSource.LOCAL,
            endpoint.identity(),
            Optional.empty());
      }
    });
  }

  /** Takes that back. */
  void withdraw(Endpoint endpoint) {
    ipcache.update(batch -> {
      for (IpAddress address : endpoint.addresses()) {
        batch.removeIdentity(IpPrefix.host(address), owner(endpoint));
      }
    });
  }

  private static String owner(Endpoint endpoint) {
    return "endpoint " + endpoint.id();
  }

  private int reserve(String pod) {
    lock.lock();
    try {
      requireNew(pod);
      if (ids.size() == Endpoint.MAX_ID) {
        throw new AgentException(
            "endpoint " + pod + ": all " + Endpoint.MAX_ID + " endpoint ids are in use");
      }
      do {
        lastId = lastId % Endpoint.MAX_ID + 1;
      } while (!ids.add(lastId));
      pods.put(pod, lastId);
      return lastId;
    } finally {
      lock.unlock();
    }
  }

  private int reserve(String pod, int wantedId) {
    lock.lock();
    try {
      requireNew(pod);
      if (!ids.add(wantedId)) {
        throw new EndpointExistsException(
            "endpoint " + pod + ": another one has the id " + wantedId);
      }
      pods.put(pod, wantedId);
      return wantedId;
    } finally {
      lock.unlock();
    }
  }

  private void requireNew(String pod) {
    Integer taken = pods.get(pod);
    if (taken != null) {
      throw new EndpointExistsException("endpoint " + pod + " exists already, with id " + taken);
    }
  }

  private void reserveAgain(Endpoint former) {
    lock.lock();
    try {
      if (pods.containsKey(former.podName()) || !ids.add(former.id())) {
        throw new AgentException(
            "endpoint " + former.podName() + ": another one has its name or its id");
      }
      pods.put(former.podName(), former.id());
      lastId = Math.max(lastId, former.id());
    } finally {
      lock.unlock();
    }
  }

  private void forget(String pod, int id) {
    lock.lock();
    try {
      pods.remove(pod);
      ids.remove(id);
      identityOf.remove(id);
    } finally {
      lock.unlock();
    }
  }
}
