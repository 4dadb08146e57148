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

  /** A pod of which no more is known than its name; more may be said of it. */
  public static Builder builder(String namespace, String name) {
    return new Builder(namespace, name);
  }

  /** The object it is. */
  public ResourceKey key() {
    return new ResourceKey("Pod", namespace, name);
  }

  /**
   * What is said of a pod. Without more it is of its own, ready, wants addresses of no pool in
   * particular, runs under the default account, and its node is not asked for it. For one thread.
   */
  public static final class Builder {
    private final String namespace;
    private final String name;
    private String uid = "";
    private Optional<String> nodeName = Optional.empty();
    private Map<String, String> labels = Map.of();
    private String serviceAccount = DEFAULT_SERVICE_ACCOUNT;
    private List<IpAddress> addresses = List.of();
    private boolean hostNetwork;
    private Map<String, Endpoint.NamedPort> namedPorts = Map.of();
    private List<HostPort> hostPorts = List.of();
    private Optional<Workload> workload = Optional.empty();
    private PoolNames pools = PoolNames.NONE;
    private boolean isReady = true;

    private Builder(String namespace, String name) {
      this.namespace = namespace;
      this.name = name;
    }

    /** As {@link Pod#uid}. */
    public Builder uid(String value) {
      uid = value;
      return this;
    }

    /** The node it was scheduled to. */
    public Builder nodeName(String value) {
      nodeName = Optional.of(value);
      return this;
    }

    /** Its own labels. */
    public Builder labels(Map<String, String> value) {
      labels = value;
      return this;
    }

    /** The account it runs under. */
    public Builder serviceAccount(String value) {
      serviceAccount = value;
      return this;
    }

    /** Where it is reached. */
    public Builder addresses(List<IpAddress> value) {
      addresses = value;
      return this;
    }

    /** Whether it shares the node's network. */
    public Builder hostNetwork(boolean value) {
      hostNetwork = value;
      return this;
    }

    /** The container ports that have a name. */
    public Builder namedPorts(Map<String, Endpoint.NamedPort> value) {
      namedPorts = value;
      return this;
    }

    /** The container ports that its node is asked at. */
    public Builder hostPorts(List<HostPort> value) {
      hostPorts = value;
      return this;
    }

    /** Who keeps it running. */
    public Builder workload(Workload value) {
      workload = Optional.of(value);
      return this;
    }

    /** The pools that it wants its addresses of. */
    public Builder pools(PoolNames value) {
      pools = value;
      return this;
    }

    /** Whether it is to be sent requests. */
    public Builder isReady(boolean value) {
      isReady = value;
      return this;
    }

    /** The pod. */
    public Pod build() {
      return new Pod(
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
          pools,
          isReady);
    }
  }
}
