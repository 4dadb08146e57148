// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.ReservedIdentity;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The labels of an address, from those of all prefixes that hold it, laid over each other from the
 * shortest prefix to the longest.
 *
 * <ul>
 *   <li>Of one key the longest prefix's label stays.
 *   <li>Of CIDR labels one stays, the longest prefix's: a selector of a wider CIDR matches it by
 *       containment.
 *   <li>What is the cluster's own (host, nodes, health, ingress) is not the world, and no rule
 *       about CIDRs or DNS names means it.
 *   <li>Everything else is the world's, also where nothing but a prefix is known.
 *   <li>At most {@value Labels#MAX_LABELS} stay: reserved ones and the CIDR's first, then by key.
 * </ul>
 */
final class PrefixLabels {

  private static final Set<String> ADDRESS_SOURCES =
      Set.of(LabelSource.CIDR, LabelSource.FQDN, LabelSource.CIDR_GROUP);

  private final TreeMap<String, Label> byKey = new TreeMap<>();
  private @Nullable Label cidr;
  private int leftOut;

  /** Every address of the family. */
  static IpPrefix all(IpFamily family) {
    IpAddress first =
        family == IpFamily.IPV4 ? IpAddress.ofV4(0) : new IpAddress(IpFamily.IPV6, 0, 0);
    return new IpPrefix(first, 0);
  }

  /** Lays labels over those so far. */
  void overlay(Labels labels) {
    for (Label label : labels) {
      if (label.source().equals(LabelSource.CIDR)) {
        cidr = label;
      } else {
        byKey.put(label.key(), label);
      }
    }
  }

  /** The outcome for a prefix of this family, in a cluster that uses these families. */
  Labels finish(IpFamily family, Set<IpFamily> clusterFamilies) {
    var all = new ArrayList<>(byKey.values());
    if (cidr != null) {
      all.add(cidr);
    }
    all.removeIf(PrefixLabels::isWorld);
    all.sort(Comparator.comparing(label -> !label.isReserved() && !label.equals(cidr)));
    int kept = Math.min(all.size(), Labels.MAX_LABELS - 1); // With room for the world's.
    leftOut = all.size() - kept;
    Labels merged = Labels.of(all.subList(0, kept));
    boolean clusters =
        Scope.has(merged, ReservedIdentity.HOST)
            || Scope.has(merged, ReservedIdentity.REMOTE_NODE)
            || Scope.has(merged, ReservedIdentity.HEALTH)
            || Scope.has(merged, ReservedIdentity.INGRESS);
    if (clusters) {
      return Labels.of(
          merged.stream().filter(label -> !ADDRESS_SOURCES.contains(label.source())).toList());
    }
    return merged.with(Label.reserved(Scope.keyOf(world(family, clusterFamilies))));
  }

  /** How many labels the outcome had no room for. */
  int leftOut() {
    return leftOut;
  }

  private static boolean isWorld(Label label) {
    return label.isReserved()
        && (label.key().equals(Scope.keyOf(ReservedIdentity.WORLD))
            || label.key().equals(Scope.keyOf(ReservedIdentity.WORLD_IPV4))
            || label.key().equals(Scope.keyOf(ReservedIdentity.WORLD_IPV6)));
  }

  /** In a cluster of one family the world is just the world. */
  private static ReservedIdentity world(IpFamily family, Set<IpFamily> clusterFamilies) {
    if (clusterFamilies.size() == 1 && clusterFamilies.contains(family)) {
      return ReservedIdentity.WORLD;
    }
    return family == IpFamily.IPV4 ? ReservedIdentity.WORLD_IPV4 : ReservedIdentity.WORLD_IPV6;
  }
}
