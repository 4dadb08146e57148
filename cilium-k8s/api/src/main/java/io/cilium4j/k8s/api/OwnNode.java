// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.k8s.store.Json;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The agent's own {@code Node} of Kubernetes: which pod CIDRs Kubernetes gave it, and that it is
 * ready for pods. Safe for use by several threads, which wait for the server.
 */
public final class OwnNode {
  private static final Duration TIME = Duration.ofSeconds(10);

  /** Most tries to take a taint while others write to the node. */
  private static final int MAX_TRIES = 5;

  /** What nodes are tainted with until an agent runs on them, as the field's documents say. */
  private static final Set<String> TAINTS = Set.of("node.cilium.io/agent-not-ready");

  private final ApiClient client;
  private final String path;

  /**
   * A node of this name.
   *
   * @param client stays the caller's to close
   */
  public OwnNode(ApiClient client, String name) {
    this.client = client;
    this.path = "/api/v1/nodes/" + name;
  }

  /**
   * The pod CIDRs that Kubernetes gave it ({@code spec.podCIDRs}); empty before it did, and where
   * there is no such node.
   *
   * @throws ApiException if the server did not answer, or they make no sense
   */
  public List<IpPrefix> podCidrs() throws ApiException {
    Optional<byte[]> found = client.get(path, Deadline.in(TIME));
    if (found.isEmpty()) {
      return List.of();
    }
    try {
      ObjectNode node = Json.parse(found.get());
      var cidrs = new LinkedHashSet<String>(Json.texts(node, "spec.podCIDRs"));
      Json.text(node, "spec.podCIDR").ifPresent(cidrs::add);
      return cidrs.stream().map(IpPrefix::parse).toList();
    } catch (IllegalArgumentException e) {
      throw new ApiException(path + ": " + e.getMessage(), e);
    }
  }

  /**
   * Says that pods have a network here: takes the taint that keeps them away until an agent runs,
   * and the condition {@code NetworkUnavailable}. What is so already is not written.
   *
   * @return whether there is such a node
   * @throws ApiException if that could not be done
   */
  public boolean tellReady() throws ApiException {
    for (int tries = 1; ; tries++) {
      Optional<byte[]> found = client.get(path, Deadline.in(TIME));
      if (found.isEmpty()) {
        return false;
      }
      ObjectNode node = Json.parse(found.get());
      try {
        removeTaints(node);
        break;
      } catch (ApiException e) {
        if (!e.isConflict() || tries == MAX_TRIES) {
          throw e;
        }
      }
    }
    tellAvailable();
    return true;
  }

  private void removeTaints(ObjectNode node) throws ApiException {
    JsonNode taints = Json.at(node, "spec.taints");
    ArrayNode kept = node.arrayNode();
    taints.forEach(taint -> {
      if (!TAINTS.contains(taint.path("key").asString(""))) {
        kept.add(taint);
      }
    });
    if (kept.size() == taints.size()) {
      return;
    }
    // The version says which taints these were: nobody else's is lost.
    ObjectNode patch = Json.object();
    patch
        .putObject("metadata")
        .put("resourceVersion", Json.text(node, "metadata.resourceVersion").orElse(""));
    Json.objectAt(patch, "spec").set("taints", kept);
    var _ = client.mergePatch(path, Json.write(patch), Deadline.in(TIME));
  }

  /** A strategic merge leaves the conditions of others, such as the kubelet's, as they are. */
  private void tellAvailable() throws ApiException {
    Optional<byte[]> found = client.get(path, Deadline.in(TIME));
    if (found.isEmpty()) {
      return;
    }
    for (JsonNode condition : Json.at(Json.parse(found.get()), "status.conditions")) {
      if (condition.path("type").asString("").equals("NetworkUnavailable")
          && condition.path("status").asString("").equals("False")) {
        return;
      }
    }
    String now = Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    ObjectNode patch = Json.object();
    Json.objectAt(patch, "status")
        .putArray("conditions")
        .addObject()
        .put("type", "NetworkUnavailable")
        .put("status", "False")
        .put("reason", "CiliumIsUp")
        .put("message", "Cilium is running on this node")
        .put("lastHeartbeatTime", now)
        .put("lastTransitionTime", now);
    var _ = client.strategicPatch(path + "/status", Json.write(patch), Deadline.in(TIME));
  }
}
