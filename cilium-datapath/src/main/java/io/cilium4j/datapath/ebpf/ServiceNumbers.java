// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.BitSet;

/**
 * Numbers from 1 on that are taken. The one that was given back last comes up last: flows, and
 * clients that keep their backend, may name it still, and must not find another one there.
 */
final class ServiceNumbers {

  private final BitSet taken = new BitSet();
  private final int end;
  private final String what;
  private int last;

  /**
   * @param end the first number that there is not
   */
  ServiceNumbers(int end, String what) {
    this.end = end;
    this.what = what;
  }

  void restore(int number) {
    taken.set(number);
    last = Math.max(last, number);
  }

  int take(FrontendKey key) {
    int free = taken.nextClearBit(last + 1);
    if (free >= end) {
      free = taken.nextClearBit(1);
    }
    if (free >= end) {
      throw new DatapathException(key + ": no room: " + (end - 1) + " " + what);
    }
    taken.set(free);
    last = free;
    return free;
  }

  void clear(int number) {
    taken.clear(number);
  }

  int taken() {
    return taken.cardinality();
  }
}
