// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.bpf.MapMemory;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.util.Collection;

/**
 * Two bits for each block of addresses, as {@code lib/prefilter.h} reads them: whether there is
 * anything on the list there. A block is an IPv4 /24, or all IPv6 /48 of one hash.
 *
 * @param family the family of the addresses
 */
record PrefilterBlocks(IpFamily family) {

  private static final int BLOCK_BITS = 24;
  private static final int WORDS = 1 << (BLOCK_BITS - 5);
  private static final int BLOCKS_A_WORD = 32;

  /** All addresses of the block are on the list. */
  private static final long WHOLE = 1;

  /** Some are. */
  private static final long SOME = 2;

  /** {@link #WHOLE} for each block of a word. */
  private static final long ALL_WHOLE = 0x5555_5555_5555_5555L;

  private static final long UPPER48 = -1L << 16;

  private static final VarHandle WORD = ValueLayout.JAVA_LONG.varHandle();

  /** How long the prefixes of blocks are. */
  static int prefixLength(IpFamily family) {
    return family == IpFamily.IPV4 ? BLOCK_BITS : 48;
  }

  /** Whether a prefix is written down by bits alone, or by none. */
  static boolean isWhole(IpPrefix prefix) {
    return prefix.family() == IpFamily.IPV4 && prefix.length() <= BLOCK_BITS;
  }

  /** Makes the memory that of a list; each word changes at once. */
  void write(Collection<IpPrefix> prefixes, MapMemory memory) {
    long[] words = words(prefixes);
    for (int i = 0; i < WORDS; i++) {
      if ((long) WORD.get(memory.element(i), 0L) != words[i]) {
        WORD.setRelease(memory.element(i), 0L, words[i]);
      }
    }
  }

  private long[] words(Collection<IpPrefix> prefixes) {
    long[] words = new long[WORDS];
    for (IpPrefix prefix : prefixes) {
      if (prefix.family() != family) {
        continue;
      }
      if (isWhole(prefix)) {
        fill(words, block(prefix.address()), 1 << (BLOCK_BITS - prefix.length()));
      } else if (prefix.length() >= prefixLength(family)) {
        set(words, block(prefix.address()), SOME);
      }
    }
    return words;
  }

  private static void fill(long[] words, int first, int blocks) {
    if (blocks >= BLOCKS_A_WORD) {
      int word = first / BLOCKS_A_WORD;
      for (int i = word; i < word + blocks / BLOCKS_A_WORD; i++) {
        words[i] |= ALL_WHOLE;
      }
    } else {
      for (int i = first; i < first + blocks; i++) {
        set(words, i, WHOLE);
      }
    }
  }

  private static void set(long[] words, int block, long bits) {
    words[block / BLOCKS_A_WORD] |= bits << (block % BLOCKS_A_WORD * 2);
  }

  /** The block of an address. */
  private int block(IpAddress address) {
    if (family == IpFamily.IPV4) {
      return (int) address.low() >>> Byte.SIZE;
    }
    IpAddress upper = new IpAddress(IpFamily.IPV6, address.high() & UPPER48, 0);
    return NearEpochs.index(upper, BLOCK_BITS);
  }
}
