// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Pod;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A pod that wants to become an endpoint: what a container runtime tells of it.
 *
 * @param namespace its Kubernetes namespace
 * @param name its name, unique in the namespace
 * @param serviceAccount its service account
 * @param labels its own labels, as written in its manifest
 * @param netns path of its network namespace, which must exist
 * @param namedPorts the container ports that have a name
 */
public record EndpointRequest(
    String namespace,
    String name,
    String serviceAccount,
    Map<String, String> labels,
    String netns,
    Map<String, NamedPort> namedPorts) {

  /** What Kubernetes takes for the name of an object, without its bound of 253 characters. */
  private static final Pattern OBJECT_NAME = Pattern.compile("[a-z0-9]([-.a-z0-9]*[a-z0-9])?");

  private static final int MAX_NAME_CHARS = 253;

  public EndpointRequest {
    checkName("namespace", namespace);
    checkName("pod name", name);
    checkName("service account", serviceAccount);
    if (netns.isEmpty()) {
      throw new IllegalArgumentException(
          "pod " + namespace + "/" + name + ": the path of its network namespace is empty");
    }
    labels = Map.copyOf(labels);
    namedPorts = Map.copyOf(namedPorts);
  }

  /** A pod of the default service account, without named ports. */
  public EndpointRequest(String namespace, String name, Map<String, String> labels, String netns) {
    this(namespace, name, Pod.DEFAULT_SERVICE_ACCOUNT, labels, netns, Map.of());
  }

  /** The name under which people know it: {@code namespace/name}. */
  public String podName() {
    return namespace + "/" + name;
  }

  /** The pod that it is, without what Kubernetes alone knows. */
  public Pod pod() {
    return Pod.builder(namespace, name)
        .labels(labels)
        .serviceAccount(serviceAccount)
        .namedPorts(namedPorts)
        .build();
  }

  private static void checkName(String what, String name) {
    if (name.length() > MAX_NAME_CHARS || !OBJECT_NAME.matcher(name).matches()) {
      String shown = name.length() > MAX_NAME_CHARS ? name.substring(0, MAX_NAME_CHARS) : name;
      throw new IllegalArgumentException(
          what + " \"" + shown + "\": wanted 1 to 253 of a-z, 0-9, '-' and '.'");
    }
  }
}
