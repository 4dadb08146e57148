// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Objects;

/**
 * The number that stands for a set of labels, and that set.
 *
 * <p>Numbers, by scope: below 256 reserved; from 256 to 65535 cluster-wide (cluster id 0; other
 * clusters have their cluster id in bits 16 to 23); from {@link #LOCAL_SCOPE} local to the node,
 * for prefixes and DNS names; from {@link #REMOTE_NODE_SCOPE} local too, for nodes.
 *
 * @param id the number, 0 to 2^26-1
 * @param labels the identity-relevant labels
 */
public record Identity(int id, Labels labels) {

  /** First number of the cluster-wide ones. */
  public static final int MIN_CLUSTER_WIDE = 256;

  /** Last number of the cluster-wide ones in cluster 0. */
  public static final int MAX_CLUSTER_WIDE = 65535;

  /** Bits 24 to 31 tell the scope: this one is for prefixes and DNS names. */
  public static final int LOCAL_SCOPE = 1 << 24;

  /** The scope of nodes that have labels or prefixes of their own. */
  public static final int REMOTE_NODE_SCOPE = 2 << 24;

  private static final int SCOPE_MASK = 0xff << 24;

  /** Numbers below this one have no aggregate but {@link ReservedIdentity#UNKNOWN}. */
  private static final int MIN_AGGREGATED = 100;

  public Identity {
    Objects.requireNonNull(labels, "labels");
    if (id < 0 || id >= 3 << 24) {
      throw new IllegalArgumentException(
          "identity " + Integer.toUnsignedString(id) + ": wanted 0 to " + ((3 << 24) - 1));
    }
  }

  /** Whether the number means something on this node only. */
  public static boolean isLocal(int id) {
    return (id & SCOPE_MASK) != 0;
  }

  /** Whether the number is that of pods, of whatever node. */
  public static boolean isOfPods(int id) {
    return id >= MIN_AGGREGATED && !isLocal(id);
  }

  /** The cluster that a cluster-wide number belongs to. */
  public static int clusterId(int id) {
    return (id >>> 16) & 0xff;
  }

  /**
   * The aggregate whose policy keys also hold for {@code id}. Every identity belongs to exactly
   * one; an aggregate belongs to itself.
   *
   * @param localClusterId the id of our own cluster, 0 to 255
   */
  public static int aggregate(int id, int localClusterId) {
    if (id < MIN_AGGREGATED) {
      return id >= ReservedIdentity.AGGREGATE_CLUSTER.id()
              && id <= ReservedIdentity.AGGREGATE_REMOTE_NODE.id()
          ? id
          : ReservedIdentity.UNKNOWN.id();
    }
    return switch (id & SCOPE_MASK) {
      case REMOTE_NODE_SCOPE -> ReservedIdentity.AGGREGATE_REMOTE_NODE.id();
      case LOCAL_SCOPE -> ReservedIdentity.AGGREGATE_WORLD.id();
      default ->
          clusterId(id) == localClusterId
              ? ReservedIdentity.AGGREGATE_CLUSTER.id()
              : ReservedIdentity.AGGREGATE_CLUSTER_MESH.id();
    };
  }

  @Override
  public String toString() {
    return id + " " + labels;
  }
}
