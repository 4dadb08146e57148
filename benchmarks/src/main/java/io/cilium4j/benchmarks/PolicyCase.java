// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.policy.IdentitiesSnapshot.Peer;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyResource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A policy case, read and parsed: what the engine is given before any clock runs.
 *
 * @param identities who there is beside the reserved identities, in the order of the file
 * @param policies the objects of the case, without those that do not validate
 * @param flows what is asked; the port of ICMP is its type
 * @param subject the number of the identity whose policy is wanted
 */
record PolicyCase(
    List<Peer> identities, List<PolicyResource> policies, List<Flow> flows, int subject) {

  /** A packet between two identities. */
  record Flow(int from, int to, int protocol, int port) {}

  /** Reads a file of the case format, {@code .gz} or plain. */
  static PolicyCase read(Path file, PolicyConfig config) {
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      return of(JsonMapper.shared().readTree(in), config);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static PolicyCase of(JsonNode root, PolicyConfig config) {
    List<Peer> identities = new ArrayList<>();
    root.path("identities").forEach(node -> identities.add(peer(node)));
    List<PolicyResource> policies = new ArrayList<>();
    root.path("policies").forEach(node -> policies.addAll(parsed(node, config)));
    List<Flow> flows = new ArrayList<>();
    root.path("flows").forEach(node -> flows.add(flow(node)));
    return new PolicyCase(identities, policies, flows, root.path("subject").asInt());
  }

  private static Peer peer(JsonNode node) {
    List<String> labels = new ArrayList<>();
    node.path("labels").forEach(label -> labels.add(label.asString()));
    Map<String, NamedPort> ports = new HashMap<>();
    node.path("namedPorts")
        .forEachEntry(
            (name, port) -> ports.put(name, new NamedPort(Protocol.TCP.number(), port.asInt())));
    return new Peer(new Identity(node.path("id").asInt(), Labels.parse(labels)), ports);
  }

  private static List<PolicyResource> parsed(JsonNode policy, PolicyConfig config) {
    try {
      return PolicyParser.parse(policy.toString(), "case", config);
    } catch (PolicyParseException e) {
      return List.of(); // Cases hold refused objects on purpose.
    }
  }

  private static Flow flow(JsonNode node) {
    return new Flow(
        node.path("from").asInt(),
        node.path("to").asInt(),
        Protocol.tryParse(node.path("proto").asString()).orElseThrow().number(),
        node.path("port").asInt());
  }

  /** The identity whose policy is wanted. */
  Peer subjectPeer() {
    return identities.stream()
        .filter(peer -> peer.identity().id() == subject)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no identity " + subject + " in the case"));
  }
}
