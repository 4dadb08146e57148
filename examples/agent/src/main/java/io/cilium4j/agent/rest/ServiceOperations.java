// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.service.ServiceRefusedException;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * {@code /service} and {@code /lrp}. A service of which the datapath has nothing is realised
 * without backends: clients take number, frontend and kind of a service from what is realised.
 */
final class ServiceOperations {

  private static final int WRONG_FRONTEND = 460;
  private static final int WRONG_BACKEND = 461;
  private static final int FAILED = 500;

  /** The kind of a service of which none is told; clients expect that each has one. */
  private static final ServiceSpec.Flags CLUSTER_IP =
      ServiceSpec.Flags.builder().type("ClusterIP").build();

  private static final Set<String> SCOPES = Set.of("external", "internal");

  private final Agent agent;

  ServiceOperations(Agent agent) {
    this.agent = agent;
  }

  Response list(Request request) {
    return Response.ok(agent.services().all());
  }

  Response get(Request request) {
    return Response.ok(
        agent.services().get(request.pathNumber("id")).orElseThrow(Refusal::notFound));
  }

  /** Answers once the datapath holds it. */
  Response put(Request request) throws InterruptedException {
    long id = request.pathNumber("id");
    ServiceSpec wanted = request.body(ServiceSpec.class);
    if (wanted.id() != 0 && wanted.id() != id) {
      throw new Refusal(WRONG_FRONTEND, "id: wanted that of the path");
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
    } catch (ServiceRefusedException e) {
      throw new Refusal(
          switch (e.part()) {
            case FRONTEND -> WRONG_FRONTEND;
            case BACKENDS -> WRONG_BACKEND;
          },
          String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  /** With what clients insist on when they read it: a scope, and a protocol in small letters. */
  private static @Nullable FrontendAddress frontend(@Nullable FrontendAddress frontend) {
    if (frontend == null) {
      return null;
    }
    String scope = frontend.scope().isEmpty() ? "external" : frontend.scope();
    if (!SCOPES.contains(scope)) {
      throw new Refusal(
          WRONG_FRONTEND, "frontend-address.scope \"" + scope + "\": wanted external or internal");
    }
    String protocol = frontend.protocol().toLowerCase(Locale.ROOT);
    return new FrontendAddress(
        frontend.ip(), protocol.isEmpty() ? "tcp" : protocol, scope, frontend.port());
  }

  private static BackendAddress backend(BackendAddress backend) {
    return new BackendAddress(
        backend.ip(),
        backend.port(),
        backend.nodeName(),
        backend.state().isEmpty() ? "active" : backend.state(),
        backend.preferred(),
        backend.weight());
  }

  Response delete(Request request) throws InterruptedException {
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
            .map(source ->
                RedirectReader.read(
                    source.resources().snapshot(),
                    agent.serviceFrontends().snapshot(),
                    source.pods().snapshot()))
            .orElse(List.of()));
  }
}
