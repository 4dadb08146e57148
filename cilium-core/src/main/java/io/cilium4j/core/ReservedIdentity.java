// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/**
 * The identities with fixed numbers, the same in every cluster.
 *
 * <p>The four {@code AGGREGATE_*} ones stand in policy maps only: a key with one of them holds for
 * every identity that {@link Identity#aggregate} sends there, so that a wildcard needs five keys
 * and not one for each identity, and holds for identities that this node does not know yet.
 */
public enum ReservedIdentity {
  UNKNOWN(0, "unknown"),
  HOST(1, "host"),
  WORLD(2, "world"),
  UNMANAGED(3, "unmanaged"),
  HEALTH(4, "health"),
  INIT(5, "init"),
  REMOTE_NODE(6, "remote-node"),
  KUBE_APISERVER(7, "kube-apiserver"),
  INGRESS(8, "ingress"),
  WORLD_IPV4(9, "world-ipv4"),
  WORLD_IPV6(10, "world-ipv6"),
  AGGREGATE_CLUSTER(11, "aggregate-cluster"),
  AGGREGATE_CLUSTER_MESH(12, "aggregate-cluster-mesh"),
  AGGREGATE_WORLD(13, "aggregate-world"),
  AGGREGATE_REMOTE_NODE(14, "aggregate-remote-node");

  private final int id;
  private final String key;

  ReservedIdentity(int id, String key) {
    this.id = id;
    this.key = key;
  }

  /** The number. */
  public int id() {
    return id;
  }

  /** Number and labels. */
  public Identity identity() {
    Labels labels = Labels.of(Label.reserved(key));
    // The API server's own identity is that of a node which also runs it.
    return new Identity(
        id, this == KUBE_APISERVER ? labels.with(Label.reserved(REMOTE_NODE.key)) : labels);
  }

  /** Whether it stands in policy maps only and is never the identity of a packet. */
  public boolean isAggregate() {
    return id >= AGGREGATE_CLUSTER.id;
  }

  /** The reserved identity of this number. */
  public static Optional<ReservedIdentity> ofId(int id) {
    ReservedIdentity[] all = values();
    return id >= 0 && id < all.length ? Optional.of(all[id]) : Optional.empty();
  }
}
