// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;

/**
 * The programs and the maps they share, loaded once for a node: every device of a kind has a hook
 * that leads to the one program for it.
 *
 * @param byEntry each program
 * @param maps what they read
 */
record Programs(Map<Entry, BpfProgram> byEntry, KernelMaps maps) implements AutoCloseable {

  /** A place where packets come in, and the program that stands there. */
  enum Entry {
    /** Decides what a pod sends. */
    FROM_CONTAINER("bpf_lxc", "cil_from_container"),

    /** Decides what the node and the outside send to pods. */
    FROM_HOST("bpf_host", "cil_from_host"),

    /** Looks at what a network sends to the node. */
    FROM_NETDEV("bpf_netdev", "cil_from_netdev"),

    /** The same, and decides what it sends to the node itself; only with a host firewall. */
    GUARD_IN("bpf_guard_in", "cil_guard_in"),

    /** Decides what the node itself sends to a network; the same. */
    TO_NETDEV("bpf_guard_out", "cil_to_netdev"),

    /** Decides what other nodes send through the tunnel; only where there is one. */
    FROM_OVERLAY("bpf_overlay", "cil_from_overlay"),

    /** Decides what the proxy sends; only where there is a place for one. */
    FROM_PROXY("bpf_proxy", "cil_from_proxy"),

    /** Leads the proxy's new connections to its listeners; the same. */
    STEER("bpf_steer", "cil_steer");

    private final String object;
    private final String program;

    Entry(String object, String program) {
      this.object = object;
      this.program = program;
    }
  }

  /**
   * Loads those that the configuration needs; the maps are those of an earlier process where it
   * left some, or have what is in those where their layout or capacity was another.
   *
   * @param devices what they know of devices
   */
  static Programs load(Config config, BpfFs pins, Recording recording, PlaceDevices devices) {
    Map<Entry, BpfProgram> loaded = new EnumMap<>(Entry.class);
    KernelMaps maps = null;
    LayoutNumber.requireKnown(pins);
    MapResizing resizing = MapResizing.begin(pins, KernelMaps.sizes(config.limits()));
    LayoutMigration migration = LayoutMigration.begin(pins);
    try {
      for (Entry entry : Entry.values()) {
        if (!devices.needs(entry, config)) {
          continue;
        }
        try (BpfObject object = open(entry.object, config, pins, resizing.sizes(), recording)) {
          devices.describe(object, config);
          object.load();
          loaded.put(entry, object.program(entry.program));
          if (maps == null) {
            maps = KernelMaps.of(object);
          }
        }
      }
      resizing.end();
      migration.copy();
      migration.end();
      LayoutNumber.note(pins);
      return new Programs(loaded, Objects.requireNonNull(maps));
    } catch (RuntimeException e) {
      loaded.values().forEach(BpfProgram::close);
      if (maps != null) {
        maps.close();
      }
      migration.undo(e);
      resizing.undo(e);
      throw e;
    }
  }

  /** The program of an entry. */
  BpfProgram at(Entry entry) {
    return Objects.requireNonNull(byEntry.get(entry));
  }

  private static BpfObject open(
      String name, Config config, BpfFs pins, Map<String, Integer> sizes, Recording recording) {
    BpfObject object = BpfObject.open(read(name), name);
    object
        .setConst("cfg_cluster_id", config.localClusterId())
        .setConst("cfg_host_endpoint", config.hostFirewall() ? Endpoint.HOST_ID : 0)
        .setConst("cfg_refuse", config.noBackendResponse() == NoBackendResponse.REJECT ? 1 : 0)
        .setConst("cfg_trace_all", config.tracing().everyPacket() ? 1 : 0)
        .setConst("cfg_events_per_second", config.tracing().mostInASecond())
        .setConst("cfg_trace_interval", config.tracing().intervalSeconds())
        .setConst("cfg_redirect_peer", supported(Feature.HELPER_REDIRECT_PEER))
        .setConst("cfg_coarse_clock", supported(Feature.HELPER_KTIME_GET_COARSE_NS));
    if (name.equals(Entry.FROM_HOST.object)) {
      object.setConst("cfg_asks_conntrack", supported(Feature.KFUNC_SKB_CT_LOOKUP));
    }
    KernelMaps.declare(object, pins, config.limits(), sizes, recording);
    return object;
  }

  /** Opens an object that shares the maps of those that are loaded. */
  static BpfObject openBeside(String name, BpfFs pins) {
    BpfObject object = BpfObject.open(read(name), name);
    object.setConst("cfg_coarse_clock", supported(Feature.HELPER_KTIME_GET_COARSE_NS));
    KernelMaps.share(object, pins);
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

  /** Pins each under its name, in the place of those of an earlier process. */
  void pin(BpfFs folder) {
    for (BpfProgram program : byEntry.values()) {
      folder.remove(program.name());
      program.pin(folder.pin(program.name()));
    }
  }

  /** Pins those again whose pin somebody removed; whether there was one. */
  boolean pinMissing(BpfFs folder) {
    boolean isMissing = false;
    for (BpfProgram program : byEntry.values()) {
      if (!Files.exists(folder.pin(program.name()))) {
        program.pin(folder.pin(program.name()));
        isMissing = true;
      }
    }
    return isMissing;
  }

  @Override
  public void close() {
    byEntry.values().forEach(BpfProgram::close);
    maps.close();
  }
}
