// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Label;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes the agent's own events as lines of JSON: an envelope of this project, and in it the
 * message under the names that Cilium's clients know.
 */
final class AgentEventText {
  private AgentEventText() {}

  /** An event, ending with a line break. */
  static byte[] of(AgentEvent event) {
    ObjectNode line = ApiJson.mapper().createObjectNode();
    line.put("type", "agent").put("subtype", subtype(event)).put("time", Instant.now().toString());
    line.set("message", fill(event, line));
    return (line + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** The message of an event alone. */
  static String message(AgentEvent event) {
    return fill(event, ApiJson.mapper().createObjectNode()).toString();
  }

  private static ObjectNode fill(AgentEvent event, ObjectNode line) {
    ObjectNode message = ApiJson.mapper().createObjectNode();
    switch (event) {
      case AgentEvent.Started(var time) -> message.put("time", time.toString());
      case AgentEvent.EndpointCreated(var endpoint) -> {
        endpoint(line, message, endpoint);
        message.put("pod-name", endpoint.name()).put("namespace", endpoint.namespace());
      }
      case AgentEvent.EndpointDeleted(var endpoint) -> {
        endpoint(line, message, endpoint);
        message.put("pod-name", endpoint.name()).put("namespace", endpoint.namespace());
      }
      case AgentEvent.EndpointRegenerated(var endpoint, var error) -> {
        endpoint(line, message, endpoint);
        error.ifPresent(text -> message.put("error", text));
      }
      case AgentEvent.PolicyUpdated(var revision, var rules, var labels) ->
          policy(message, revision, rules, labels);
      case AgentEvent.PolicyDeleted(var revision, var rules, var labels) ->
          policy(message, revision, rules, labels);
      case AgentEvent.IpcacheUpserted(var entry, var former) -> {
        prefix(message, entry);
        former.ifPresent(old -> message.put("old-id", Integer.toUnsignedLong(old.identity())));
      }
      case AgentEvent.IpcacheDeleted(var entry) -> prefix(message, entry);
      case AgentEvent.ServiceUpserted(var service) -> service(message, service);
      case AgentEvent.ServiceDeleted(var id) -> message.put("id", id);
    }
    return message;
  }

  /** Cilium's words, by which its clients tell events apart. */
  private static String subtype(AgentEvent event) {
    return switch (event) {
      case AgentEvent.Started _ -> "Cilium agent started";
      case AgentEvent.EndpointCreated _ -> "Endpoint created";
      case AgentEvent.EndpointDeleted _ -> "Endpoint deleted";
      case AgentEvent.EndpointRegenerated(_, var error) ->
          error.isPresent() ? "Failed endpoint regeneration" : "Endpoint regenerated";
      case AgentEvent.PolicyUpdated _ -> "Policy updated";
      case AgentEvent.PolicyDeleted _ -> "Policy deleted";
      case AgentEvent.IpcacheUpserted _ -> "IPCache entry upserted";
      case AgentEvent.IpcacheDeleted _ -> "IPCache entry deleted";
      case AgentEvent.ServiceUpserted _ -> "Service upserted";
      case AgentEvent.ServiceDeleted _ -> "Service deleted";
    };
  }

  /** The id stands in the envelope as well, where readers who want one endpoint look for it. */
  private static void endpoint(ObjectNode line, ObjectNode message, Endpoint endpoint) {
    line.put("endpoint", endpoint.id());
    message.put("id", endpoint.id());
    labels(message, endpoint.labels().sorted());
  }

  private static void policy(ObjectNode message, long revision, int rules, List<Label> labels) {
    labels(message, labels);
    message.put("revision", revision).put("rule_count", rules);
  }

  private static void labels(ObjectNode message, Iterable<Label> labels) {
    ArrayNode list = message.putArray("labels");
    labels.forEach(label -> list.add(label.toString()));
  }

  /** Key 0 is no encryption. */
  private static void prefix(ObjectNode message, IpcacheEntry entry) {
    message.put("cidr", entry.prefix().toString());
    message.put("id", Integer.toUnsignedLong(entry.identity()));
    entry.tunnelEndpoint().ifPresent(node -> message.put("host-ip", node.toString()));
    message.put("encrypt-key", 0);
  }

  private static void service(ObjectNode message, ServiceSpec service) {
    message.put("id", service.id());
    FrontendAddress frontend = service.frontendAddress();
    if (frontend != null) {
      message.putObject("frontend-address").put("ip", frontend.ip()).put("port", frontend.port());
    }
    ArrayNode backends = message.putArray("backend-addresses");
    for (BackendAddress backend : service.backendAddresses()) {
      backends.addObject().put("ip", backend.ip()).put("port", backend.port());
    }
    ServiceSpec.Flags flags = service.flags();
    if (flags != null) {
      message.put("type", flags.type()).put("traffic-policy", flags.trafficPolicy());
      message.put("name", flags.name()).put("namespace", flags.namespace());
    }
  }
}
