// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointClaim;
import io.cilium4j.agent.EndpointExistsException;
import io.cilium4j.agent.UnfitAddressException;
import io.cilium4j.agent.Wait;
import io.cilium4j.agent.task.KeyedLocks;
import io.cilium4j.api.EndpointId;
import io.cilium4j.api.model.EndpointBatchDeleteRequest;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Row;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code /endpoint}: what a CNI plugin calls, and the lists. */
final class EndpointOperations {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointOperations.class);

  private static final int PARTLY_DONE = 206;
  private static final int CONFLICT = 409;
  private static final int FAILED = 500;

  private final Agent agent;
  private final KeyedLocks locks;
  private final EndpointFinder finder;
  private final EndpointView view;

  EndpointOperations(Agent agent, KeyedLocks locks) {
    this.agent = agent;
    this.locks = locks;
    this.finder = new EndpointFinder(agent);
    this.view = new EndpointView(agent);
  }

  /** Under which key changes of an endpoint are made one at a time, from before it exists. */
  static List<String> keys(String podName) {
    return List.of("endpoint " + podName);
  }

  Response list(Request request) {
    List<Label> wanted = ApiLabels.wanted(request.bodyTexts());
    List<io.cilium4j.api.model.Endpoint> found =
        Stream.concat(
                agent.hostEndpoint().stream(),
                agent.endpoints().snapshot().stream().map(Row::value))
            .filter(each -> ApiLabels.hasAll(view.allLabels(each), wanted))
            .map(view::listed)
            .toList();
    if (found.isEmpty() && !wanted.isEmpty()) {
      throw Refusal.notFound();
    }
    return Response.ok(found);
  }

  Response get(Request request) {
    return Response.ok(view.full(finder.need(request)));
  }

  // ---- creation ----

  Response put(Request request) {
    EndpointId id = EndpointFinder.parse(request.path("id"));
    EndpointChangeRequest wanted = request.body(EndpointChangeRequest.class);
    EndpointAttachment attachment = AttachmentReader.read(id, wanted);
    Wait wait = wanted.syncBuildEndpoint() ? Wait.UNTIL_READY : Wait.NOT;
    Endpoint made = attach(attachment, wait);
    // A client that is gone asks for nothing any more: its runtime tries again with another
    // sandbox.
    return Response.json(Response.CREATED, view.full(made)).ifLost(() -> undo(made));
  }

  private Endpoint attach(EndpointAttachment attachment, Wait wait) {
    try {
      return agent.attachEndpoint(attachment, wait);
    } catch (EndpointExistsException e) {
      throw new Refusal(CONFLICT, String.valueOf(e.getMessage()));
    } catch (UnfitAddressException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  private void undo(Endpoint made) {
    boolean isTheSame =
        agent
            .endpoints()
            .get(made.id())
            .filter(now -> now.device().equals(made.device()))
            .isPresent();
    if (isTheSame) {
      LOG.info("nobody waits for the endpoint id={} pod={}", made.id(), made.podName());
      var _ = agent.removeEndpoint(made.id());
    }
  }

  // ---- change ----

  /**
   * Only what tells others of the endpoint can change, and the labels that its runtime tells: its
   * devices and addresses are those it was made with.
   */
  Response patch(Request request) throws Exception {
    EndpointId id = EndpointFinder.parse(request.path("id"));
    EndpointChangeRequest wanted = request.body(EndpointChangeRequest.class);
    AttachmentReader.checkState(wanted.state());
    Labels labels = ApiLabels.given(wanted.labels());
    Endpoint endpoint = finder.find(id).orElseThrow(Refusal::notFound);
    return locks.with(
        keys(endpoint.podName()),
        () -> {
          Endpoint present = agent.endpoints().get(endpoint.id()).orElseThrow(Refusal::notFound);
          AttachmentReader.checkUnchanged(present, wanted);
          if (!labels.isEmpty()) {
            relabel(present, labels);
          }
          try {
            if (!agent.changeNames(
                present.id(), names -> AttachmentReader.changedNames(names, wanted))) {
              throw Refusal.notFound();
            }
          } catch (EndpointExistsException e) {
            throw new Refusal(CONFLICT, String.valueOf(e.getMessage()));
          }
          return Response.done();
        });
  }

  private void relabel(Endpoint endpoint, Labels labels) {
    try {
      if (!agent.setRuntimeLabels(endpoint.id(), labels)) {
        throw Refusal.notFound();
      }
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    } catch (AgentException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  // ---- deletion ----

  /** An endpoint in the making is found too, and waited for. */
  Response delete(Request request) throws Exception {
    EndpointId id = EndpointFinder.parse(request.path("id"));
    List<EndpointClaim> found = finder.claims(id);
    if (found.size() > 1) {
      throw Refusal.invalid(
          "endpoint id: "
              + id
              + " is of the endpoints "
              + found.stream().map(each -> Integer.toString(each.id())).sorted().toList());
    }
    if (found.isEmpty()) {
      throw Refusal.notFound();
    }
    return deleted(problemsOf(found.getFirst()).orElseThrow(Refusal::notFound));
  }

  Response deleteOfContainer(Request request) throws Exception {
    String container = request.body(EndpointBatchDeleteRequest.class).containerId();
    if (container.isEmpty()) {
      throw Refusal.invalid("container-id: it is missing");
    }
    int problems = 0;
    boolean found = false;
    for (EndpointClaim claim : finder.ofContainer(container)) {
      Optional<List<String>> left = problemsOf(claim);
      found |= left.isPresent();
      problems += left.map(List::size).orElse(0);
    }
    if (!found) {
      throw Refusal.notFound();
    }
    return problems == 0 ? Response.done() : Response.json(PARTLY_DONE, problems);
  }

  private Optional<List<String>> problemsOf(EndpointClaim claim) throws Exception {
    return locks.with(keys(claim.podName()), () -> agent.removeEndpoint(claim.id()));
  }

  private static Response deleted(List<String> problems) {
    return problems.isEmpty() ? Response.done() : Response.json(PARTLY_DONE, problems.size());
  }
}
