// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.util.Locale;

/**
 * What a map is: as an object file declares it, or as the kernel reports it. The map itself, with
 * its descriptor, is a {@link BpfMap}.
 *
 * @param name the map's name; the kernel keeps 15 characters of it
 * @param type the kind of map
 * @param keyBytes size of a key; 0 for a ring buffer
 * @param valueBytes size of a value, for one CPU where values are per CPU; 0 for a ring buffer
 * @param maxEntries capacity in elements; in bytes for a ring buffer
 * @param flags the {@code BPF_F_*} bits it is created with
 */
public record MapSpec(
    String name, MapType type, int keyBytes, int valueBytes, int maxEntries, int flags) {

  /** A hash whose LRU lists are per CPU: the kernel rounds its capacity up to the CPU count. */
  private static final int BPF_F_NO_COMMON_LRU = 1 << 1;

  public MapSpec {
    if (keyBytes < 0 || valueBytes < 0) {
      throw new IllegalArgumentException("negative size in map " + name);
    }
  }

  /** Whether a map of this shape in the kernel can serve where {@code wanted} is declared. */
  boolean fits(MapSpec wanted, int possibleCpus) {
    boolean rounded = (flags & BPF_F_NO_COMMON_LRU) != 0;
    boolean capacity =
        maxEntries == wanted.maxEntries
            || (rounded
                && maxEntries > wanted.maxEntries
                && maxEntries < wanted.maxEntries + possibleCpus);
    return type == wanted.type
        && keyBytes == wanted.keyBytes
        && valueBytes == wanted.valueBytes
        && flags == wanted.flags
        && capacity;
  }

  /** All but the name, on one line: {@code lpm_trie key=8 value=12 max=1024 flags=0x1}. */
  String shape() {
    return "%s key=%d value=%d max=%d flags=0x%x"
        .formatted(type.name().toLowerCase(Locale.ROOT), keyBytes, valueBytes, maxEntries, flags);
  }
}
