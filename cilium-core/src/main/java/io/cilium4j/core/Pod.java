// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A pod as Kubernetes knows it.
 *
 * @param namespace its namespace
 * @param name its name
 * @param uid tells it from an earlier pod of the same name, as its runtime knows it; empty where
 *     the source has none
 * @param nodeName the node it was scheduled to; absent before that
 * @param labels its own labels, as its manifest has them; policies see {@link PodLabels}
 * @param serviceAccount the account it runs under
 * @param addresses where it is reached; empty before it has any and after it ended
 * @param hostNetwork whether it shares the node's network and so is no endpoint
 * @param namedPorts the container ports that have a name
 * @param hostPorts the container ports that its node is asked at
 * @param workload who keeps it running; absent for a pod of its own
 * @param pools the pools that it wants its addresses of, as it says itself
 * @param isReady whether it is to be sent requests; false only where Kubernetes says that it is not
 */
public record Pod(
    String namespace,
    String name,
    String uid,
    Optional<String> nodeName,
    Map<String, String> labels,
    String serviceAccount,
    List<IpAddress> addresses,
    boolean hostNetwork,
    Map<String, Endpoint.NamedPort> namedPorts,
    List<HostPort> hostPorts,
    Optional<Workload> workload,
    PoolNames pools,
    boolean isReady) {

  /**
   * A container port at which the node is asked.
   *
   * @param address the one address of the node; absent for all
   * @param port the node's port, 1 to 65535
   * @param protocol TCP, UDP or SCTP
   * @param containerPort the pod's port, 1 to 65535
   */
  public record HostPort(
      Optional<IpAddress> address, int port, Protocol protocol, int containerPort) {}

  /**
   * Who keeps pods running.
   *
   * @param kind {@code Deployment}, {@code DaemonSet} and the like
   */
  public record Workload(String kind, String name) {}

  /** The account of a pod that names none. */
  public static final String DEFAULT_SERVICE_ACCOUNT = "default";

  public Pod {
    labels = Map.copyOf(labels);
    addresses = List.copyOf(addresses);
    namedPorts = Map.copyOf(namedPorts);
    hostPorts = List.copyOf(hostPorts);
  }

  /** A pod that wants addresses of no pool in particular. */
  public Pod(
      String namespace,
      String name,
      String uid,
      Optional<String> nodeName,
      Map<String, String> labels,
      String serviceAccount,
      List<IpAddress> addresses,
      boolean hostNetwork,
      Map<String, Endpoint.NamedPort> namedPorts,
      List<HostPort> hostPorts,
      Optional<Workload> workload,
      boolean isReady) {
    this(
        namespace,
        name,
        uid,
        nodeName,
        labels,
        serviceAccount,
        addresses,
        hostNetwork,
        namedPorts,
        hostPorts,
        workload,
        PoolNames.NONE,
        isReady);
  }

  /** A pod that is ready. */
  public Pod(
      String namespace,
      String name,
      String uid,
      Optional<String> nodeName,
      Map<String, String> labels,
      String serviceAccount,
      List<IpAddress> addresses,
      boolean hostNetwork,
      Map<String, Endpoint.NamedPort> namedPorts,
      List<HostPort> hostPorts,
      Optional<Workload> workload) {
    this(
        namespace,
        name,
        uid,
        nodeName,
        labels,
        serviceAccount,
        addresses,
        hostNetwork,
        namedPorts,
        hostPorts,
        workload,
        true);
  }

  /** A pod of its own, whose node is not asked for it. */
  public Pod(
      String namespace,
      String name,
      String uid,
      Optional<String> nodeName,
      Map<String, String> labels,
      String serviceAccount,
      List<IpAddress> addresses,
      boolean hostNetwork,
      Map<String, Endpoint.NamedPort> namedPorts) {
    this(
        namespace,
        name,
        uid,
        nodeName,
        labels,
        serviceAccount,
        addresses,
        hostNetwork,
        namedPorts,
        List.of(),
        Optional.empty());
  }

  /** The object it is. */
  public ResourceKey key() {
    return new ResourceKey("Pod", namespace, name);
  }
}
