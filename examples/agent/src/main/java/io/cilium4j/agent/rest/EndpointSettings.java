// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentOption;
import io.cilium4j.agent.task.KeyedLocks;
import io.cilium4j.api.model.EndpointConfigurationSpec;
import io.cilium4j.api.model.EndpointConfigurationStatus;
import io.cilium4j.api.model.LabelConfigurationSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Labels;
import java.util.Map;

/** {@code /endpoint/{id}/…}: options, labels, log and health of one endpoint. */
final class EndpointSettings {

  private static final int FAILED = 500;

  private final Agent agent;
  private final KeyedLocks locks;
  private final EndpointFinder finder;
  private final EndpointView view;

  EndpointSettings(Agent agent, KeyedLocks locks) {
    this.agent = agent;
    this.locks = locks;
    this.finder = new EndpointFinder(agent);
    this.view = new EndpointView(agent);
  }

  Response config(Request request) {
    Endpoint endpoint = finder.need(request);
    return Response.ok(new EndpointConfigurationStatus(view.configuration(endpoint), Map.of(), ""));
  }

  Response changeConfig(Request request) throws Exception {
    Endpoint endpoint = finder.need(request);
    EndpointConfigurationSpec wanted = request.body(EndpointConfigurationSpec.class);
    Map<AgentOption, Boolean> options = ApiOptions.read(wanted.options());
    LabelConfigurationSpec labels = wanted.labelConfiguration();
    Labels userLabels = labels == null ? Labels.EMPTY : ApiLabels.given(labels.user());
    return locks.with(
        EndpointOperations.keys(endpoint.podName()),
        () -> {
          // The labels first, which may be refused; then nothing is changed.
          Response done = labels == null ? Response.done() : setLabels(endpoint, userLabels);
          if (!agent.setOptions(endpoint.id(), options)) {
            throw Refusal.notFound();
          }
          return done;
        });
  }

  Response labels(Request request) {
    return Response.ok(view.labels(finder.need(request)));
  }

  Response changeLabels(Request request) throws Exception {
    Endpoint endpoint = finder.need(request);
    Labels wanted = ApiLabels.given(request.body(LabelConfigurationSpec.class).user());
    return locks.with(
        EndpointOperations.keys(endpoint.podName()), () -> setLabels(endpoint, wanted));
  }

  private Response setLabels(Endpoint endpoint, Labels wanted) {
    try {
      if (!agent.setUserLabels(endpoint.id(), wanted)) {
        throw Refusal.notFound();
      }
      return Response.done();
    } catch (Refusal e) {
      throw e;
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    } catch (RuntimeException e) {
      throw new Refusal(FAILED, String.valueOf(e.getMessage()));
    }
  }

  Response log(Request request) {
    return Response.ok(view.log(finder.need(request)));
  }

  Response health(Request request) {
    return Response.ok(view.health(finder.need(request)));
  }
}
