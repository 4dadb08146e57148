// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.Recorder;
import io.cilium4j.api.model.RecorderFilter;
import io.cilium4j.api.model.RecorderMask;
import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.api.model.RecorderStatus;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.state.Row;
import java.util.List;
import java.util.Set;

/**
 * {@code /recorder}. Of a recording that does not go on what is realised has no filter; it is there
 * all the same, since clients take a recording's number from it. There are no masks: they belong to
 * maps that this datapath does not have.
 */
final class RecorderOperations {

  private static final int FAILED = 500;

  /** Largest number of a recording: it is 16 bits wide in every map. */
  private static final long MAX_ID = 65_535;

  private static final int MAX_PORT = 65_535;

  private static final Set<String> PROTOCOLS = Set.of("", "TCP", "UDP", "SCTP", "ANY");

  private final Agent agent;

  RecorderOperations(Agent agent) {
    this.agent = agent;
  }

  Response list(Request request) {
    return Response.ok(
        agent.recorder().table().snapshot().stream().map(Row::value).map(this::view).toList());
  }

  Response get(Request request) {
    return Response.ok(
        agent
            .recorder()
            .table()
            .get(request.pathNumber("id"))
            .map(this::view)
            .orElseThrow(Refusal::notFound));
  }

  private Recorder view(RecorderSpec spec) {
    return new Recorder(
        spec,
        new RecorderStatus(
            agent.recorder().isRunning(spec.id())
                ? spec
                : new RecorderSpec(spec.id(), spec.captureLength(), List.of())));
  }

  Response put(Request request) {
    long id = request.pathNumber("id");
    RecorderSpec wanted = request.body(RecorderSpec.class);
    if (id < 1 || id > MAX_ID || (wanted.id() != 0 && wanted.id() != id)) {
      throw new Refusal(FAILED, "id: wanted that of the path, 1 to " + MAX_ID);
    }
    if (wanted.captureLength() < 0 || wanted.filters().isEmpty()) {
      throw new Refusal(FAILED, "wanted a capture length of 0 or more, and at least one filter");
    }
    wanted.filters().forEach(RecorderOperations::check);
    try {
      boolean isNew =
          agent.recorder().put(id, new RecorderSpec(id, wanted.captureLength(), wanted.filters()));
      return Response.empty(isNew ? Response.CREATED : Response.OK);
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  private static void check(RecorderFilter filter) {
    boolean good =
        isPrefix(filter.srcPrefix())
            && isPrefix(filter.dstPrefix())
            && isPort(filter.srcPort())
            && isPort(filter.dstPort())
            && PROTOCOLS.contains(filter.protocol());
    if (!good) {
      throw new Refusal(
          FAILED, "filters: wanted prefixes, ports and a protocol (TCP, UDP, SCTP, ANY)");
    }
  }

  private static boolean isPrefix(String text) {
    return text.isEmpty() || IpPrefix.tryParse(text).isPresent();
  }

  private static boolean isPort(String text) {
    return text.isEmpty() || (text.matches("[0-9]{1,5}") && Integer.parseInt(text) <= MAX_PORT);
  }

  Response delete(Request request) {
    boolean wasThere;
    try {
      wasThere = agent.recorder().delete(request.pathNumber("id"));
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
    if (!wasThere) {
      throw Refusal.notFound();
    }
    return Response.done();
  }

  Response masks(Request request) {
    return Response.ok(List.<RecorderMask>of());
  }
}
