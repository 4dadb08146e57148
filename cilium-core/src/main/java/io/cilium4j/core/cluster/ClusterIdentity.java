// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;

/**
 * The number that a label set has in the whole cluster: a {@code CiliumIdentity}. There is no more
 * to it than the number and the labels, and they never change.
 *
 * @param number a cluster-wide one
 * @param labels the identity-relevant labels
 * @param unused whether the operator found it unused and is about to delete it; whoever uses it
 *     takes the mark away, which makes the deletion fail
 */
public record ClusterIdentity(int number, Labels labels, boolean unused) implements ClusterObject {

  public ClusterIdentity {
    if (number < Identity.MIN_CLUSTER_WIDE || Identity.isLocal(number)) {
      throw new IllegalArgumentException("identity " + number + ": not cluster-wide");
    }
    if (labels.isEmpty()) {
      throw new IllegalArgumentException("identity " + number + ": has no labels");
    }
  }

  /** An identity that is in use. */
  public ClusterIdentity(int number, Labels labels) {
    this(number, labels, false);
  }

  /** The number in decimal. */
  @Override
  public String key() {
    return Integer.toString(number);
  }

  /** This identity with or without the mark. */
  public ClusterIdentity withUnused(boolean isUnused) {
    return new ClusterIdentity(number, labels, isUnused);
  }

  /** Number and labels. */
  public Identity identity() {
    return new Identity(number, labels);
  }
}
