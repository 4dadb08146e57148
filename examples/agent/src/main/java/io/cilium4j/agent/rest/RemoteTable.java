// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import com.fasterxml.jackson.annotation.JsonProperty;
import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.ModuleHealth;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * The one table that the field's clients read as rows instead of through an operation: since
 * release 1.16 {@code status} asks so for the health of modules, wherever nodes are probed, and
 * fails without an answer. A row comes as a JSON object on a line of its own.
 */
final class RemoteTable {

  private static final String HEALTH = "health";

  /** As the field writes a time that never was. */
  private static final String NEVER = "0001-01-01T00:00:00Z";

  private final Agent agent;

  RemoteTable(Agent agent) {
    this.agent = agent;
  }

  /**
   * What is asked for; by which key makes no difference, since clients ask for all rows.
   *
   * @param table its name
   */
  record Query(String table) {}

  /** A row of the answer, with the revision that the field counts. */
  record Entry(long rev, ModuleStatus obj) {}

  /** A module's health, under the field's own names. */
  record ModuleStatus(
      @JsonProperty("ID") Identifier id,
      @JsonProperty("Level") String level,
      @JsonProperty("Message") String message,
      @JsonProperty("LastOK") String lastOk,
      @JsonProperty("Updated") String updated,
      @JsonProperty("Stopped") String stopped,
      @JsonProperty("Count") long count) {}

  /** What the health is of: its parts are joined by dots when they are shown. */
  record Identifier(
      @JsonProperty("Module") List<String> module,
      @JsonProperty("Component") List<String> component) {}

  Response query(Request request) {
    Query query = request.body(Query.class);
    if (!HEALTH.equals(query.table())) {
      return Response.json(404, Map.of("err", "table: the one table here is " + HEALTH));
    }
    var rows = new StringBuilder();
    long revision = 1;
    for (ModuleHealth module : StatusView.modules(agent).modules()) {
      rows.append(ApiJson.mapper().writeValueAsString(new Entry(revision++, row(module))))
          .append('\n');
    }
    return new Response.Whole(
        Response.OK, Response.Type.JSON, rows.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static ModuleStatus row(ModuleHealth module) {
    List<String> parts = List.of(module.moduleId().split("\\.", -1));
    return new ModuleStatus(
        new Identifier(parts.subList(0, 1), parts.subList(1, parts.size())),
        module.level(),
        module.message(),
        time(module.lastOk()),
        time(module.lastUpdated()),
        NEVER,
        1);
  }

  private static String time(String told) {
    return told.isEmpty() ? NEVER : Instant.parse(told).toString();
  }
}
