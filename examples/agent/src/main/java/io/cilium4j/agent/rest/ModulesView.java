// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.ControllerStatus;
import io.cilium4j.api.model.ModuleHealth;
import io.cilium4j.api.model.ModulesHealth;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The health of the agent's parts, in the two forms in which Cilium's clients ask for it wherever
 * nodes are probed: {@code status} of release 1.15 by the operation {@code /health}, whose messages
 * are JSON documents, and that of 1.16 and newer by the rows of a table, without which it fails.
 */
final class ModulesView {

  /** The name of the table. */
  static final String TABLE = "health";

  /** As the field writes a time that never was. */
  private static final String NEVER = "0001-01-01T00:00:00Z";

  /**
   * A part.
   *
   * @param parts of its name, which are joined by dots
   * @param lastOk when it was well; empty for never
   */
  private record Module(
      List<String> parts, boolean isGood, String message, String lastOk, Instant updated) {

    String id() {
      return String.join(".", parts);
    }

    String level() {
      return isGood ? "OK" : "Degraded";
    }
  }

  private ModulesView() {}

  private static List<Module> modules(Agent agent) {
    Instant now = Instant.now();
    List<Module> modules = new ArrayList<>();
    for (ControllerStatus each : StatusView.controllers(agent)) {
      modules.add(module(each, now));
    }
    modules.add(
        new Module(List.of("agent", "datapath"), true, agent.datapathDescription(), now + "", now));
    return modules;
  }

  private static Module module(ControllerStatus controller, Instant now) {
    var outcome = controller.status();
    return new Module(
        List.of("agent", "controllers", controller.name()),
        outcome == null || outcome.consecutiveFailureCount() == 0,
        outcome == null ? "" : outcome.lastFailureMsg(),
        outcome == null ? "" : outcome.lastSuccessTimestamp(),
        now);
  }

  /** What {@code /health} answers. */
  static ModulesHealth of(Agent agent) {
    return new ModulesHealth(
        modules(agent).stream()
            .map(each ->
                new ModuleHealth(
                    each.id(), each.level(), message(each), each.lastOk(), each.updated() + ""))
            .toList());
  }

  private static String message(Module module) {
    Map<String, Object> node = new LinkedHashMap<>();
    node.put("id", module.id());
    node.put("level", module.level());
    node.put("name", module.id());
    node.put("message", module.message());
    node.put("timestamp", module.updated().toString());
    node.put("count", 1);
    return ApiJson.mapper().writeValueAsString(node);
  }

  /** The rows of the table, a JSON object a line. */
  static String rows(Agent agent) {
    var rows = new StringBuilder();
    long revision = 1;
    for (Module module : modules(agent)) {
      rows.append(
              ApiJson.mapper().writeValueAsString(Map.of("rev", revision++, "obj", row(module))))
          .append('\n');
    }
    return rows.toString();
  }

  private static Map<String, Object> row(Module module) {
    List<String> parts = module.parts();
    return Map.of(
        "ID",
        Map.of("Module", parts.subList(0, 1), "Component", parts.subList(1, parts.size())),
        "Level",
        module.level(),
        "Message",
        module.message(),
        "LastOK",
        module.lastOk().isEmpty() ? NEVER : module.lastOk(),
        "Updated",
        module.updated().toString(),
        "Stopped",
        NEVER,
        "Count",
        1);
  }
}
