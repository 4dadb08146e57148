// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * An endpoint as JSON, the content of its state file. The reader takes the version that it knows
 * and nothing else: a file of another agent's version is damaged to this one.
 */
final class EndpointFile {

  /** Raised when the meaning of a field changes or one is added that must be there. */
  static final int VERSION = 2;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  private EndpointFile() {}

  /**
   * The endpoint as text; its state is left out, since it is another one after a restart.
   *
   * @param written tells of two files which is the newer, see {@link #written}
   */
  static byte[] write(StoredEndpoint kept, long written) {
    Endpoint endpoint = kept.endpoint();
    ObjectNode root = JSON.createObjectNode();
    root.put("version", VERSION);
    root.put("written", written);
    root.put("id", endpoint.id());
    root.put("namespace", endpoint.namespace());
    root.put("name", endpoint.name());
    root.put("identity", endpoint.identity());
    var labels = root.putArray("labels");
    endpoint.labels().forEach(label -> labels.add(label.toString()));
    var addresses = root.putArray("addresses");
    endpoint.addresses().forEach(address -> addresses.add(address.toString()));
    ObjectNode device = root.putObject("device");
    device.put("hostName", endpoint.device().hostName());
    device.put("hostIfindex", endpoint.device().hostIfindex());
    device.put("hostMac", endpoint.device().hostMac().toString());
    device.put("podMac", endpoint.device().podMac().toString());
    device.put("netns", endpoint.device().netns());
    ObjectNode ports = root.putObject("namedPorts");
    endpoint
        .namedPorts()
        .forEach((name, port) ->
            ports.putObject(name).put("protocol", port.protocol()).put("port", port.port()));
    writeDetails(kept.details(), root.putObject("details"));
    return JSON.writeValueAsBytes(root);
  }

  private static void writeDetails(EndpointDetails details, ObjectNode node) {
    Names names = details.names();
    node.put("containerId", names.containerId());
    node.put("containerName", names.containerName());
    node.put("containerInterface", names.containerInterface());
    node.put("dockerEndpointId", names.dockerEndpointId());
    node.put("dockerNetworkId", names.dockerNetworkId());
    node.put("podUid", names.podUid());
    node.put("attachmentOnly", names.attachmentOnly());
    var derived = node.putArray("derivedLabels");
    details.derivedLabels().forEach(label -> derived.add(label.toString()));
    var user = node.putArray("userLabels");
    details.userLabels().forEach(label -> user.add(label.toString()));
    ObjectNode options = node.putObject("options");
    details.options().forEach(options::put);
    node.put("addressOwner", details.addressOwner().name());
  }

  /**
   * Reads what {@link #write} wrote, as an endpoint in the state {@code RESTORING}.
   *
   * @throws IllegalArgumentException if anything is missing, of another type or out of range; the
   *     message is one line
   */
  static StoredEndpoint read(byte[] text) {
    JsonNode root = tree(text);
    int version = integer(root, "version");
    if (version != VERSION) {
      throw new IllegalArgumentException("version " + version + ": wanted " + VERSION);
    }
    return new StoredEndpoint(readEndpoint(root), readDetails(need(root, "details")));
  }

  /** When a file that can be read was written; 0 for one of a time when that was not noted. */
  static long written(byte[] text) {
    return tree(text).path("written").asLong(0);
  }

  private static JsonNode tree(byte[] text) {
    try {
      return JSON.readTree(text);
    } catch (JacksonException e) {
      throw new IllegalArgumentException("no JSON: " + e.getOriginalMessage(), e);
    }
  }

  private static EndpointDetails readDetails(JsonNode node) {
    var options = new HashMap<String, Boolean>();
    for (Map.Entry<String, JsonNode> option : need(node, "options").properties()) {
      options.put(option.getKey(), truth(need(node, "options"), option.getKey()));
    }
    return new EndpointDetails(
        new Names(
            text(node, "containerId"),
            text(node, "containerName"),
            text(node, "containerInterface"),
            text(node, "dockerEndpointId"),
            text(node, "dockerNetworkId"),
            text(node, "podUid"),
            truth(node, "attachmentOnly")),
        Labels.parse(texts(node, "derivedLabels")),
        Labels.parse(texts(node, "userLabels")),
        options,
        AddressOwner.valueOf(text(node, "addressOwner")));
  }

  private static boolean truth(JsonNode parent, String field) {
    JsonNode node = need(parent, field);
    if (!node.isBoolean()) {
      throw new IllegalArgumentException("field " + field + ": wanted true or false");
    }
    return node.booleanValue();
  }

  private static Endpoint readEndpoint(JsonNode root) {
    JsonNode device = need(root, "device");
    return new Endpoint(
        integer(root, "id"),
        text(root, "namespace"),
        text(root, "name"),
        Labels.of(texts(root, "labels").stream().map(Label::parse).toList()),
        integer(root, "identity"),
        texts(root, "addresses").stream().map(IpAddress::parse).toList(),
        new EndpointInterface(
            text(device, "hostName"),
            integer(device, "hostIfindex"),
            MacAddress.parse(text(device, "hostMac")),
            MacAddress.parse(text(device, "podMac")),
            text(device, "netns")),
        namedPorts(need(root, "namedPorts")),
        EndpointState.RESTORING);
  }

  private static Map<String, NamedPort> namedPorts(JsonNode node) {
    var ports = new HashMap<String, NamedPort>();
    for (Map.Entry<String, JsonNode> each : node.properties()) {
      ports.put(
          each.getKey(),
          new NamedPort(integer(each.getValue(), "protocol"), integer(each.getValue(), "port")));
    }
    return ports;
  }

  private static JsonNode need(JsonNode parent, String field) {
    JsonNode node = parent.get(field);
    if (node == null || node.isNull()) {
      throw new IllegalArgumentException("no field " + field);
    }
    return node;
  }

  private static int integer(JsonNode parent, String field) {
    JsonNode node = need(parent, field);
    if (!node.isInt()) {
      throw new IllegalArgumentException("field " + field + ": wanted a number");
    }
    return node.intValue();
  }

  private static String text(JsonNode parent, String field) {
    JsonNode node = need(parent, field);
    if (!node.isString()) {
      throw new IllegalArgumentException("field " + field + ": wanted text");
    }
    return node.stringValue();
  }

  private static List<String> texts(JsonNode parent, String field) {
    JsonNode node = need(parent, field);
    if (!node.isArray()) {
      throw new IllegalArgumentException("field " + field + ": wanted a list");
    }
    var texts = new ArrayList<String>();
    for (JsonNode each : node) {
      if (!each.isString()) {
        throw new IllegalArgumentException("field " + field + ": wanted a list of texts");
      }
      texts.add(each.stringValue());
    }
    return texts;
  }
}
