// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The numbers that a label set may have in a cluster, the best first: each number of the cluster's
 * range once, in an order that follows from the labels alone. So all nodes try the same numbers for
 * the same labels.
 *
 * <p>The order begins at a hash of the labels and goes on in steps of another hash, as a table with
 * open addressing does. As there, the rule that makes it work is that whoever has the n-th number
 * of its sequence finds the n-1 before it taken: then a search may end at the first free number.
 * {@link ClusterIdentityBackend} takes the first free one, and the operator deletes none that
 * stands before another that is there.
 */
final class NumberSequence {
  private final int min;
  private final int count;
  private final int first;
  private final int step;

  /** The sequence of these labels in this cluster, 0 to 255. */
  static NumberSequence of(Labels labels, int clusterId) {
    return new NumberSequence(labels, clusterId);
  }

  /** First number of a cluster's range; only cluster 0 has reserved ones. */
  static int min(int clusterId) {
    return clusterId == 0 ? Identity.MIN_CLUSTER_WIDE : clusterId << 16;
  }

  /** Last number of a cluster's range. */
  static int max(int clusterId) {
    return (clusterId << 16) | Identity.MAX_CLUSTER_WIDE;
  }

  /** Whether a number is of a cluster's range. */
  static boolean isOf(int clusterId, int number) {
    return number >= min(clusterId) && number <= max(clusterId);
  }

  private NumberSequence(Labels labels, int clusterId) {
    this.min = min(clusterId);
    this.count = max(clusterId) - min + 1;
    ByteBuffer hash = ByteBuffer.wrap(hash(labels.canonical()));
    this.first = (int) Long.remainderUnsigned(hash.getLong(), count);
    this.step = coprime((int) Long.remainderUnsigned(hash.getLong(), count));
  }

  private static byte[] hash(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("each JDK has SHA-256", e);
    }
  }

  /** The next step that leads to every number before it leads back. */
  private int coprime(int atLeast) {
    int candidate = Math.max(1, atLeast);
    BigInteger size = BigInteger.valueOf(count);
    while (!BigInteger.valueOf(candidate).gcd(size).equals(BigInteger.ONE)) {
      candidate++;
    }
    return candidate;
  }

  /** How many numbers there are. */
  int size() {
    return count;
  }

  /** The number at a position, counted from 0. */
  int at(int position) {
    return min + (int) ((first + (long) position * step) % count);
  }
}
