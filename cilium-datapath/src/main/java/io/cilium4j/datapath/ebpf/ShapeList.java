// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.PolicyMapState;

/**
 * {@code struct shape_list}: key shapes, narrowest first, five bits each from the lowest on, ended
 * by 31.
 */
record ShapeList(long low, long high) {

  private static final int BITS = 5;
  private static final long END = 31;

  /** No shape. */
  static final ShapeList EMPTY = of(0);

  /** The list of the shapes whose bits are set, as {@link PolicyMapState#ownShapes} tells them. */
  static ShapeList of(int mask) {
    long low = 0;
    long high = 0;
    int position = 0;
    for (int shape = PolicyMapState.MAX_SHAPE; shape >= -1; shape--) {
      long value = shape < 0 ? END : shape;
      if (shape < 0 || (mask & (1 << shape)) != 0) {
        int bit = position * BITS;
        if (bit < 64) {
          low |= value << bit;
          // A piece that straddles the two words.
          high |= bit > 64 - BITS ? value >>> (64 - bit) : 0;
        } else {
          high |= value << (bit - 64);
        }
        position++;
      }
    }
    return new ShapeList(low, high);
  }
}
