// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.Backend.State;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.service.PlacedBackend;
import io.cilium4j.service.RequestedService;
import io.cilium4j.service.ServicePort;
import io.cilium4j.service.ServiceRefusedException;
import io.cilium4j.service.ServiceRefusedException.Part;
import io.cilium4j.service.ServiceRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A service in the words of Cilium's REST API.
 *
 * @param spec as it was put
 */
public record SpecRequest(ServiceSpec spec) implements ServiceRequest {

  private static final int MAX_PORT = 65_535;

  /** What the API calls TCP and UDP alike. */
  private static final String ANY = "any";

  /** What the API calls a backend that has ended and is not gone. */
  private static final String ENDED = "terminating-not-serving";

  @Override
  public RequestedService read(long number) {
    if (spec.id() != 0 && spec.id() != number) {
      throw refused(Part.FRONTEND, "id " + spec.id() + ": wanted " + number + ", as in the path");
    }
    List<FrontendKey> keys = keys(spec.frontendAddress());
    List<PlacedBackend> places = new ArrayList<>();
    for (BackendAddress backend : spec.backendAddresses()) {
      place(backend).ifPresent(places::add);
    }
    return RequestedService.of(number, this, keys, places);
  }

  private static List<FrontendKey> keys(@Nullable FrontendAddress frontend) {
    if (frontend == null) {
      throw refused(Part.FRONTEND, "frontend-address: missing");
    }
    IpAddress address =
        IpAddress.tryParse(frontend.ip())
            .orElseThrow(() ->
                refused(
                    Part.FRONTEND,
                    "frontend-address.ip \"" + frontend.ip() + "\": wanted an address"));
    checkPort(Part.FRONTEND, "frontend-address", frontend.port());
    if (frontend.protocol().equals(ANY)) {
      return Stream.of(Protocol.TCP, Protocol.UDP)
          .map(each -> new FrontendKey(address, frontend.port(), each))
          .toList();
    }
    Protocol protocol =
        ServicePort.transport(frontend.protocol().isEmpty() ? "tcp" : frontend.protocol())
            .orElseThrow(() ->
                refused(
                    Part.FRONTEND,
                    "frontend-address.protocol \""
                        + frontend.protocol()
                        + "\": wanted tcp, udp, sctp or any"));
    return List.of(new FrontendKey(address, frontend.port(), protocol));
  }

  /** A backend; absent if it has ended. */
  private static Optional<PlacedBackend> place(BackendAddress backend) {
    IpAddress address =
        IpAddress.tryParse(backend.ip())
            .orElseThrow(() ->
                refused(
                    Part.BACKENDS,
                    "backend-addresses \"" + backend.ip() + "\": wanted an address"));
    String where = "backend-addresses " + address;
    checkPort(Part.BACKENDS, where, backend.port());
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
    return Optional.of(
        new PlacedBackend(new Backend(address, backend.port(), used), backend.nodeName()));
  }

  private static void checkPort(Part part, String where, int port) {
    if (port < 1 || port > MAX_PORT) {
      throw refused(part, where + ": port " + port + ": wanted 1 to " + MAX_PORT);
    }
  }

  private static ServiceRefusedException refused(Part part, String message) {
    return new ServiceRefusedException(part, message);
  }
}
