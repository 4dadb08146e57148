// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/** {@code struct lb_key}: what a client of a service asks. */
final class FrontendKeyCodec implements Codec<FrontendKey> {

  static final FrontendKeyCodec CODEC = new FrontendKeyCodec();

  private static final MemoryLayout LAYOUT =
      MemoryLayout.structLayout(
              Fields.address("address"),
              Fields.BE16.withName("port"),
              Fields.U8.withName("protocol"),
              Fields.U8.withName("family"),
              Fields.U32.withName("pad"))
          .withName("lb_key");

  private static final long PORT = Fields.offset(LAYOUT, "port");
  private static final long PROTOCOL = Fields.offset(LAYOUT, "protocol");
  private static final long FAMILY = Fields.offset(LAYOUT, "family");

  private FrontendKeyCodec() {}

  @Override
  public MemoryLayout layout() {
    return LAYOUT;
  }

  @Override
  public void write(FrontendKey key, MemorySegment to) {
    Fields.putAddress(to, 0, key.address());
    to.set(Fields.BE16, PORT, (short) key.port());
    to.set(Fields.U8, PROTOCOL, (byte) key.protocol().number());
    to.set(Fields.U8, FAMILY, (byte) Fields.number(key.address().family()));
  }

  @Override
  public FrontendKey read(MemorySegment from) {
    int protocol = Byte.toUnsignedInt(from.get(Fields.U8, PROTOCOL));
    return new FrontendKey(
        Fields.getAddress(from, 0, Fields.family(from.get(Fields.U8, FAMILY))),
        Short.toUnsignedInt(from.get(Fields.BE16, PORT)),
        Protocol.ofNumber(protocol)
            .orElseThrow(() -> new IllegalArgumentException("protocol " + protocol)));
  }
}
