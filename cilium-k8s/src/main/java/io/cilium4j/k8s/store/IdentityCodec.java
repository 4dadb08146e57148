// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code CiliumIdentity}. The mark of an unused one is an annotation, with the time it was made.
 */
public final class IdentityCodec implements ObjectCodec<ClusterIdentity> {

  private static final String MARK = "io.cilium.heartbeat";
  private static final String NAMESPACE = "io.kubernetes.pod.namespace";

  @Override
  public String kind() {
    return "CiliumIdentity";
  }

  @Override
  public String apiVersion() {
    return "cilium.io/v2";
  }

  @Override
  public String plural() {
    return "ciliumidentities";
  }

  /** The agents that use a number know it from their state folders, and create it again. */
  @Override
  public boolean isDurable() {
    return false;
  }

  @Override
  public ClusterIdentity read(JsonNode document) {
    String name = Json.text(document, "metadata.name").orElse("");
    // Without leading zeros: one number has one name.
    if (!name.matches("[1-9][0-9]{2,8}")) {
      throw new IllegalArgumentException("metadata.name \"" + name + "\": not a number");
    }
    var labels = new ArrayList<Label>();
    for (Map.Entry<String, String> entry : Json.map(document, "security-labels").entrySet()) {
      // The source stands before the first colon; a key may have colons of its own.
      int colon = entry.getKey().indexOf(':');
      if (colon <= 0) {
        throw new IllegalArgumentException(
            "security-labels[" + entry.getKey() + "]: wanted SOURCE:KEY");
      }
      labels.add(
          new Label(
              entry.getKey().substring(0, colon),
              entry.getKey().substring(colon + 1),
              entry.getValue()));
    }
    Labels set = Labels.of(labels);
    if (set.size() != labels.size()) {
      throw new IllegalArgumentException("security-labels: two of one key");
    }
    boolean unused = Json.map(document, "metadata.annotations").containsKey(MARK);
    return new ClusterIdentity(Integer.parseInt(name), set, unused);
  }

  @Override
  public void write(ClusterIdentity identity, ObjectNode document) {
    ObjectNode metadata = Json.objectAt(document, "metadata");
    metadata.put("name", identity.key());
    identity
        .labels()
        .value(LabelSource.K8S, NAMESPACE)
        .ifPresent(namespace -> Json.objectAt(metadata, "labels").put(NAMESPACE, namespace));
    var annotations = new TreeMap<>(Json.map(document, "metadata.annotations"));
    if (identity.unused()) {
      annotations.putIfAbsent(MARK, Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    } else {
      annotations.remove(MARK);
    }
    Json.putMap(metadata, "annotations", annotations);
    var labels = new TreeMap<String, String>();
    identity
        .labels()
        .forEach(label -> labels.put(label.source() + ":" + label.key(), label.value()));
    Json.putMap(document, "security-labels", labels);
  }

  /** It has none. */
  @Override
  public ClusterIdentity withStatus(ClusterIdentity identity, ClusterIdentity status) {
    return identity;
  }
}
