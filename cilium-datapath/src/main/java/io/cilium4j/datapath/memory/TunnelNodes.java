// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.RowKey;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The other nodes that are reached through tunnels. No verdict depends on them: they are looked at
 * for each packet. Immutable.
 */
final class TunnelNodes {
  static final TunnelNodes NONE = new TunnelNodes(Map.of());

  private final Map<String, NodeRow> rows;
  private final Map<IpAddress, Integer> mtuBytes = new HashMap<>();

  private TunnelNodes(Map<String, NodeRow> rows) {
    this.rows = rows;
    for (NodeRow row : rows.values()) {
      row.tunnelEndpoint().ifPresent(address -> mtuBytes.put(address, row.mtuBytes()));
    }
  }

  /**
   * The largest packet that may go into the tunnel to an address, 0 for any; null if no node has
   * the address.
   */
  @Nullable Integer mtuBytes(IpAddress address) {
    return mtuBytes.get(address);
  }

  /** These with a node's row; this very object if it is there. */
  TunnelNodes with(NodeRow row) {
    if (row.equals(rows.get(row.name()))) {
      return this;
    }
    Map<String, NodeRow> all = new HashMap<>(rows);
    all.put(row.name(), row);
    return new TunnelNodes(all);
  }

  /** These without a node; this very object if it is not there. */
  TunnelNodes without(NodeKey key) {
    if (!rows.containsKey(key.name())) {
      return this;
    }
    Map<String, NodeRow> all = new HashMap<>(rows);
    all.remove(key.name());
    return new TunnelNodes(all);
  }

  /** Those of these keys; this very object if all are. */
  TunnelNodes retain(Set<RowKey> keys) {
    Map<String, NodeRow> all = new HashMap<>(rows);
    return all.keySet().removeIf(name -> !keys.contains(new NodeKey(name)))
        ? new TunnelNodes(all)
        : this;
  }
}
