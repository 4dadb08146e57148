// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.DebugInfo;
import io.cilium4j.api.model.Policy;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.RulesSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What a bug report wants. Nothing is in it that a stranger must not read. */
final class DebugView {

  /** Of the environment only our own settings are told, and of those none that may be a secret. */
  private static final String ENVIRONMENT_PREFIX = "CILIUM_";

  private static final List<String> SECRET_WORDS =
      List.of("TOKEN", "SECRET", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL", "AUTH");

  private DebugView() {}

  static DebugInfo of(Agent agent) {
    var view = new EndpointView(agent);
    RulesSnapshot rules = agent.rules();
    return DebugInfo.builder()
        .ciliumVersion(Agent.version().orElse(""))
        .kernelVersion(System.getProperty("os.version", ""))
        .ciliumStatus(StatusView.of(agent))
        .endpointList(
            agent.endpoints().snapshot().stream().map(Row::value).map(view::full).toList())
        .serviceList(
            agent.services().table().snapshot().stream()
                .map(Row::value)
                .map(ServiceOperations::view)
                .toList())
        .policy(new Policy(rules.revision(), RuleText.json(RuleText.of(rules))))
        .environmentVariables(environment(System.getenv()))
        .subsystem(subsystems(agent))
        .build();
  }

  static List<String> environment(Map<String, String> all) {
    List<String> told = new ArrayList<>();
    new TreeMap<>(all)
        .forEach((name, value) -> {
          if (name.startsWith(ENVIRONMENT_PREFIX)) {
            told.add(name + "=" + (maySecret(name) ? "(not shown)" : value));
          }
        });
    return told;
  }

  private static boolean maySecret(String name) {
    String upper = name.toUpperCase(Locale.ROOT);
    return SECRET_WORDS.stream().anyMatch(upper::contains);
  }

  private static Map<String, String> subsystems(Agent agent) {
    Map<String, String> subsystems = new TreeMap<>();
    subsystems.put("datapath", agent.datapathDescription());
    subsystems.put("metrics", ApiJson.mapper().writeValueAsString(MetricsView.of(agent.metrics())));
    subsystems.put("settings", ApiJson.mapper().writeValueAsString(ConfigView.settings(agent)));
    agent
        .nodeHealth()
        .map(health -> HealthView.of(agent, health))
        .map(ApiJson.mapper()::writeValueAsString)
        .ifPresent(text -> subsystems.put("node-health", text));
    return subsystems;
  }
}
