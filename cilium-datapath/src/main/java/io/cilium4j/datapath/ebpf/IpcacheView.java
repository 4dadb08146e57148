// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ReservedIdentity;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Which identity a packet of a prefix would be given, if the prefix itself had no row: that of the
 * longest shorter prefix that has one, else the world's. A row that comes or goes must carry this
 * number for the epoch in which it is not there.
 */
final class IpcacheView {

  private final Map<IpPrefix, Integer> live = new HashMap<>();

  @Nullable Integer get(IpPrefix prefix) {
    return live.get(prefix);
  }

  void put(IpPrefix prefix, int identity) {
    live.put(prefix, identity);
  }

  void remove(IpPrefix prefix) {
    live.remove(prefix);
  }

  Set<IpPrefix> prefixes() {
    return live.keySet();
  }

  /** The identity that covers a prefix in the present state. */
  int cover(IpPrefix prefix) {
    return cover(prefix, live::get);
  }

  /** The identity that covers a prefix when {@code rows} tells which prefixes have one. */
  static int cover(IpPrefix prefix, Function<IpPrefix, @Nullable Integer> rows) {
    for (int length = prefix.length() - 1; length >= 0; length--) {
      Integer identity = rows.apply(new IpPrefix(prefix.address(), length));
      if (identity != null) {
        return identity;
      }
    }
    return ReservedIdentity.WORLD.id();
  }
}
