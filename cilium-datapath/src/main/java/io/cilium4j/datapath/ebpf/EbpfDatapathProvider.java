// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probe;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.net.InstanceClaim;
import io.cilium4j.datapath.net.InstanceNames;
import java.nio.file.Files;
import java.util.List;

/** The kernel's eBPF as a datapath. */
public final class EbpfDatapathProvider implements DatapathProvider {

  /** Without one of these there is no datapath; everything newer has a fallback. */
  private static final List<Feature> NEEDED =
      List.of(Feature.BPF, Feature.MAP_LRU_HASH, Feature.MAP_LPM_TRIE, Feature.MAP_RINGBUF);

  /** For {@link java.util.ServiceLoader}. */
  public EbpfDatapathProvider() {}

  @Override
  public String name() {
    return EbpfDatapath.NAME;
  }

  @Override
  public Availability probe() {
    for (Feature feature : NEEDED) {
      switch (Probes.of(feature)) {
        case Probe.Supported() -> {
          // The next one.
        }
        case Probe.Unsupported(String since) -> {
          return new Availability(
              false, "the kernel has no " + feature + ", which came with Linux " + since);
        }
        case Probe.Inconclusive(RuntimeException cause) -> {
          return new Availability(false, String.valueOf(cause.getMessage()));
        }
      }
    }
    return new Availability(
        true,
        "the kernel takes eBPF programs"
            + (Probes.of(Feature.TCX_LINK).isSupported() ? " and tcx links" : ""));
  }

  @Override
  public boolean outlivesProcess(String instance) {
    return Files.exists(BpfFs.DEFAULT_MOUNT.resolve(new InstanceNames(instance).pinFolder()));
  }

  @Override
  public Datapath open(Config config) {
    Availability availability = probe();
    if (!availability.usable()) {
      throw new DatapathException("no eBPF datapath: " + availability.reason());
    }
    if (config.hostFirewall() && !Probes.of(Feature.KFUNC_SKB_CT_LOOKUP).isSupported()) {
      throw new DatapathException(
          "no host firewall: the kernel lends no bpf_skb_ct_lookup, which came with Linux "
              + Feature.KFUNC_SKB_CT_LOOKUP.since()
              + " and needs its BTF");
    }
    InstanceClaim claim = InstanceClaim.take(config);
    try {
      return new EbpfDatapath(config, Recording.OFF, claim::close);
    } catch (RuntimeException e) {
      claim.close();
      throw e;
    }
  }
}
