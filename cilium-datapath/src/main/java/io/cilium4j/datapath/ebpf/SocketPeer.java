// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/**
 * {@code struct lb_peer}: a socket, and the backend that it speaks to.
 *
 * @param cookie the kernel's number of the socket
 */
record SocketPeer(long cookie, IpAddress address, int port) {

  private static final MemoryLayout KEY =
      MemoryLayout.structLayout(
              Fields.U64.withName("cookie"),
              Fields.address("address"),
              Fields.BE16.withName("port"),
              Fields.pad("pad", 6))
          .withName("lb_peer");

  private static final MemoryLayout VALUE =
      MemoryLayout.structLayout(
              Fields.address("address"), Fields.BE16.withName("port"), Fields.pad("pad", 6))
          .withName("lb_vip");

  /**
   * {@code struct lb_vip}: the frontend that a socket thinks it speaks to.
   *
   * @param address as bytes of {@code struct ip_addr}: the family is the backend's
   */
  record Frontend(MemorySegment address, int port) {

    IpAddress address(IpFamily family) {
      return Fields.getAddress(address, 0, family);
    }
  }

  static final Codec<SocketPeer> CODEC =
      new Codec<>() {
        @Override
        public MemoryLayout layout() {
          return KEY;
        }

        @Override
        public void write(SocketPeer peer, MemorySegment to) {
          to.set(Fields.U64, 0, peer.cookie);
          Fields.putAddress(to, Fields.offset(KEY, "address"), peer.address);
          to.set(Fields.BE16, Fields.offset(KEY, "port"), (short) peer.port);
        }

        @Override
        public SocketPeer read(MemorySegment from) {
          throw new UnsupportedOperationException("nobody lists them");
        }
      };

  static final Codec<Frontend> FRONTEND =
      new Codec<>() {
        @Override
        public MemoryLayout layout() {
          return VALUE;
        }

        @Override
        public void write(Frontend frontend, MemorySegment to) {
          throw new UnsupportedOperationException("the programs write them");
        }

        @Override
        public Frontend read(MemorySegment from) {
          MemorySegment address = MemorySegment.ofArray(new long[2]);
          MemorySegment.copy(from, 0, address, 0, address.byteSize());
          return new Frontend(
              address, Short.toUnsignedInt(from.get(Fields.BE16, Fields.offset(VALUE, "port"))));
        }
      };
}
