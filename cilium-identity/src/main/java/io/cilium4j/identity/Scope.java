// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import java.util.Optional;
import java.util.Set;

/** How far a number reaches that a label set gets, and which sets have a fixed one. */
enum Scope {
  /** The same on all nodes. */
  CLUSTER_WIDE,
  /** This node's own, for prefixes and DNS names. */
  LOCAL,
  /** This node's own, for nodes. */
  REMOTE_NODE;

  /** Beside that of a node or of the world: the API server is there. */
  static final Label API_SERVER = Label.reserved(keyOf(ReservedIdentity.KUBE_APISERVER));

  /** A set of these sources alone describes addresses and not a workload. */
  private static final Set<String> ADDRESS_SOURCES =
      Set.of(LabelSource.CIDR, LabelSource.FQDN, LabelSource.CIDR_GROUP, LabelSource.RESERVED);

  /** The scope of a set that {@link #fixed} has no number for. */
  static Scope of(Labels labels) {
    if (has(labels, ReservedIdentity.REMOTE_NODE)) {
      return REMOTE_NODE;
    }
    if (has(labels, ReservedIdentity.INGRESS)
        || labels.stream().map(Label::source).allMatch(ADDRESS_SOURCES::contains)) {
      return LOCAL;
    }
    return CLUSTER_WIDE;
  }

  /** The scope of a number. */
  static Scope of(int id) {
    if (id >= Identity.REMOTE_NODE_SCOPE) {
      return REMOTE_NODE;
    }
    return Identity.isLocal(id) ? LOCAL : CLUSTER_WIDE;
  }

  /**
   * The reserved identity that the labels mean by themselves. The host is one whatever else is
   * known of it, and another node unless it has labels of its own; other reserved labels must stand
   * alone, since with a prefix beside it even {@code world} is narrower than the world.
   */
  static Optional<ReservedIdentity> fixed(Labels labels) {
    if (has(labels, ReservedIdentity.HOST)) {
      return Optional.of(ReservedIdentity.HOST);
    }
    if (has(labels, ReservedIdentity.REMOTE_NODE)) {
      if (labels.hasSource(LabelSource.NODE) || labels.hasSource(LabelSource.K8S)) {
        return Optional.empty();
      }
      return Optional.of(
          has(labels, ReservedIdentity.KUBE_APISERVER)
              ? ReservedIdentity.KUBE_APISERVER
              : ReservedIdentity.REMOTE_NODE);
    }
    if (labels.size() != 1) {
      return Optional.empty();
    }
    Label only = labels.sorted().getFirst();
    for (ReservedIdentity candidate : ReservedIdentity.values()) {
      // Number 7 needs a node beside it; unknown and the aggregates are never anybody's.
      if (candidate != ReservedIdentity.UNKNOWN
          && candidate != ReservedIdentity.KUBE_APISERVER
          && !candidate.isAggregate()
          && candidate.identity().labels().contains(only)) {
        return Optional.of(candidate);
      }
    }
    return Optional.empty();
  }

  static boolean has(Labels labels, ReservedIdentity reserved) {
    return labels.hasReserved(keyOf(reserved));
  }

  /** The key of the label that gives the identity its name. */
  static String keyOf(ReservedIdentity reserved) {
    return reserved == ReservedIdentity.KUBE_APISERVER
        ? "kube-apiserver"
        : reserved.identity().labels().sorted().getFirst().key();
  }
}
