// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointExistsException;
import io.cilium4j.agent.UnfitAddressException;
import io.cilium4j.agent.endpoint.OwnedResource.Address;
import io.cilium4j.agent.endpoint.Ownership.Holding;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.identity.EndpointLabels;
import io.cilium4j.identity.EndpointPrefixes;
import io.cilium4j.identity.IdentityAllocator;
import io.cilium4j.identity.LabelFilter;
import io.cilium4j.ipam.AddressInUseException;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.UnusablePrefixes;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What an endpoint has to itself as long as it lives: everything in the {@link Ownership}, its
 * addresses in the IPAM, a reference on its identity, and the ipcache rows that say whose the
 * addresses are.
 *
 * <p>Safe for use by several threads.
 */
public final class EndpointClaims {

  /**
   * What a new endpoint was given.
   *
   * @param id its id
   * @param identity of its labels
   * @param addresses one a family
   */
  record Claim(int id, Identity identity, List<IpAddress> addresses) {}

  private final Ownership ownership;
  private final IpamAllocator ipam;
  private final AddressReservations reservations;
  private final IdentityAllocator identities;
  private final EndpointPrefixes prefixes;
  private final LabelFilter filter;

  /** The identity that each endpoint of these ids has by now. */
  private final Map<Integer, Integer> identityOf = new ConcurrentHashMap<>();

  /**
   * Nothing is claimed yet.
   *
   * @param filter which labels of an endpoint make its identity
   */
  public EndpointClaims(
      Ownership ownership,
      IpamAllocator ipam,
      AddressReservations reservations,
      IdentityAllocator identities,
      EndpointPrefixes prefixes,
      LabelFilter filter) {
    this.ownership = ownership;
    this.ipam = ipam;
    this.reservations = reservations;
    this.identities = identities;
    this.prefixes = prefixes;
    this.filter = filter;
  }

  Ownership ownership() {
    return ownership;
  }

  /** Keeps endpoints from taking an address while others work on it. */
  public static AddressReservations.Guard guard(Ownership ownership) {
    return (address, by) -> {
      try {
        return ownership.keep(address, by)::release;
      } catch (EndpointExistsException e) {
        throw new AddressInUseException(String.valueOf(e.getMessage()));
      }
    };
  }

  /**
   * Takes the names of a pod whose addresses and devices are yet to be made.
   *
   * @throws EndpointExistsException if the pod is an endpoint already
   */
  Holding own(Sandbox wanted) {
    return ownership.take(
        wanted.podName(),
        wanted.names(),
        0,
        List.of(OwnedResource.attachment(wanted.podName(), wanted.names())));
  }

  /**
   * Takes everything that a pod brings along.
   *
   * @throws EndpointExistsException if one of these is another's
   * @throws AgentException if no pod can have one of the addresses
   */
  Holding own(EndpointAttachment wanted) {
    if (wanted.addressOwner() == AddressOwner.OTHERS) {
      wanted.addresses().forEach(address -> requireForeign(address, wanted.podName()));
    }
    return ownership.take(
        wanted.podName(),
        wanted.names(),
        wanted.wantedId(),
        OwnedResource.all(wanted.podName(), wanted.names(), wanted.addresses(), wanted.device()));
  }

  /**
   * Claims everything for a new endpoint.
   *
   * @param holding from {@link #own(Sandbox)}; given back with the rest
   */
  Claim claim(Holding holding, String pod, EndpointDetails details, UndoStack undo) {
    undo.ifFailed(() -> forget(holding));
    Identity identity = claimIdentity(details);
    undo.ifFailed(() -> releasePresent(holding.id(), identity));
    List<IpAddress> addresses =
        ipam
            .allocate(
                reservations.poolsFor(pod, ipam.families()), pod, AddressReservations.PATIENCE)
            .entrySet()
            .stream()
            .sorted(Map.Entry.comparingByKey())
            .map(Map.Entry::getValue)
            .toList();
    addresses.forEach(address -> undo.ifFailed(() -> ipam.release(address, pod)));
    holding.add(addresses.stream().map(Address::new).toList());
    return new Claim(holding.id(), identity, addresses);
  }

  /**
   * Claims everything for a new endpoint whose addresses were chosen before, by {@link
   * AddressReservations#allocate} as a rule.
   *
   * @param holding from {@link #own(EndpointAttachment)}; given back with the rest
   */
  Claim claimGiven(
      Holding holding, EndpointAttachment wanted, EndpointDetails details, UndoStack undo) {
    undo.ifFailed(() -> forget(holding));
    Identity identity = claimIdentity(details);
    undo.ifFailed(() -> releasePresent(holding.id(), identity));
    if (wanted.addressOwner() == AddressOwner.AGENT) {
      for (IpAddress address : wanted.addresses()) {
        claimGiven(address, wanted, undo);
      }
    }
    return new Claim(holding.id(), identity, wanted.addresses());
  }

