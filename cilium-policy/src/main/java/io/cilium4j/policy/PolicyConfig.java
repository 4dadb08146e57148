// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.Objects;
import java.util.Set;

/**
 * What changes the meaning of policies. {@link #toBuilder} changes single options.
 *
 * @param clusterName name of our own cluster
 * @param clusterId its id, 0 to 255
 * @param enforcement when endpoints are restricted
 * @param denial what becomes of a denial
 * @param localClusterByDefault whether a selector that names no cluster means the local one
 * @param ipv4 whether the cluster has IPv4
 * @param ipv6 whether the cluster has IPv6
 * @param allowLocalhost whether the node's own processes reach its endpoints unless denied
 * @param hostFirewall whether policies for nodes are enforced on the host
 * @param nodeSelectorLabels whether nodes can be peers by label
 * @param cidrMatch which identities rules by address reach besides those outside the cluster
 * @param l7Proxy whether a proxy is there, so that rules may look at requests
 * @param extendedProtocols whether a rule on a protocol without ports may leave the port empty
 * @param nonDefaultDeny whether {@code enableDefaultDeny} is heeded; if not, every rule restricts
 *     each direction that it has items for
 * @param externalGroups whether something provides the addresses of groups outside the cluster
 *     ({@code fromGroups}, {@code toGroups}). If not, an allow rule with such a group selects no
 *     peer, and a deny rule denies everything outside the cluster, since its members are not known
 * @param referenceCompat whether to answer as the field's reference implementation does also where
 *     this engine differs on purpose ({@code docs/policy.md} says where), and to pass over unknown
 *     fields as it does
 */
public record PolicyConfig(
    String clusterName,
    int clusterId,
    EnforcementMode enforcement,
    DenialMode denial,
    boolean localClusterByDefault,
    boolean ipv4,
    boolean ipv6,
    boolean allowLocalhost,
    boolean hostFirewall,
    boolean nodeSelectorLabels,
    Set<CidrMatch> cidrMatch,
    boolean l7Proxy,
    boolean extendedProtocols,
    boolean nonDefaultDeny,
    boolean externalGroups,
    boolean referenceCompat) {

  /** A dual-stack cluster named {@code default}, as Kubernetes sets it up. */
  public static final PolicyConfig DEFAULT = new Builder().build();

  /** Who stands inside the cluster and yet is meant by rules that name addresses. */
  public enum CidrMatch {
    NODES,
    PODS
  }

  public PolicyConfig {
    Objects.requireNonNull(clusterName, "clusterName");
    Objects.requireNonNull(enforcement, "enforcement");
    Objects.requireNonNull(denial, "denial");
    cidrMatch = Set.copyOf(cidrMatch);
    if (clusterId < 0 || clusterId > 255) {
      throw new IllegalArgumentException("cluster id " + clusterId + ": wanted 0 to 255");
    }
    if (!ipv4 && !ipv6) {
      throw new IllegalArgumentException("neither IPv4 nor IPv6: wanted at least one");
    }
  }

  /** This configuration for another cluster. */
  public PolicyConfig withCluster(String name, int id) {
    return toBuilder().cluster(name, id).build();
  }

  /** This configuration with another mode. */
  public PolicyConfig withEnforcement(EnforcementMode mode) {
    return toBuilder().enforcement(mode).build();
  }

  /** This configuration for nodes whose own processes are treated as any other peer. */
  public PolicyConfig withoutLocalhostAccess() {
    return toBuilder().allowLocalhost(false).build();
  }

  /** This configuration, answering as the reference implementation does. */
  public PolicyConfig withReferenceCompat() {
    return toBuilder().referenceCompat(true).build();
  }

  /** A builder that begins with this configuration. */
  public Builder toBuilder() {
    var builder = new Builder();
    builder.clusterName = clusterName;
    builder.clusterId = clusterId;
    builder.enforcement = enforcement;
    builder.denial = denial;
    builder.localClusterByDefault = localClusterByDefault;
    builder.ipv4 = ipv4;
    builder.ipv6 = ipv6;
    builder.allowLocalhost = allowLocalhost;
    builder.hostFirewall = hostFirewall;
    builder.nodeSelectorLabels = nodeSelectorLabels;
    builder.cidrMatch = cidrMatch;
    builder.l7Proxy = l7Proxy;
    builder.extendedProtocols = extendedProtocols;
    builder.nonDefaultDeny = nonDefaultDeny;
    builder.externalGroups = externalGroups;
    builder.referenceCompat = referenceCompat;
    return builder;
  }

  /** A configuration in the making; what is not set is as in {@link #DEFAULT}. */
  public static final class Builder {
    private String clusterName = "default";
    private int clusterId;
    private EnforcementMode enforcement = EnforcementMode.DEFAULT;
    private DenialMode denial = DenialMode.DROP;
    private boolean localClusterByDefault = true;
    private boolean ipv4 = true;
    private boolean ipv6 = true;
    private boolean allowLocalhost = true;
    private boolean hostFirewall;
    private boolean nodeSelectorLabels;
    private Set<CidrMatch> cidrMatch = Set.of();
    private boolean l7Proxy = true;
    private boolean extendedProtocols;
    private boolean nonDefaultDeny = true;
    private boolean externalGroups;
    private boolean referenceCompat;

    private Builder() {}

    public Builder cluster(String name, int id) {
      clusterName = name;
      clusterId = id;
      return this;
    }

    public Builder enforcement(EnforcementMode mode) {
      enforcement = mode;
      return this;
    }

    public Builder denial(DenialMode mode) {
      denial = mode;
      return this;
    }

    public Builder localClusterByDefault(boolean on) {
      localClusterByDefault = on;
      return this;
    }

    public Builder families(boolean v4, boolean v6) {
      ipv4 = v4;
      ipv6 = v6;
      return this;
    }

    public Builder allowLocalhost(boolean on) {
      allowLocalhost = on;
      return this;
    }

    public Builder hostFirewall(boolean on) {
      hostFirewall = on;
      return this;
    }

    public Builder nodeSelectorLabels(boolean on) {
      nodeSelectorLabels = on;
      return this;
    }

    public Builder cidrMatch(Set<CidrMatch> matched) {
      cidrMatch = matched;
      return this;
    }

    public Builder l7Proxy(boolean on) {
      l7Proxy = on;
      return this;
    }

    public Builder extendedProtocols(boolean on) {
      extendedProtocols = on;
      return this;
    }

    public Builder nonDefaultDeny(boolean on) {
      nonDefaultDeny = on;
      return this;
    }

    public Builder externalGroups(boolean on) {
      externalGroups = on;
      return this;
    }

    public Builder referenceCompat(boolean on) {
      referenceCompat = on;
      return this;
    }

    /** The configuration; fails on one that makes no sense. */
    public PolicyConfig build() {
      return new PolicyConfig(
          clusterName,
          clusterId,
          enforcement,
          denial,
          localClusterByDefault,
          ipv4,
          ipv6,
          allowLocalhost,
          hostFirewall,
          nodeSelectorLabels,
          cidrMatch,
          l7Proxy,
          extendedProtocols,
          nonDefaultDeny,
          externalGroups,
          referenceCompat);
    }
  }
}
