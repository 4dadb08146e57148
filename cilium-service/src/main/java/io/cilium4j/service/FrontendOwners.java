// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.Backends.FrontendBackends;
import io.cilium4j.service.ServiceObjects.Resolved;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Who has which frontend. What each address has follows from the objects as they are now and from
 * nothing else, whatever came first; only the numbers are kept. A service that changes makes its
 * addresses be looked at anew, with everybody who wants one of them:
 *
 * <ul>
 *   <li>Of the services of Kubernetes with one ClusterIP the oldest has it, all of it; of those
 *       with one frontend elsewhere the oldest has that one.
 *   <li>What a client of the API wants is refused where Kubernetes, a client with a lower number, a
 *       node or a pod has it.
 * </ul>
 *
 * <p>Used by one thread.
 */
final class FrontendOwners {

  /** What became of an address. */
  record Moved(AddressFrontends before, AddressFrontends after) {}

  /** The service of the API server, whose addresses nobody takes. */
  private static final ResourceKey API_SERVER =
      new ResourceKey(KubernetesService.KIND, "default", "kubernetes");

  private final ServiceObjects objects;
  private final ServiceNumbers numbers;
  private final boolean externalIpMitigation;
  private final Function<IpAddress, Occupant> occupants;

  private final Map<IpAddress, TreeSet<KubernetesService>> claims = new HashMap<>();
  private final Map<Long, RequestedService> given = new HashMap<>();
  private final Map<IpAddress, TreeMap<Long, RequestedService>> givenAt = new HashMap<>();

  /** What each address had at the last look. */
  private final Map<IpAddress, AddressFrontends> present = new HashMap<>();

  private final TreeSet<IpAddress> changedAddresses = new TreeSet<>();

  /** Addresses with a frontend for which there was no number left. */
  private final Set<IpAddress> starved = new HashSet<>();

  private final ServiceProblems problems = new ServiceProblems();

  /** Where in {@code problems} the quarrels about an address stand. */
  private final Map<IpAddress, Set<String>> quarrels = new HashMap<>();

  /** Whose own an address is. */
  enum Occupant {
    NOBODY,
    NODE,
    /** A pod's, or whatever else the cluster has at an address. */
    POD
  }

  /**
   * No services.
   *
   * @param topology where this node is
   * @param redirects whether local redirect policies are carried out
   * @param externalIpMitigation whether external IPs are for those outside only, and none is a
   *     node's
   * @param occupants whose own an address is
   */
  FrontendOwners(
      Topology topology,
      boolean redirects,
      boolean externalIpMitigation,
      ServiceNumbers numbers,
      Function<IpAddress, Occupant> occupants) {
    this.objects =
        new ServiceObjects(topology, new Redirects(topology.node(), redirects, problems), problems);
    this.externalIpMitigation = externalIpMitigation;
    this.numbers = numbers;
    this.occupants = occupants;
  }

  /** Whether objects of the kind say something here. */
  static boolean reads(String kind) {
    return kind.equals(KubernetesService.KIND)
        || kind.equals(EndpointSlice.KIND)
        || kind.equals(RedirectPolicy.KIND);
  }

  /** What is wrong now, a whole line each, by where it is wrong. */
  Map<String, String> problems() {
    return problems.all();
  }

  // ---- what comes in ----

  /** An object is new, or another. */
  void put(RawResource raw) {
    objects.put(raw);
  }

  /** An object is gone. */
  void remove(ResourceKey key) {
    objects.remove(key);
  }

  /** This node is in another zone; empty where nobody says. */
  void zoneChanged(String zone) {
    objects.zoneChanged(zone);
  }

  /** A pod is new, or another. */
  void putPod(Pod pod) {
    objects.putPod(pod);
  }

  /** A pod is gone. */
  void removePod(ResourceKey key) {
    objects.removePod(key);
  }

  /** A client of the API put a service. */
  void putRequest(long number, ServiceRequest request) {
    removeRequest(number);
    try {
      RequestedService service = request.read(number);
      IpAddress address = service.key().address();
      given.put(number, service);
      givenAt.computeIfAbsent(address, _ -> new TreeMap<>()).put(number, service);
      changedAddresses.add(address);
      problems.tell(where(number), service.problem());
    } catch (ServiceRefusedException e) {
      // An earlier version took it.
      problems.tell(where(number), String.valueOf(e.getMessage()));
    }
  }

