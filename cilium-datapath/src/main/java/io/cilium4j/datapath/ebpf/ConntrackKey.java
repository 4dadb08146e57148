// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct ct_key4} and {@code struct ct_key6}: a flow's two ends, in numerical order.
 *
 * @param low the end with the lower address, or of one address the lower port
 * @param asker of ICMP 1 where the low end asked and 2 where the high end did; 0 for the rest
 */
record ConntrackKey(
    IpAddress low, int lowPort, IpAddress high, int highPort, int protocol, int asker) {

  static final Codec<ConntrackKey> IPV4 = new Layout(IpFamily.IPV4);
  static final Codec<ConntrackKey> IPV6 = new Layout(IpFamily.IPV6);

  static Codec<ConntrackKey> codec(IpFamily family) {
    return family == IpFamily.IPV4 ? IPV4 : IPV6;
  }

  private static final class Layout implements Codec<ConntrackKey> {
    private final IpFamily family;
    private final MemoryLayout layout;
    private final long addressBytes;
    private final long ports;
    private final long protocol;
    private final long asker;

    Layout(IpFamily family) {
      this.family = family;
      boolean isV4 = family == IpFamily.IPV4;
      MemoryLayout address = isV4 ? Fields.BE32 : Fields.address("address");
      this.layout =
          MemoryLayout.structLayout(
                  MemoryLayout.sequenceLayout(2, address).withName("address"),
                  MemoryLayout.sequenceLayout(2, Fields.BE16).withName("port"),
                  Fields.U8.withName("protocol"),
                  Fields.U8.withName("icmp"),
                  Fields.pad("pad", 2))
              .withName(isV4 ? "ct_key4" : "ct_key6");
      this.addressBytes = address.byteSize();
      this.ports = Fields.offset(layout, "port");
      this.protocol = Fields.offset(layout, "protocol");
      this.asker = Fields.offset(layout, "icmp");
    }

    @Override
    public MemoryLayout layout() {
      return layout;
    }

    @Override
    public void write(ConntrackKey key, MemorySegment to) {
      putAddress(to, 0, key.low);
      putAddress(to, addressBytes, key.high);
      to.set(Fields.BE16, ports, (short) key.lowPort);
      to.set(Fields.BE16, ports + 2, (short) key.highPort);
      to.set(Fields.U8, protocol, (byte) key.protocol);
      to.set(Fields.U8, asker, (byte) key.asker);
    }

    private void putAddress(MemorySegment to, long offset, IpAddress address) {
      if (family == IpFamily.IPV4) {
        to.set(Fields.BE32, offset, (int) address.low());
      } else {
        Fields.putAddress(to, offset, address);
      }
    }

    private IpAddress getAddress(MemorySegment from, long offset) {
      return family == IpFamily.IPV4
          ? IpAddress.ofV4(from.get(Fields.BE32, offset))
          : Fields.getAddress(from, offset, family);
    }

    @Override
    public ConntrackKey read(MemorySegment from) {
      return new ConntrackKey(
          getAddress(from, 0),
          Short.toUnsignedInt(from.get(Fields.BE16, ports)),
          getAddress(from, addressBytes),
          Short.toUnsignedInt(from.get(Fields.BE16, ports + 2)),
          Byte.toUnsignedInt(from.get(Fields.U8, protocol)),
          Byte.toUnsignedInt(from.get(Fields.U8, asker)));
    }
  }
}
