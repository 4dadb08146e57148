// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentException;
import io.cilium4j.api.model.Prefilter;
import io.cilium4j.api.model.PrefilterSpec;
import io.cilium4j.api.model.PrefilterStatus;
import io.cilium4j.core.IpPrefix;
import java.util.List;

/**
 * {@code /prefilter}. A change is answered once packets are dropped so. What is not carried out yet
 * is realised as empty, at the list's revision, which clients take from there for their next
 * change.
 */
final class PrefilterOperations {

  private static final int WRONG_PREFIX = 461;
  private static final int FAILED = 500;

  private final Agent agent;

  PrefilterOperations(Agent agent) {
    this.agent = agent;
  }

  Response get(Request request) {
    return Response.ok(view());
  }

  private Prefilter view() {
    return new Prefilter(
        agent.prefilter().wanted(), new PrefilterStatus(agent.prefilter().realised()));
  }

  Response add(Request request) throws InterruptedException {
    return change(request, (revision, prefixes) -> agent.prefilter().add(revision, prefixes));
  }

  Response remove(Request request) throws InterruptedException {
    return change(request, (revision, prefixes) -> agent.prefilter().remove(revision, prefixes));
  }

  private interface Change {
    PrefilterSpec make(long revision, List<IpPrefix> prefixes) throws InterruptedException;
  }

  private Response change(Request request, Change change) throws InterruptedException {
    PrefilterSpec wanted = request.body(PrefilterSpec.class);
    List<IpPrefix> prefixes =
        wanted.deny().stream()
            .map(text ->
                IpPrefix.tryParse(text)
                    .orElseThrow(() ->
                        new Refusal(WRONG_PREFIX, "deny: wanted prefixes such as 192.0.2.0/24")))
            .toList();
    try {
      PrefilterSpec _ = change.make(wanted.revision(), prefixes);
      return Response.ok(view());
    } catch (IllegalArgumentException | AgentException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }
}