  /** A client of the API took a service back. */
  void removeRequest(long number) {
    problems.tell(where(number), "");
    RequestedService former = given.remove(number);
    if (former != null) {
      IpAddress address = former.key().address();
      givenAt.computeIfPresent(
          address,
          (_, services) -> {
            services.remove(number);
            return services.isEmpty() ? null : services;
          });
      changedAddresses.add(address);
    }
  }

  /** Whose an address is may be another now. */
  void occupationChanged(IpAddress address) {
    if (givenAt.containsKey(address) || claims.containsKey(address)) {
      changedAddresses.add(address);
    }
  }

  /** As of an address, of each in the prefix. */
  void occupationChanged(IpPrefix prefix) {
    givenAt.keySet().stream().filter(prefix::contains).forEach(changedAddresses::add);
    claims.keySet().stream().filter(prefix::contains).forEach(changedAddresses::add);
  }

  /** An address is this node's now, or is no more. */
  void nodeAddressChanged(IpAddress address, boolean isThere) {
    if (objects.nodeAddressChanged(address, isThere)) {
      changedAddresses.add(address);
    }
  }

  // ---- what follows ----

  /** Works out what changed since the last look: each address whose frontends may be others. */
  List<Moved> look() {
    objects.reread().forEach(this::takeOver);
    changedAddresses.addAll(starved); // Numbers may have been given back.
    changedAddresses.forEach(this::giveNumbersBack);
    List<Moved> moved = new ArrayList<>();
    for (IpAddress address : changedAddresses) {
      var after = new AddressFrontends(address, frontends(address));
      AddressFrontends before =
          after.frontends().isEmpty() ? present.remove(address) : present.put(address, after);
      moved.add(new Moved(before == null ? AddressFrontends.none(address) : before, after));
    }
    changedAddresses.clear();
    return moved;
  }

  /** A service claims its addresses, in place of those that it claimed before. */
  private void takeOver(ServiceObjects.Reread reread) {
    reread
        .before()
        .ifPresent(before -> {
          for (IpAddress address : before.addresses()) {
            changedAddresses.add(address);
            claims.computeIfPresent(
                address,
                (_, all) -> {
                  all.remove(before.service());
                  return all.isEmpty() ? null : all;
                });
          }
        });
    reread
        .after()
        .ifPresent(after -> {
          for (IpAddress address : after.addresses()) {
            changedAddresses.add(address);
            claims.computeIfAbsent(address, _ -> new TreeSet<>()).add(after.service());
          }
        });
    if (reread.key().equals(API_SERVER)) {
      // Where it is nobody else is asked.
      objects.all().forEach(each -> changedAddresses.addAll(each.service().external().addresses()));
    }
  }

  /**
   * The frontends of Kubernetes' services at an address. A ClusterIP is its service's, all of it;
   * elsewhere each frontend is that of the first service that wants it.
   *
   * @param quarrels takes who does not get what it wants, and why
   */
  private SortedMap<FrontendKey, Resolved> claimed(
      IpAddress address, BiConsumer<KubernetesService, String> quarrels) {
    SortedMap<FrontendKey, Resolved> all = new TreeMap<>();
    TreeSet<KubernetesService> claimants = claims.getOrDefault(address, new TreeSet<>());
    Optional<KubernetesService> owner =
        claimants.stream().filter(each -> each.owns(address)).findFirst();
    for (KubernetesService service : claimants) {
      if (owner.isPresent() && !owner.get().equals(service)) {
        String why = service.owns(address) ? ", which is older" : " ClusterIP";
        quarrels.accept(service, address + " is " + owner.get() + "'s" + why);
        continue;
      }
      Resolved resolved = objects.get(service.key()).orElse(null);
      if (resolved == null) {
        continue;
      }
      resolved
          .frontends()
          .forEach((key, behind) -> {
            if (!key.address().equals(address)) {
              return;
            }
            String refusal = refusal(key.address(), behind.type());
            Resolved other = all.get(key);
            if (!refusal.isEmpty()) {
              quarrels.accept(service, refusal);
            } else if (other != null) {
              quarrels.accept(service, key + " is " + other.service() + "'s, which comes first");
            } else {
              all.put(key, resolved);
            }
          });
    }
    return all;
  }

