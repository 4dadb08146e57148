// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.agent.PrefilterList;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.api.model.PrefilterSpec;

/** What clients of the API asked for and no program carries out yet: it is kept. */
public final class KeptFeature implements Feature {
  private final PrefilterList prefilter;
  private final DnsCache dnsCache = new DnsCache();

  /** Reads what an earlier run kept. */
  public KeptFeature(FeatureContext context) {
    this.prefilter =
        new PrefilterList(new FileTable<>("prefilter", context.folder(), PrefilterSpec.class));
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
