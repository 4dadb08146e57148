// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.Objects;

/**
 * What changes the meaning of policies.
 *
 * @param clusterName name of our own cluster
 * @param clusterId its id, 0 to 255
 * @param enforcement when endpoints are restricted
 * @param localClusterByDefault whether a selector that names no cluster means the local one
 * @param ipv4 whether the cluster has IPv4
 * @param ipv6 whether the cluster has IPv6
 * @param allowLocalhost whether the node's own processes reach its endpoints unless denied
 * @param hostFirewall whether policies for nodes are enforced on the host
 * @param nodeSelectorLabels whether nodes can be peers by label
 * @param l7Proxy whether a proxy is there, so that rules may look at requests
 * @param referenceCompat whether to answer as the field's reference implementation does also where
 *     it opens traffic because a list is empty, and to pass over unknown fields as it does
 */
public record PolicyConfig(
    String clusterName,
    int clusterId,
    EnforcementMode enforcement,
    boolean localClusterByDefault,
    boolean ipv4,
    boolean ipv6,
    boolean allowLocalhost,
    boolean hostFirewall,
    boolean nodeSelectorLabels,
    boolean l7Proxy,
    boolean referenceCompat) {

  /** A dual-stack cluster named {@code default}, as Kubernetes sets it up. */
  public static final PolicyConfig DEFAULT =
      new PolicyConfig(
          "default", 0, EnforcementMode.DEFAULT, true, true, true, true, false, false, true, false);

  public PolicyConfig {
    Objects.requireNonNull(clusterName, "clusterName");
    Objects.requireNonNull(enforcement, "enforcement");
    if (clusterId < 0 || clusterId > 255) {
      throw new IllegalArgumentException("cluster id " + clusterId + ": wanted 0 to 255");
    }
    if (!ipv4 && !ipv6) {
      throw new IllegalArgumentException("neither IPv4 nor IPv6: wanted at least one");
    }
  }

  /** This configuration for another cluster. */
  public PolicyConfig withCluster(String name, int id) {
    return new PolicyConfig(
        name,
        id,
        enforcement,
        localClusterByDefault,
        ipv4,
        ipv6,
        allowLocalhost,
        hostFirewall,
        nodeSelectorLabels,
        l7Proxy,
        referenceCompat);
  }

  /** This configuration with another mode. */
  public PolicyConfig withEnforcement(EnforcementMode mode) {
    return new PolicyConfig(
        clusterName,
        clusterId,
        mode,
        localClusterByDefault,
        ipv4,
        ipv6,
        allowLocalhost,
        hostFirewall,
        nodeSelectorLabels,
        l7Proxy,
        referenceCompat);
  }

  /** This configuration for nodes whose own processes are treated as any other peer. */
  public PolicyConfig withoutLocalhostAccess() {
    return new PolicyConfig(
        clusterName,
        clusterId,
        enforcement,
        localClusterByDefault,
        ipv4,
        ipv6,
        false,
        hostFirewall,
        nodeSelectorLabels,
        l7Proxy,
        referenceCompat);
  }

  /** This configuration, answering as the reference implementation does. */
  public PolicyConfig withReferenceCompat() {
    return new PolicyConfig(
        clusterName,
        clusterId,
        enforcement,
        localClusterByDefault,
        ipv4,
        ipv6,
        allowLocalhost,
        hostFirewall,
        nodeSelectorLabels,
        l7Proxy,
        true);
  }
}
