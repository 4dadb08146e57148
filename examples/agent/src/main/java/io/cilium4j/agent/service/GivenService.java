// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.agent.ServiceRefusedException;
import io.cilium4j.agent.ServiceRefusedException.Part;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A service that a client of the API put.
 *
 * @param spec as it was put
 * @param places its backends, each once
 * @param problem what of it is not used, and why; empty if all is
 */
record GivenService(
    long number, ServiceSpec spec, FrontendKey key, List<Place> places, String problem)
    implements Owner {

  /** Largest number of a service: it is 16 bits wide in every map. */
  private static final long MAX_NUMBER = 65_535;

  private static final int MAX_PORT = 65_535;

  /** What the API calls a backend that has ended and is not gone. */
  private static final String ENDED = "terminating-not-serving";

  GivenService {
    places = List.copyOf(places);
  }

  /** The service of what was put. */
  static GivenService read(long number, ServiceSpec spec) throws ServiceRefusedException {
    if (number < 1 || number > MAX_NUMBER || (spec.id() != 0 && spec.id() != number)) {
      throw refused(
          Part.FRONTEND, "id " + number + ": wanted 1 to " + MAX_NUMBER + ", the same everywhere");
    }
    FrontendKey key = key(spec.frontendAddress());
    List<Place> places = new ArrayList<>();
    for (BackendAddress backend : spec.backendAddresses()) {
      place(key, backend).ifPresent(places::add);
    }
    var complaints = new Complaints();
    List<Place> merged = Backends.merged(places, "backend-addresses", complaints);
    return new GivenService(number, spec, key, merged, complaints.line());
  }

  private static FrontendKey key(@Nullable FrontendAddress frontend) {
    if (frontend == null) {
      throw refused(Part.FRONTEND, "frontend-address: missing");
    }
    IpAddress address =
        IpAddress.tryParse(frontend.ip())
            .orElseThrow(() ->
                refused(
                    Part.FRONTEND,
                    "frontend-address.ip \"" + frontend.ip() + "\": wanted an address"));
    String unfit = UnfitAddresses.ofFrontend(address);
    if (!unfit.isEmpty()) {
      throw refused(Part.FRONTEND, "frontend-address.ip " + address + ": " + unfit);
    }
    checkPort(Part.FRONTEND, "frontend-address", frontend.port());
    Protocol protocol =
        ServicePort.transport(frontend.protocol().isEmpty() ? "tcp" : frontend.protocol())
            .orElseThrow(() ->
                refused(
                    Part.FRONTEND,
                    "frontend-address.protocol \""
                        + frontend.protocol()
                        + "\": wanted tcp, udp or sctp"));
    return new FrontendKey(address, frontend.port(), protocol);
  }

  /** A backend; absent if it has ended. */
  private static Optional<Place> place(FrontendKey key, BackendAddress backend) {
    IpAddress address =
        IpAddress.tryParse(backend.ip())
            .orElseThrow(() ->
                refused(
                    Part.BACKENDS,
                    "backend-addresses \"" + backend.ip() + "\": wanted an address"));
    String where = "backend-addresses " + address;
    String unfit =
        address.family() == key.address().family()
            ? UnfitAddresses.ofBackend(address)
            : "its frontend " + key.address() + " is of the other family";
    if (!unfit.isEmpty()) {
      throw refused(Part.BACKENDS, where + ": " + unfit);
    }
    checkPort(Part.BACKENDS, where, backend.port());
    if (!Backends.isReachable(key.protocol(), key.port(), backend.port())) {
      throw refused(Part.BACKENDS, where + ": " + Backends.sctp(key.port(), backend.port()));
    }
    if (backend.state().equals(ENDED)) {
      return Optional.empty();
    }
    State state =
        backend.state().isEmpty()
            ? State.ACTIVE
            : State.tryParse(backend.state())
                .orElseThrow(() ->
                    refused(
                        Part.BACKENDS,
                        where + ": state \"" + backend.state() + "\" is none that the API knows"));
    Integer weight = backend.weight();
    if (weight != null && (weight < 0 || weight > MAX_PORT)) {
      throw refused(Part.BACKENDS, where + ": weight " + weight + ": wanted 0 to " + MAX_PORT);
    }
    // Without weight it takes nothing new.
    State used = weight != null && weight == 0 ? State.MAINTENANCE : state;
    return Optional.of(new Place(new Backend(address, backend.port(), used), backend.nodeName()));
  }

  private static void checkPort(Part part, String where, int port) {
    if (port < 1 || port > MAX_PORT) {
      throw refused(part, where + ": port " + port + ": wanted 1 to " + MAX_PORT);
    }
  }

  private static ServiceRefusedException refused(Part part, String message) {
    return new ServiceRefusedException(part, message);
  }

  @Override
  public String toString() {
    return "service " + number;
  }
}
