// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.Agent.Wait;
import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointExistsException;
import io.cilium4j.api.EndpointId;
import io.cilium4j.api.model.EndpointBatchDeleteRequest;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.state.Row;
import java.util.List;
import java.util.Optional;

/** {@code /endpoint}: what a CNI plugin calls, and the lists. */
final class EndpointOperations {

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
        agent.endpoints().snapshot().stream()
            .map(Row::value)
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

  Response put(Request request) throws Exception {
    EndpointId id = EndpointFinder.parse(request.path("id"));
    EndpointChangeRequest wanted = request.body(EndpointChangeRequest.class);
    EndpointAttachment attachment = AttachmentReader.read(id, wanted);
    return locks.with(
        keys(attachment.podName()),
        () -> {
          requireNew(attachment);
          AttachmentReader.confirmAddresses(agent.addresses(), wanted.addressing());
          Wait wait = wanted.syncBuildEndpoint() ? Wait.UNTIL_READY : Wait.NOT;
          return Response.json(Response.CREATED, view.full(attach(attachment, wait)));
        });
  }

  /** An attachment, a name or an address is one endpoint's at a time. */
  private void requireNew(EndpointAttachment attachment) {
    boolean taken =
        attachment.names().attachment().stream()
                .anyMatch(text -> isTaken(new EndpointId(EndpointId.Kind.CNI_ATTACHMENT, text)))
            || isTaken(new EndpointId(EndpointId.Kind.CEP_NAME, attachment.podName()))
            || attachment.addresses().stream()
                .anyMatch(each -> isTaken(new EndpointId(EndpointId.Kind.IPV4, each.toString())));
    if (taken) {
      throw new Refusal(CONFLICT, "");
    }
  }

  private boolean isTaken(EndpointId id) {
    return finder.find(id).isPresent();
  }

  private Endpoint attach(EndpointAttachment attachment, Wait wait) {
    try {
      return agent.attachEndpoint(attachment, wait);
    } catch (EndpointExistsException _) {
      throw new Refusal(CONFLICT, "");
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
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
          if (!agent.changeNames(
              present.id(), names -> AttachmentReader.changedNames(names, wanted))) {
            throw Refusal.notFound();
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

  Response delete(Request request) throws Exception {
    return deleted(problemsOf(finder.need(request)).orElseThrow(Refusal::notFound));
  }

  Response deleteOfContainer(Request request) throws Exception {
    String container = request.body(EndpointBatchDeleteRequest.class).containerId();
    if (container.isEmpty()) {
      throw Refusal.invalid("container-id: it is missing");
    }
    int problems = 0;
    boolean found = false;
    for (Endpoint endpoint : finder.ofContainer(container)) {
      Optional<List<String>> left = problemsOf(endpoint);
      found |= left.isPresent();
      problems += left.map(List::size).orElse(0);
    }
    if (!found) {
      throw Refusal.notFound();
    }
    return problems == 0 ? Response.done() : Response.json(PARTLY_DONE, problems);
  }

  private Optional<List<String>> problemsOf(Endpoint endpoint) throws Exception {
    return locks.with(keys(endpoint.podName()), () -> agent.removeEndpoint(endpoint.id()));
  }

  private static Response deleted(List<String> problems) {
    return problems.isEmpty() ? Response.done() : Response.json(PARTLY_DONE, problems.size());
  }
}
