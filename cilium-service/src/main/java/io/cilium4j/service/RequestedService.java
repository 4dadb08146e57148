// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.ServiceRefusedException.Part;
import java.util.List;

/**
 * A service that a client of the API asked for, by number.
 *
 * @param number its number, 1 to 65535
 * @param request as it was asked for
 * @param keys where it is asked, of one address and port; the first stands for it
 * @param places its backends, each once
 * @param problem what of it is not used, and why; empty if all is
 */
public record RequestedService(
    long number,
    ServiceRequest request,
    List<FrontendKey> keys,
    List<PlacedBackend> places,
    String problem)
    implements FrontendOwner {

  public RequestedService {
    keys = List.copyOf(keys);
    places = List.copyOf(places);
  }

  /** Where it is asked, by the first of its protocols. */
  public FrontendKey key() {
    return keys.getFirst();
  }

  /**
   * The service of what was asked for.
   *
   * @param keys of one address and port, one a protocol; at least one
   * @throws ServiceRefusedException if there can be no such service
   */
  public static RequestedService of(
      long number, ServiceRequest request, List<FrontendKey> keys, List<PlacedBackend> places) {
    FrontendKey key = keys.getFirst();
    if (number < 1 || number > ServiceNumbers.MAX) {
      throw refused(Part.FRONTEND, "id " + number + ": wanted 1 to " + ServiceNumbers.MAX);
    }
    String unfit = UnfitAddresses.ofFrontend(key.address());
    if (!unfit.isEmpty()) {
      throw refused(Part.FRONTEND, "frontend " + key.address() + ": " + unfit);
    }
    for (PlacedBackend place : places) {
      String reason = unfit(key, place);
      if (!reason.isEmpty()) {
        throw refused(Part.BACKENDS, "backend " + place.backend().address() + ": " + reason);
      }
    }
    var problems = new ObjectProblems();
    List<PlacedBackend> merged = Backends.merged(places, "backends", problems);
    return new RequestedService(number, request, keys, merged, problems.line());
  }

  /** Why a backend cannot be asked; empty if it can. */
  private static String unfit(FrontendKey key, PlacedBackend place) {
    IpAddress address = place.backend().address();
    if (address.family() != key.address().family()) {
      return "its frontend " + key.address() + " is of the other family";
    }
    String unfit = UnfitAddresses.ofBackend(address);
    if (!unfit.isEmpty()) {
      return unfit;
    }
    int port = place.backend().port();
    return Backends.isReachable(key.protocol(), key.port(), port)
        ? ""
        : Backends.sctp(key.port(), port);
  }

  private static ServiceRefusedException refused(Part part, String message) {
    return new ServiceRefusedException(part, message);
  }

  @Override
  public String toString() {
    return "service " + number;
  }
}
