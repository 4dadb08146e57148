// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;

/** {@code struct lxc_key}: a local endpoint's address. */
final class AddressKey implements Codec<IpAddress> {

  static final AddressKey CODEC = new AddressKey();

  private static final MemoryLayout LAYOUT =
      MemoryLayout.structLayout(
              Fields.address("address"), Fields.U32.withName("family"), Fields.U32.withName("pad"))
          .withName("lxc_key");

  private static final long FAMILY = Fields.offset(LAYOUT, "family");

  private AddressKey() {}

  @Override
  public MemoryLayout layout() {
    return LAYOUT;
  }

  @Override
  public void write(IpAddress address, MemorySegment to) {
    Fields.putAddress(to, 0, address);
    to.set(Fields.U32, FAMILY, Fields.number(address.family()));
  }

  @Override
  public IpAddress read(MemorySegment from) {
    return Fields.getAddress(from, 0, Fields.family(from.get(Fields.U32, FAMILY)));
  }
}
