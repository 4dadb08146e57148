// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probes;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;

/**
 * The two programs and the maps they share, loaded once for a node: every pod's device has a hook
 * that leads to the one program for pods.
 *
 * @param fromContainer decides what a pod sends
 * @param fromHost decides what the node and the outside send to pods
 * @param maps what both read
 */
record Programs(BpfProgram fromContainer, BpfProgram fromHost, KernelMaps maps)
    implements AutoCloseable {

  private static final String LXC_OBJECT = "bpf_lxc";
  private static final String HOST_OBJECT = "bpf_host";

  /** Loads both; the maps are those of an earlier process where it left some. */
  static Programs load(Config config, BpfFs pins) {
    try (BpfObject lxc = open(LXC_OBJECT, config, pins);
        BpfObject host = open(HOST_OBJECT, config, pins)) {
      lxc.load();
      KernelMaps maps = KernelMaps.of(lxc);
      BpfProgram fromContainer = lxc.program("cil_from_container");
      try {
        host.load();
        return new Programs(fromContainer, host.program("cil_from_host"), maps);
      } catch (RuntimeException e) {
        fromContainer.close();
        maps.close();
        throw e;
      }
    }
  }

  private static BpfObject open(String name, Config config, BpfFs pins) {
    BpfObject object = BpfObject.open(read(name), name);
    object
        .setConst("cfg_cluster_id", config.localClusterId())
        .setConst("cfg_redirect_peer", supported(Feature.HELPER_REDIRECT_PEER))
        .setConst("cfg_coarse_clock", supported(Feature.HELPER_KTIME_GET_COARSE_NS));
    KernelMaps.declare(object, pins, config.limits());
    return object;
  }

  private static int supported(Feature feature) {
    return Probes.of(feature).isSupported() ? 1 : 0;
  }

  private static byte[] read(String name) {
    String file = name + ".bpf.o";
    try (InputStream in = Programs.class.getResourceAsStream(file)) {
      if (in == null) {
        throw new DatapathException("the program " + file + " is not in the jar");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new DatapathException("cannot read the program " + file, e);
    }
  }

  /** Pins both under their names, in the place of those of an earlier process. */
  void pin(BpfFs folder) {
    for (BpfProgram program : List.of(fromContainer, fromHost)) {
      folder.remove(program.name());
      program.pin(folder.pin(program.name()));
    }
  }

  @Override
  public void close() {
    fromContainer.close();
    fromHost.close();
    maps.close();
  }
}
