// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** One eBPF map with its entries. */
public record BPFMap(String path, List<BPFMapEntry> cache) {
  public BPFMap {
    path = Absent.text(path);
    cache = Absent.list(cache);
  }
}
