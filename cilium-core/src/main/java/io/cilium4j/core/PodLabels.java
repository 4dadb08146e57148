// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The labels that policies see of a pod: its own, and what the cluster vouches for. They are
 * prepared here alone, so that a pod has the same identity whoever told of it.
 *
 * <p>Own labels under the system's prefix are dropped, and the system's are laid over the rest:
 * nobody passes for a pod of another namespace by writing so.
 */
public final class PodLabels {

  /** The label that Kubernetes puts on every namespace, its name. */
  public static final String METADATA_NAME = "kubernetes.io/metadata.name";

  /** The key of the cluster's name. */
  public static final String CLUSTER = "io.cilium.k8s.policy.cluster";

  private static final String SYSTEM_PREFIX = "io.cilium.k8s";
  private static final String NAMESPACE = "io.kubernetes.pod.namespace";
  private static final String NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";
  private static final String SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
  private static final String NAMED_PORTS = "io.cilium.k8s.named-ports";

  /** Longest value of a label in Kubernetes, in characters. */
  private static final int MAX_VALUE_CHARS = 63;

  private static final int MAX_PORT = 65_535;

  /** Name, protocol and port of an item of the label of named ports. */
  private static final Pattern NAMED_PORT =
      Pattern.compile("([-a-z0-9]+)\\.([A-Z]+)\\.([0-9]{1,5})");

  private PodLabels() {}

  /**
   * Where a pod comes from; the cluster tells it, not the pod.
   *
   * @param namespace the pod's namespace
   * @param namespaceLabels that one's labels; its name is among them whether given or not
   * @param serviceAccount the account it runs under
   * @param clusterName the cluster it runs in
   */
  public record Origin(
      String namespace,
      Map<String, String> namespaceLabels,
      String serviceAccount,
      String clusterName) {
    public Origin {
      namespaceLabels = Map.copyOf(namespaceLabels);
    }
  }

  /** Whether a key is one under which the cluster says where a pod comes from. */
  public static boolean isSystemKey(String key) {
    return key.startsWith(SYSTEM_PREFIX) || key.equals(NAMESPACE);
  }

  /** The namespace of the pod whose labels these are; absent for what is no pod. */
  public static Optional<String> namespaceOf(Labels labels) {
    return labels.value(LabelSource.K8S, NAMESPACE);
  }

  /**
   * These labels of a pod with what its namespace is labelled by now.
   *
   * @param origin where the pod comes from; its namespace's labels count, nothing else
   */
  public static Labels withNamespaceLabels(Labels pod, Origin origin) {
    var labels = new ArrayList<Label>();
    pod.stream().filter(each -> !each.key().startsWith(NAMESPACE_LABELS)).forEach(labels::add);
    addNamespaceLabels(labels, origin);
    return Labels.of(labels);
  }

  private static void addNamespaceLabels(List<Label> labels, Origin origin) {
    origin
        .namespaceLabels()
        .forEach((key, value) -> labels.add(Label.k8s(NAMESPACE_LABELS + key, value)));
    labels.add(Label.k8s(NAMESPACE_LABELS + METADATA_NAME, origin.namespace()));
  }

  /**
   * The prepared labels of a pod, of which some are relevant to its identity.
   *
   * @param own the labels that it has in Kubernetes
   * @param namedPorts its container ports that have a name
   */
  public static Labels prepare(
      Map<String, String> own, Origin origin, Map<String, Endpoint.NamedPort> namedPorts) {
    var labels = new ArrayList<Label>();
    own.forEach((key, value) -> {
      if (!key.startsWith(SYSTEM_PREFIX)) {
        labels.add(Label.k8s(key, value));
      }
    });
    addNamespaceLabels(labels, origin);
    labels.add(Label.k8s(NAMESPACE, origin.namespace()));
    labels.add(Label.k8s(SERVICE_ACCOUNT, origin.serviceAccount()));
    labels.add(Label.k8s(CLUSTER, origin.clusterName()));
    labels.addAll(namedPorts(namedPorts));
    return Labels.of(labels);
  }

  /**
   * The named ports as labels, so that pods of one identity name the same ports: {@code
   * name.PROTOCOL.port} items in the order of names, joined by {@code _}, as many labels as it
   * takes.
   */
  static List<Label> namedPorts(Map<String, Endpoint.NamedPort> ports) {
    var labels = new ArrayList<Label>();
    var value = new StringBuilder();
    for (Map.Entry<String, Endpoint.NamedPort> port : new TreeMap<>(ports).entrySet()) {
      String item =
          port.getKey()
              + "."
              + Protocol.nameOf(port.getValue().protocol())
              + "."
              + port.getValue().port();
      if (!value.isEmpty() && value.length() + 1 + item.length() > MAX_VALUE_CHARS) {
        labels.add(label(labels.size(), value));
        value.setLength(0);
      }
      value.append(value.isEmpty() ? "" : "_").append(item);
    }
    if (!value.isEmpty()) {
      labels.add(label(labels.size(), value));
    }
    return labels;
  }

  /**
   * The named ports that the labels of an identity tell, on whatever node its pods are; what is not
   * as {@link #prepare} writes it is left out.
   */
  public static Map<String, Endpoint.NamedPort> namedPortsOf(Labels labels) {
    if (!labels.hasSource(LabelSource.GEN)) {
      return Map.of();
    }
    Map<String, Endpoint.NamedPort> ports = new TreeMap<>();
    for (Label label : labels) {
      if (label.source().equals(LabelSource.GEN) && label.key().startsWith(NAMED_PORTS)) {
        for (String item : label.value().split("_", -1)) {
          Matcher parts = NAMED_PORT.matcher(item);
          Optional<Protocol> protocol =
              parts.matches() ? Protocol.tryParse(parts.group(2)) : Optional.empty();
          int port = parts.matches() ? Integer.parseInt(parts.group(3)) : 0;
          if (protocol.isPresent() && port >= 1 && port <= MAX_PORT) {
            ports.put(parts.group(1), new Endpoint.NamedPort(protocol.get().number(), port));
          }
        }
      }
    }
    return ports;
  }

  private static Label label(int number, CharSequence value) {
    String key = number == 0 ? NAMED_PORTS : NAMED_PORTS + "-" + number;
    return new Label(LabelSource.GEN, key, value.toString());
  }
}
