// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.bpf.MapMemory;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Collection;

/**
 * How many frontends there are by the hash of their address, as programs read it: where there is
 * none of a hash, they do not look for a frontend. An address is added before a frontend of it is
 * there, and taken away after.
 *
 * <p>Not safe for use by several threads.
 */
final class FrontendAddresses implements AutoCloseable {

  /** As {@code LB_ADDRESS_BITS} in C. */
  private static final int BITS = 16;

  private static final VarHandle COUNT = ValueLayout.JAVA_INT.varHandle();

  private final MapMemory memory;

  /** Takes over the memory of {@code cilium_lb_addresses}. */
  FrontendAddresses(MapMemory memory) {
    this.memory = memory;
  }

  /** Makes the counts those of some addresses, one for each frontend, without ever less than so. */
  void restore(Collection<IpAddress> addresses) {
    int[] counts = new int[memory.size()];
    addresses.forEach(address -> counts[NearEpochs.index(address, BITS)]++);
    for (int i = 0; i < counts.length; i++) {
      COUNT.setRelease(memory.element(i), 0L, counts[i]);
    }
  }

  void add(IpAddress address) {
    change(address, 1);
  }

  void remove(IpAddress address) {
    change(address, -1);
  }

  private void change(IpAddress address, int by) {
    int _ = (int) COUNT.getAndAdd(memory.element(NearEpochs.index(address, BITS)), 0L, by);
  }

  @Override
  public void close() {
    memory.close();
  }
}
