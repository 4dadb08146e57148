// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.ebpf.IpcacheRecord.Behind;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What a packet of a prefix would be told to be behind it, if the prefix itself had no row: what
 * the longest shorter prefix says that has one, else the world. A row that comes or goes must carry
 * this for the epoch in which it is not there.
 */
final class IpcacheView {

  private final Map<IpPrefix, Behind> live = new HashMap<>();

  @Nullable Behind get(IpPrefix prefix) {
    return live.get(prefix);
  }

  void put(IpPrefix prefix, Behind behind) {
    live.put(prefix, behind);
  }

  void remove(IpPrefix prefix) {
    live.remove(prefix);
  }

  Set<IpPrefix> prefixes() {
    return live.keySet();
  }

  /** What covers a prefix in the present state. */
  Behind cover(IpPrefix prefix) {
    return cover(prefix, live::get);
  }

  /** What covers a prefix when {@code rows} tells which prefixes have one. */
  static Behind cover(IpPrefix prefix, Function<IpPrefix, @Nullable Behind> rows) {
    for (int length = prefix.length() - 1; length >= 0; length--) {
      Behind behind = rows.apply(new IpPrefix(prefix.address(), length));
      if (behind != null) {
        return behind;
      }
    }
    return Behind.WORLD;
  }
}
