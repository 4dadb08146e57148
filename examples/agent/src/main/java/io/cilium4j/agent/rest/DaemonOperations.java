// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentOption;
import io.cilium4j.api.model.DaemonConfigurationSpec;
import io.cilium4j.policy.EnforcementMode;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;

/** The agent itself: configuration, health, metrics, and what a bug report wants. */
final class DaemonOperations {
  private final Agent agent;

  DaemonOperations(Agent agent) {
    this.agent = agent;
  }

  Response config(Request request) {
    return Response.ok(ConfigView.of(agent));
  }

  Response changeConfig(Request request) {
    DaemonConfigurationSpec wanted = request.body(DaemonConfigurationSpec.class);
    Map<AgentOption, Boolean> options = ApiOptions.read(wanted.options());
    Optional<EnforcementMode> mode = mode(wanted.policyEnforcement());
    agent.options().change(options);
    mode.ifPresent(agent.options()::setEnforcement);
    return Response.done();
  }

  private static Optional<EnforcementMode> mode(String text) {
    if (text.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        Arrays.stream(EnforcementMode.values())
            .filter(each -> each.toString().equals(text))
            .findFirst()
            .orElseThrow(
                () -> Refusal.invalid("policy-enforcement: wanted default, always or never")));
  }

  Response status(Request request) {
    return Response.ok(
        request.headerFlag("brief") ? StatusView.brief(agent) : StatusView.of(agent));
  }

  Response health(Request request) {
    return Response.ok(ModulesView.of(agent));
  }

  /** The table that clients since release 1.16 read for the same. */
  Response healthTable(Request request) {
    String table = request.bodyTree().path("table").stringValue("");
    return table.equals(ModulesView.TABLE)
        ? Response.text(ModulesView.rows(agent))
        : Response.json(404, Map.of("err", "the one table here is " + ModulesView.TABLE));
  }

  Response metrics(Request request) {
    return Response.ok(MetricsView.of(agent.metrics()));
  }

  Response debugInfo(Request request) {
    return Response.ok(DebugView.of(agent));
  }
}
