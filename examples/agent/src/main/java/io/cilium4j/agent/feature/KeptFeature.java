// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.PrefilterList;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.api.model.PrefilterSpec;
import io.cilium4j.api.model.RecorderSpec;
import io.cilium4j.core.state.StoredTable;

/** What clients of the API asked for and no program carries out yet: it is kept. */
public final class KeptFeature implements Feature {
  private final StoredTable<Long, RecorderSpec> recorders;
  private final PrefilterList prefilter;
  private final DnsCache dnsCache = new DnsCache();

  /** Reads what an earlier run kept. */
  public KeptFeature(FeatureContext context) {
    this.recorders = new FileTable<>("recorders", context.folder(), RecorderSpec.class);
    this.prefilter =
        new PrefilterList(new FileTable<>("prefilter", context.folder(), PrefilterSpec.class));
  }

  /** Recordings of packets, by number. */
  public StoredTable<Long, RecorderSpec> recorders() {
    return recorders;
  }

  /** Prefixes whose packets are to be dropped first of all. */
  public PrefilterList prefilter() {
    return prefilter;
  }

  /** What endpoints were told for DNS names. */
  public DnsCache dnsCache() {
    return dnsCache;
  }
}
