// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Makes the flows in the kernel's tables older: the kernel's clock is not for a test to move. */
public final class FlowAges {

  private static final long EXPIRES =
      ConntrackRecord.CODEC.layout().byteOffset(MemoryLayout.PathElement.groupElement("expires"));

  private FlowAges() {}

  /** As if nothing had happened for so long: each flow's end comes so much sooner. */
  public static void add(String instance, int seconds) {
    Path folder = MapDump.of(instance).folder();
    for (String table :
        new String[] {
          KernelMaps.CONNTRACK4, KernelMaps.CONNTRACK6, "cilium_ct4_overflow", "cilium_ct6_overflow"
        }) {
      if (Files.exists(folder.resolve(table))) {
        boolean v4 = table.contains("4");
        Codec<ConntrackKey> keys = v4 ? ConntrackKey.IPV4 : ConntrackKey.IPV6;
        age(folder.resolve(table), keys, seconds);
      }
    }
  }

  /**
   * Takes one of the two entries of each flow through a service away, as eviction does.
   *
   * @param ofFrontend whether it is the one of the flow to the frontend, or that of the backend
   * @return how many
   */
  public static int evict(String instance, boolean ofFrontend) {
    Path folder = MapDump.of(instance).folder();
    return evict(folder.resolve(KernelMaps.CONNTRACK4), ConntrackKey.IPV4, ofFrontend)
        + evict(folder.resolve(KernelMaps.CONNTRACK6), ConntrackKey.IPV6, ofFrontend);
  }

  private static int evict(Path pin, Codec<ConntrackKey> keys, boolean ofFrontend) {
    List<ConntrackKey> chosen = new ArrayList<>();
    try (var map = BpfMap.openPinned(pin, keys, ConntrackRecord.CODEC)) {
      map.forEach((key, entry) -> {
        if (entry.has(ConntrackRecord.NAT) && entry.has(ConntrackRecord.NAT_SOURCE) != ofFrontend) {
          chosen.add(key);
        }
      });
      chosen.forEach(map::delete);
    }
    return chosen.size();
  }

  private static void age(Path pin, Codec<ConntrackKey> keys, int seconds) {
    try (var map = BpfMap.openPinned(pin, keys, new Raw())) {
      map.forEach((key, entry) -> {
        ByteBuffer bytes = ByteBuffer.wrap(entry).order(ByteOrder.nativeOrder());
        int at = Math.toIntExact(EXPIRES);
        // Never below 0, from where the kernel's clock began: that is long ago for any.
        bytes.putInt(at, Math.max(0, bytes.getInt(at) - seconds));
        map.put(key, entry);
      });
    }
  }

  /** An entry as the bytes that it is. */
  private static final class Raw implements Codec<byte[]> {
    @Override
    public MemoryLayout layout() {
      return ConntrackRecord.CODEC.layout();
    }

    @Override
    public void write(byte[] value, MemorySegment to) {
      to.copyFrom(MemorySegment.ofArray(value));
    }

    @Override
    public byte[] read(MemorySegment from) {
      return from.asSlice(0, byteSize()).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }
  }
}
