// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.BPFMap;
import io.cilium4j.api.model.BPFMapEntry;
import io.cilium4j.api.model.BPFMapList;
import io.cilium4j.api.model.MapEvent;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.datapath.view.DatapathRows;
import io.cilium4j.datapath.view.DatapathRows.Entry;
import io.cilium4j.datapath.view.DatapathRows.Event;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code /map} and {@code /statedb}: the agent's state as rows. */
final class MapOperations {

  /** How often somebody who follows is looked after, when nothing happens. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final Agent agent;
  private final DatapathRows rows;

  MapOperations(Agent agent) {
    this.agent = agent;
    this.rows = agent.datapathRows();
  }

  Response list(Request request) {
    return Response.ok(
        new BPFMapList(
            rows.names().stream()
                .map(name -> view(name, rows.entries(name).orElseThrow()))
                .toList()));
  }

  Response get(Request request) {
    String name = request.path("name");
    List<Entry> entries = rows.entries(name).orElseThrow(Refusal::notFound);
    return Response.ok(view(name, entries));
  }

  private static BPFMap view(String name, List<Entry> entries) {
    return new BPFMap(name, entries.stream().map(MapOperations::view).toList());
  }

  private static BPFMapEntry view(Entry entry) {
    return new BPFMapEntry(
        entry.key(),
        entry.value(),
        entry.wanted().name().toLowerCase(Locale.ROOT),
        entry.lastError());
  }

  Response events(Request request) {
    String name = request.path("name");
    boolean follow = request.queryFlag("follow");
    if (!rows.names().contains(name)) {
      throw Refusal.notFound();
    }
    return new Response.Pieces(
        Response.OK,
        Response.Type.BYTES,
        sink -> {
          long seen = 0;
          Duration wait = Duration.ZERO;
          do {
            for (Event event : rows.eventsAfter(name, seen, wait)) {
              sink.write(line(view(event)));
              seen = event.number();
            }
            wait = LOOK;
          } while (follow && sink.isOpen());
        });
  }

  private static MapEvent view(Event event) {
    return new MapEvent(
        event.time().toString(),
        event.entry().key(),
        event.entry().value(),
        event.action().name().toLowerCase(Locale.ROOT),
        event.entry().wanted().name().toLowerCase(Locale.ROOT),
        event.entry().lastError());
  }

  private static byte[] line(Object value) {
    return (ApiJson.mapper().writeValueAsString(value) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  // ---- tables ----

  private Map<String, Snapshot<?, ?>> tables() {
    Map<String, Snapshot<?, ?>> tables = new LinkedHashMap<>();
    tables.put("endpoints", agent.endpoints().snapshot());
    tables.put("identities", agent.identities().snapshot());
    tables.put("ipcache", agent.ipcache().snapshot());
    tables.put("allocations", agent.addresses().allocations().snapshot());
    tables.put("policies", agent.policies().snapshot());
    tables.put("frontends", agent.services().frontends().snapshot());
    tables.put("recorders", agent.recorder().table().snapshot());
    tables.put("dns-cache", agent.dnsCache().answers().snapshot());
    tables.put("controllers", agent.controllers().snapshot());
    agent.nodeHealth().ifPresent(health -> tables.put("node-health", health.health().snapshot()));
    return tables;
  }

  Response dump(Request request) {
    Map<String, Object> dump = new LinkedHashMap<>();
    tables().forEach((name, snapshot) -> dump.put(name, texts(snapshot)));
    return new Response.Whole(
        Response.OK, Response.Type.BYTES, ApiJson.mapper().writeValueAsBytes(dump));
  }

  private static List<Map<String, Object>> texts(Snapshot<?, ?> snapshot) {
    List<Map<String, Object>> texts = new ArrayList<>();
    for (Row<?, ?> row : snapshot) {
      texts.add(text(row));
    }
    return texts;
  }

  private static Map<String, Object> text(Row<?, ?> row) {
    Map<String, Object> text = new LinkedHashMap<>();
    text.put("key", row.key().toString());
    text.put("value", row.value().toString());
    text.put("revision", row.revision());
    return text;
  }

  /** One row a line; of a key, or from a key on. */
  Response query(Request request) {
    Snapshot<?, ?> snapshot = tables().get(request.path("table"));
    if (snapshot == null) {
      throw Refusal.notFound();
    }
    String index = request.needQuery("index");
    if (!index.equals("key")) {
      throw Refusal.invalid("index: the one index of a table is key");
    }
    String key = request.query("key").orElse("");
    boolean from = request.queryFlag("lowerbound");
    var text = new StringBuilder();
    boolean reached = false;
    for (Row<?, ?> row : snapshot) {
      boolean same = row.key().toString().equals(key);
      reached |= same || key.isEmpty();
      if (from ? reached : same) {
        text.append(ApiJson.mapper().writeValueAsString(text(row))).append('\n');
      }
    }
    return new Response.Whole(
        Response.OK, Response.Type.BYTES, text.toString().getBytes(StandardCharsets.UTF_8));
  }
}
