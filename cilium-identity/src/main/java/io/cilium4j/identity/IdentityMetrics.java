// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.metrics.MetricFamily;
import io.cilium4j.core.metrics.MetricFamily.Kind;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * How many identities there are, and prefixes that have one.
 *
 * @param identities all identities that are known
 * @param ipcache which identity stands behind each prefix
 */
public record IdentityMetrics(
    Table<Integer, Identity> identities, Table<IpPrefix, IpcacheEntry> ipcache) {

  /** Both tables as they are now. */
  public List<MetricFamily> read() {
    Map<String, Long> types = new TreeMap<>(Map.of("reserved", 0L, "cluster_local", 0L));
    types.put("node_local", 0L);
    for (Row<Integer, Identity> row : identities.snapshot()) {
      types.merge(typeOf(row.key()), 1L, Long::sum);
    }
    List<Sample> samples = new ArrayList<>();
    types.forEach((type, count) -> samples.add(Sample.Value.of(Map.of("type", type), count)));
    return List.of(
        new MetricFamily("cilium_identity", Kind.GAUGE, "Identities known here", samples),
        MetricFamily.gauge(
            "cilium_ipcache_entries", "Prefixes with an identity", ipcache.snapshot().size()));
  }

  private static String typeOf(int identity) {
    if (Identity.isLocal(identity)) {
      return "node_local";
    }
    return identity < Identity.MIN_CLUSTER_WIDE ? "reserved" : "cluster_local";
  }
}
