// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** {@code struct ipcache_key}: a prefix as a trie compares it, family first, then the address. */
final class PrefixKey implements Codec<IpPrefix> {

  static final PrefixKey CODEC = new PrefixKey();

  private static final int FAMILY_BITS = 32;

  private static final MemoryLayout LAYOUT =
      MemoryLayout.structLayout(
              Fields.U32.withName("prefix_bits"),
              Fields.BE32.withName("family"),
              Fields.address("address"))
          .withName("ipcache_key");

  private static final long FAMILY = Fields.offset(LAYOUT, "family");
  private static final long ADDRESS = Fields.offset(LAYOUT, "address");

  private PrefixKey() {}

  @Override
  public MemoryLayout layout() {
    return LAYOUT;
  }

  @Override
  public void write(IpPrefix prefix, MemorySegment to) {
    to.set(ValueLayout.JAVA_INT, 0, FAMILY_BITS + prefix.length());
    to.set(Fields.BE32, FAMILY, Fields.number(prefix.family()));
    Fields.putLeftAligned(to, ADDRESS, prefix.address());
  }

  @Override
  public IpPrefix read(MemorySegment from) {
    IpFamily family = Fields.family(from.get(Fields.BE32, FAMILY));
    return new IpPrefix(
        Fields.getLeftAligned(from, ADDRESS, family),
        from.get(ValueLayout.JAVA_INT, 0) - FAMILY_BITS);
  }
}
