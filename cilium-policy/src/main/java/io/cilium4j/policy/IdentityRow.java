// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One identity of an {@link IdentitiesSnapshot}, made ready for matching. */
final class IdentityRow {
  private final Identity identity;

  /** The identity's number, here because to compile is to walk through many rows. */
  private final int id;

  private final Map<String, NamedPort> namedPorts;
  private final List<IpPrefix> prefixes;

  /** Where it stands in the store; a snapshot sees the rows below its own count. */
  private final int index;

  /** The row that had this number before, if one had. */
  private final @Nullable IdentityRow previous;

  /** The store's version from which on it is gone; 0 while it is there. */
  private volatile long goneSince;

  IdentityRow(
      Identity identity,
      Map<String, NamedPort> namedPorts,
      int index,
      @Nullable IdentityRow previous) {
    this.identity = identity;
    this.id = identity.id();
    this.namedPorts = Map.copyOf(namedPorts);
    this.prefixes = prefixesOf(identity);
    this.index = index;
    this.previous = previous;
  }

  /** An address has one, the longest that holds it; a node or pod may have one a family. */
  private static List<IpPrefix> prefixesOf(Identity identity) {
    List<IpPrefix> prefixes = List.of();
    for (Label label : identity.labels()) {
      IpPrefix prefix =
          label.source().equals(LabelSource.CIDR)
              ? CidrLabels.tryParseKey(label.key()).orElse(null)
              : null;
      if (prefix != null) {
        prefixes = prefixes.isEmpty() ? new ArrayList<>(1) : prefixes;
        prefixes.add(prefix);
      }
    }
    return prefixes;
  }

  int id() {
    return id;
  }

  Identity identity() {
    return identity;
  }

  Map<String, NamedPort> namedPorts() {
    return namedPorts;
  }

  /** The prefixes that its CIDR labels stand for; most identities have none. */
  List<IpPrefix> prefixes() {
    return prefixes;
  }

  int index() {
    return index;
  }

  @Nullable IdentityRow previous() {
    return previous;
  }

  void removeSince(long version) {
    goneSince = version;
  }

  /** Whether a snapshot of this version still has it. */
  boolean isThereAt(long version) {
    long gone = goneSince;
    return gone == 0 || gone > version;
  }

  /** Its place, which is better spread than anything: every row of a snapshot has its own. */
  @Override
  public int hashCode() {
    return index;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return this == other;
  }

  /** The label of this key, or null. The hot loop of selecting: no Optional. */
  @Nullable Label label(String key) {
    List<Label> sorted = identity.labels().sorted();
    int low = 0;
    int high = sorted.size() - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Label label = sorted.get(middle);
      int order = label.key().compareTo(key);
      if (order == 0) {
        return label;
      }
      if (order < 0) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return null;
  }
}
