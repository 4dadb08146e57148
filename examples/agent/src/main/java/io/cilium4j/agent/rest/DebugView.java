// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.DebugInfo;
import io.cilium4j.api.model.Policy;
import io.cilium4j.core.Secrets;
import io.cilium4j.core.state.Row;
import io.cilium4j.policy.RulesSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.node.StringNode;

/** What a bug report wants. Nothing is in it that a stranger must not read. */
final class DebugView {

  /** Of the environment only our own settings are told. */
  private static final String ENVIRONMENT_PREFIX = "CILIUM_";

  private DebugView() {}

  /** All of it, with secrets taken out by the rules by which the command takes them out. */
  static JsonNode of(Agent agent) {
    return redacted(ApiJson.mapper().valueToTree(all(agent)), "");
  }

  private static DebugInfo all(Agent agent) {
    var view = new EndpointView(agent);
    RulesSnapshot rules = agent.rules();
    return DebugInfo.builder()
        .ciliumVersion(Agent.version().orElse(""))
        .kernelVersion(System.getProperty("os.version", ""))
        .ciliumStatus(StatusView.of(agent))
        .endpointList(
            agent.endpoints().snapshot().stream().map(Row::value).map(view::full).toList())
        .serviceList(agent.services().all())
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
            told.add(Secrets.variable(name + "=" + value));
          }
        });
    return told;
  }

  /** The tree without secrets; a text that is JSON itself is looked into as well. */
  static JsonNode redacted(JsonNode value, String name) {
    if (value.isObject()) {
      ObjectNode fields = ApiJson.mapper().createObjectNode();
      value
          .properties()
          .forEach(each ->
              fields.set(
                  Secrets.text(each.getKey()),
                  Secrets.isName(each.getKey())
                          && !each.getValue().isNull()
                          && !each.getValue().isBoolean()
                      ? StringNode.valueOf(Secrets.REDACTED)
                      : redacted(each.getValue(), each.getKey())));
      return fields;
    }
    if (value.isArray()) {
      ArrayNode items = ApiJson.mapper().createArrayNode();
      value.forEach(each -> items.add(redacted(each, name)));
      return items;
    }
    return value.isString() ? StringNode.valueOf(redacted(value.asString(), name)) : value;
  }

  private static String redacted(String text, String name) {
    if (name.equals("environment-variables")) {
      return text; // Done already.
    }
    if (text.startsWith("[") || text.startsWith("{")) {
      try {
        return redacted(ApiJson.mapper().readTree(text), name).toString();
      } catch (JacksonException e) {
        return Secrets.text(text);
      }
    }
    return Secrets.text(text);
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