  /** Whoever took the address for the endpoint is its owner still if this comes to nothing. */
  private void claimGiven(IpAddress address, EndpointAttachment wanted, UndoStack undo) {
    String pod = wanted.podName();
    UUID reservation = wanted.reservations().get(address);
    if (reservation != null) {
      requireOf(address, reservation);
    }
    String holder = ipam.allocations().get(address).orElse(AddressReservations.NOBODY);
    boolean isForIt = holder.equals(AddressReservations.NOBODY) || wanted.isOf(holder);
    if (!isForIt) {
      throw new EndpointExistsException(
          "endpoint " + pod + ": address " + address + " is that of " + holder);
    }
    undo.ifFailed(reservations.handOver(address)::run);
    if (!holder.equals(pod) && ipam.release(address, holder)) {
      undo.ifFailed(() -> ipam.claim(address, holder));
    }
    ipam.claim(address, pod);
    if (!holder.equals(pod)) {
      undo.ifFailed(() -> ipam.release(address, pod));
    }
  }

  private void requireOf(IpAddress address, UUID reservation) {
    if (!reservations.isOf(address, reservation)) {
      throw new UnfitAddressException("address " + address + ": it is reserved anew, for another");
    }
  }

  /**
   * An address that others keep: they must not bring one that stands for something else here.
   *
   * @throws AgentException if it is no pod's, the node's own or its gateway, or one that this agent
   *     gives out
   */
  private void requireForeign(IpAddress address, String pod) {
    Optional<String> unusable = UnusablePrefixes.reason(IpPrefix.host(address));
    String problem =
        unusable.isPresent()
            ? unusable.get()
            : reservations.podCidrs().stream().anyMatch(prefix -> prefix.contains(address))
                ? "it is of the pod CIDRs " + reservations.podCidrs() + " of this node"
                : NodeAddresses.has(address)
                    ? "it is the node's own"
                    : NodeAddresses.isGateway(address) ? "it is a gateway of the node" : "";
    if (!problem.isEmpty()) {
      throw new UnfitAddressException("endpoint " + pod + ": address " + address + ": " + problem);
    }
  }

  /**
   * Claims again what an endpoint of an earlier run had.
   *
   * @param details what its maker said of it, from which its identity's labels follow
   * @return the endpoint, with another number if that of its identity is another's by now
   */
  Endpoint claimAgain(Endpoint former, EndpointDetails details, UndoStack undo) {
    Labels relevant = relevant(details);
    String pod = former.podName();
    if (details.addressOwner() == AddressOwner.OTHERS) {
      former.addresses().forEach(address -> requireForeign(address, pod));
    }
    Holding holding =
        ownership.take(
            pod,
            details.names(),
            former.id(),
            OwnedResource.all(pod, details.names(), former.addresses(), former.device()));
    holding.settled();
    undo.ifFailed(() -> forget(holding));
    if (details.addressOwner() == AddressOwner.AGENT) {
      for (IpAddress address : former.addresses()) {
        ipam.claim(address, pod);
        undo.ifFailed(() -> ipam.release(address, pod));
      }
    }
    Identity identity =
        relevant.equals(former.labels())
            ? identities.restore(new Identity(former.identity(), relevant))
            : identities.allocate(relevant);
    undo.ifFailed(() -> releasePresent(former.id(), identity));
    return former.withIdentity(identity);
  }

  /** Of an endpoint whose labels changed meanwhile the claimed one was given back by then. */
  private void releasePresent(int endpointId, Identity claimed) {
    identities.release(identityOf.getOrDefault(endpointId, claimed.id()));
  }

  /** The prefixes that it gives addresses out of. */
  List<IpPrefix> podCidrs() {
    return reservations.podCidrs();
  }

  /** Takes one more reference on the identity of an endpoint of which this was told. */
  Identity claimIdentity(EndpointDetails details) {
    return identities.allocate(relevant(details));
  }

  private Labels relevant(EndpointDetails details) {
    return EndpointLabels.relevant(details.derivedLabels(), details.userLabels(), filter);
  }

  /** Gives a reference back. */
  void releaseIdentity(int id) {
    identities.release(id);
  }

  /** Gives back everything that the endpoint had. */
  void release(Endpoint endpoint, AddressOwner owner) {
    if (owner == AddressOwner.AGENT) {
      endpoint.addresses().forEach(address -> ipam.release(address, endpoint.podName()));
    }
    identities.release(endpoint.identity());
    identityOf.remove(endpoint.id());
    ownership.release(endpoint.id());
  }

  /** Tells everybody whose the addresses are. */
  void announce(Endpoint endpoint) {
    identityOf.put(endpoint.id(), endpoint.identity());
    prefixes.put(endpoint);
  }

  /** Takes that back. */
  void withdraw(Endpoint endpoint) {
    prefixes.remove(endpoint);
  }

  private void forget(Holding holding) {
    identityOf.remove(holding.id());
    holding.release();
  }
}
