// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.Service;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.api.model.ServiceStatus;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Row;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code /service} and {@code /lrp}. Services are kept and not carried out: no program balances
 * load yet, so what is realised of each has no backend. It is there all the same, since clients
 * take number, frontend and kind of a service from it.
 */
final class ServiceOperations {

  private static final int WRONG_FRONTEND = 460;
  private static final int WRONG_BACKEND = 461;
  private static final int FAILED = 500;

  /** Largest number of a service: it is 16 bits wide in every map. */
  private static final long MAX_ID = 65_535;

  private static final int MAX_PORT = 65_535;

  /** The kind of a service of which none is told; clients expect that each has one. */
  private static final ServiceSpec.Flags CLUSTER_IP =
      ServiceSpec.Flags.builder().type("ClusterIP").build();

  private static final Set<String> PROTOCOLS = Set.of("", "tcp", "udp", "sctp", "any", "none");
  private static final Set<String> SCOPES = Set.of("", "external", "internal");
  private static final Set<String> STATES =
      Set.of("", "active", "terminating", "terminating-not-serving", "quarantined", "maintenance");

  private final Agent agent;

  ServiceOperations(Agent agent) {
    this.agent = agent;
  }

  Response list(Request request) {
    return Response.ok(
        agent.services().table().snapshot().stream()
            .map(Row::value)
            .map(ServiceOperations::view)
            .toList());
  }

  Response get(Request request) {
    return Response.ok(
        agent
            .services()
            .table()
            .get(request.pathNumber("id"))
            .map(ServiceOperations::view)
            .orElseThrow(Refusal::notFound));
  }

  static Service view(ServiceSpec spec) {
    var realized =
        new ServiceSpec(spec.id(), spec.frontendAddress(), List.of(), spec.flags(), false);
    return new Service(spec, new ServiceStatus(realized));
  }

  Response put(Request request) {
    long id = request.pathNumber("id");
    ServiceSpec wanted = request.body(ServiceSpec.class);
    if (id < 1 || id > MAX_ID || (wanted.id() != 0 && wanted.id() != id)) {
      throw new Refusal(WRONG_FRONTEND, "id: wanted that of the path, 1 to " + MAX_ID);
    }
    var spec =
        new ServiceSpec(
            id,
            frontend(wanted.frontendAddress()),
            wanted.backendAddresses().stream().map(ServiceOperations::backend).toList(),
            wanted.flags() == null ? CLUSTER_IP : wanted.flags(),
            wanted.updateServices());
    try {
      boolean isNew = agent.services().put(id, spec);
      return Response.empty(isNew ? Response.CREATED : Response.OK);
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  /** With what clients insist on when they read it: a scope, and a protocol in small letters. */
  private static FrontendAddress frontend(@Nullable FrontendAddress frontend) {
    if (frontend == null
        || IpAddress.tryParse(frontend.ip()).isEmpty()
        || isNoPort(frontend.port())
        || !PROTOCOLS.contains(frontend.protocol().toLowerCase(Locale.ROOT))
        || !SCOPES.contains(frontend.scope())) {
      throw new Refusal(
          WRONG_FRONTEND,
          "frontend-address: wanted an address, a port, a protocol (tcp, udp, any) and a scope"
              + " (external, internal)");
    }
    return new FrontendAddress(
        frontend.ip(),
        frontend.protocol().toLowerCase(Locale.ROOT),
        frontend.scope().isEmpty() ? "external" : frontend.scope(),
        frontend.port());
  }

  private static BackendAddress backend(BackendAddress backend) {
    Integer weight = backend.weight();
    if (IpAddress.tryParse(backend.ip()).isEmpty()
        || isNoPort(backend.port())
        || !STATES.contains(backend.state())
        || (weight != null && isNoPort(weight))) {
      throw new Refusal(
          WRONG_BACKEND,
          "backend-addresses: wanted an address, a port, a weight of at most "
              + MAX_PORT
              + " and a state the API knows");
    }
    return new BackendAddress(
        backend.ip(),
        backend.port(),
        backend.nodeName(),
        backend.state().isEmpty() ? "active" : backend.state(),
        backend.preferred(),
        weight);
  }

  private static boolean isNoPort(int number) {
    return number < 0 || number > MAX_PORT;
  }

  Response delete(Request request) {
    try {
      if (!agent.services().delete(request.pathNumber("id"))) {
        throw Refusal.notFound();
      }
      return Response.done();
    } catch (Refusal e) {
      throw e;
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  /** The local redirect policies that Kubernetes has. */
  Response redirects(Request request) {
    return Response.ok(
        agent
            .source()
            .map(source -> RedirectReader.read(source.resources().snapshot()))
            .orElse(List.of()));
  }
}
