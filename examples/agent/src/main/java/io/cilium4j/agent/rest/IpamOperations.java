// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.IPAMAddressResponse;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.ipam.AddressInUseException;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.AddressReservations.Taken;
import io.cilium4j.ipam.AddressReservations.Term;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** {@code /ipam}: addresses for who has no endpoint yet. */
final class IpamOperations {

  private static final int CONFLICT = 409;
  private static final int FAILED = 500;
  private static final int FAMILY_DISABLED = 501;
  private static final int NOT_ALLOCATED = 502;

  private final Agent agent;
  private final AddressReservations book;

  IpamOperations(Agent agent) {
    this.agent = agent;
    this.book = agent.addresses();
  }

  Response allocate(Request request) {
    Optional<String> pool = request.query("pool").filter(name -> !name.isEmpty());
    checkPool(pool, NOT_ALLOCATED);
    String owner = request.query("owner").orElse(AddressReservations.NOBODY);
    Term term = request.headerFlag("expiration") ? Term.UNTIL_DEADLINE : Term.PERMANENT;
    List<IpFamily> families = wantedFamilies(request);
    try {
      Map<IpFamily, String> pools =
          pool.isPresent()
              ? families.stream().collect(Collectors.toMap(Function.identity(), _ -> pool.get()))
              : book.poolsFor(owner, families);
      return Response.json(Response.CREATED, view(book.allocate(pools, owner, term)));
    } catch (IpamException | StorageException | IllegalArgumentException e) {
      throw new Refusal(NOT_ALLOCATED, String.valueOf(e.getMessage()));
    }
  }

  private List<IpFamily> wantedFamilies(Request request) {
    String family = request.query("family").orElse("").toLowerCase(Locale.ROOT);
    return switch (family) {
      case "" -> book.families().stream().sorted().toList();
      case "ipv4" -> List.of(IpFamily.IPV4);
      case "ipv6" -> List.of(IpFamily.IPV6);
      default -> throw Refusal.invalid("family: wanted ipv4 or ipv6");
    };
  }

  /** Where there are no pools there is one for all. */
  private void checkPool(Optional<String> pool, int status) {
    if (!book.hasPools() && pool.filter(name -> !name.equals(NodePool.DEFAULT)).isPresent()) {
      throw new Refusal(status, "pool: there is none but " + NodePool.DEFAULT);
    }
  }

  private void checkPool(Request request, IpAddress address) {
    Optional<String> pool = request.query("pool").filter(name -> !name.isEmpty());
    checkPool(pool, FAILED);
    Optional<String> present = book.poolOf(address);
    if (pool.isPresent() && present.isPresent() && !pool.equals(present)) {
      throw new Refusal(FAILED, "pool: address " + address + " is of pool " + present.get());
    }
  }

  private String pool(Taken taken) {
    return book.poolOf(taken.address()).orElse(NodePool.DEFAULT);
  }

  private IPAMResponse view(Map<IpFamily, Taken> taken) {
    var pair = AddressPair.builder();
    Taken v4 = taken.get(IpFamily.IPV4);
    Taken v6 = taken.get(IpFamily.IPV6);
    if (v4 != null) {
      pair.ipv4(v4.address().toString()).ipv4PoolName(pool(v4)).ipv4ExpirationUuid(reservation(v4));
    }
    if (v6 != null) {
      pair.ipv6(v6.address().toString()).ipv6PoolName(pool(v6)).ipv6ExpirationUuid(reservation(v6));
    }
    return new IPAMResponse(pair.build(), view(v4), view(v6), NodeView.addressing(agent));
  }

  private static String reservation(Taken taken) {
    return taken.reservation().map(UUID::toString).orElse("");
  }

  private @Nullable IPAMAddressResponse view(@Nullable Taken taken) {
    if (taken == null) {
      return null;
    }
    IpAddress address = taken.address();
    List<String> prefixes =
        book.podCidrs().stream()
            .filter(each -> each.contains(address))
            .map(IpPrefix::toString)
            .toList();
    String gateway = book.router(address.family()).map(IpAddress::toString).orElse("");
    return new IPAMAddressResponse(
        address.toString(), gateway, prefixes, "", reservation(taken), "");
  }

  Response claim(Request request) {
    IpAddress address = address(request);
    checkPool(request, address);
    try {
      book.claim(address, request.query("owner").orElse(AddressReservations.NOBODY));
    } catch (AddressInUseException e) {
      throw new Refusal(CONFLICT, String.valueOf(e.getMessage()));
    } catch (IpamException | StorageException | IllegalArgumentException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
    return Response.done();
  }

  Response release(Request request) {
    IpAddress address = address(request);
    checkPool(request, address);
    try {
      if (!book.release(address)) {
        throw Refusal.notFound();
      }
    } catch (IpamException | StorageException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
    return Response.done();
  }

  private IpAddress address(Request request) {
    IpAddress address =
        IpAddress.tryParse(request.path("ip"))
            .orElseThrow(() -> Refusal.invalid("address: wanted an IPv4 or IPv6 address"));
    if (!book.families().contains(address.family())) {
      throw new Refusal(FAMILY_DISABLED, "");
    }
    return address;
  }
}