  /** Why a service may not be asked at an address; empty if it may. */
  private String refusal(IpAddress address, FrontendType type) {
    boolean isOccupied =
        switch (type) {
          case CLUSTER_IP, NODE_PORT, HOST_PORT -> false;
          // A node may be its own balancer.
          case LOAD_BALANCER -> !objects.isNodeAddress(address) && isOccupied(address);
          case EXTERNAL_IPS -> isApiServer(address) || isOccupiedForExternal(address);
          case LOCAL_REDIRECT -> isApiServer(address) || isOccupied(address);
        };
    return isOccupied
        ? type.text() + " " + address + " is the own address of a node, a pod or the API server"
        : "";
  }

  private boolean isOccupied(IpAddress address) {
    return occupants.apply(address) != Occupant.NOBODY;
  }

  private boolean isOccupiedForExternal(IpAddress address) {
    return switch (occupants.apply(address)) {
      case NOBODY -> false;
      case NODE -> externalIpMitigation;
      case POD -> true;
    };
  }

  private boolean isApiServer(IpAddress address) {
    return objects
        .get(API_SERVER)
        .filter(server ->
            server.frontends().values().stream()
                .flatMap(each -> each.places().stream())
                .anyMatch(each -> each.backend().address().equals(address)))
        .isPresent();
  }

  /** Before anybody is given a new one. */
  private void giveNumbersBack(IpAddress address) {
    AddressFrontends before = present.get(address);
    if (before == null) {
      return;
    }
    Set<FrontendKey> wanted = claimed(address, (_, _) -> {}).keySet();
    for (Frontend frontend : before.frontends()) {
      if (frontend.owner() instanceof KubernetesService && !wanted.contains(frontend.key())) {
        numbers.release(frontend.key());
      }
    }
  }

  private List<Frontend> frontends(IpAddress address) {
    starved.remove(address);
    quarrels.getOrDefault(address, Set.of()).forEach(problems::remove);
    quarrels.remove(address);
    List<Frontend> frontends = new ArrayList<>();
    Map<FrontendKey, FrontendOwner> owners = new HashMap<>();
    claimed(address, (loser, line) -> quarrel(address, loser, line))
        .forEach((key, resolved) -> {
          KubernetesService owner = resolved.service();
          owners.put(key, owner);
          OptionalInt number = numbers.of(key);
          if (number.isEmpty()) {
            starved.add(address);
            quarrel(address, owner, "there are more than " + ServiceNumbers.MAX + " frontends");
            return;
          }
          FrontendBackends behind = Objects.requireNonNull(resolved.frontends().get(key));
          frontends.add(
              new Frontend(
                  number.getAsInt(),
                  key,
                  behind.type(),
                  owner,
                  behind.places(),
                  owner.affinitySeconds(),
                  "",
                  behind.policy(),
                  externalIpMitigation && behind.type() == FrontendType.EXTERNAL_IPS));
        });
    for (RequestedService service : givenAt.getOrDefault(address, new TreeMap<>()).values()) {
      FrontendOwner other =
          service.keys().stream()
              .map(owners::get)
              .filter(Objects::nonNull)
              .findFirst()
              .orElse(null);
      if (other == null) {
        service.keys().forEach(key -> owners.put(key, service));
      }
      String refusal = refusal(service, other);
      if (!refusal.isEmpty()) {
        quarrel(address, service, refusal);
      }
      frontends.add(
          new Frontend(
              (int) service.number(),
              service.key(),
              FrontendType.CLUSTER_IP,
              service,
              service.places(),
              0,
              refusal));
    }
    return frontends;
  }

  private String refusal(RequestedService service, @Nullable FrontendOwner other) {
    if (other != null) {
      return service.key() + " is " + other + "'s";
    }
    return isOccupied(service.key().address())
        ? service.key().address() + " is a node's or a pod's own address"
        : "";
  }

  private void quarrel(IpAddress address, FrontendOwner loser, String line) {
    String where = loser + " " + address;
    problems.add(where, loser + ": " + line);
    quarrels.computeIfAbsent(address, _ -> new HashSet<>()).add(where);
  }

  private static String where(long number) {
    return "service " + number;
  }

  /** The frontends of Kubernetes that have a number. */
  Set<FrontendKey> numbered() {
    Set<FrontendKey> keys = new HashSet<>();
    present
        .values()
        .forEach(each ->
            each.frontends().stream()
                .filter(frontend -> frontend.owner() instanceof KubernetesService)
                .forEach(frontend -> keys.add(frontend.key())));
    return keys;
  }
}
