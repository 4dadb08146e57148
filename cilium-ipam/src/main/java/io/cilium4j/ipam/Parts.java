// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;

/**
 * A prefix cut into equal parts, counted from 0.
 *
 * @param whole the prefix
 * @param length of its parts, at most {@value #MAX_BITS} more than the prefix's
 */
record Parts(IpPrefix whole, int length) {

  /** Most bits between a prefix's length and its parts': 16 million, a bitmap of 2 MB. */
  static final int MAX_BITS = 24;

  /** How many there are. */
  int count() {
    return 1 << (length - whole.length());
  }

  /** Which of them begins with the part's address. */
  int indexOf(IpPrefix part) {
    int shift = whole.family().bits() - length;
    IpAddress first = part.address();
    // The index has at most 24 bits, which may lie across the two halves of an IPv6 address.
    long all =
        shift == 0
            ? first.low()
            : shift < Long.SIZE
                ? (first.low() >>> shift) | (first.high() << (Long.SIZE - shift))
                : first.high() >>> (shift - Long.SIZE);
    return (int) (all & (count() - 1));
  }

  IpPrefix part(int index) {
    int shift = whole.family().bits() - length;
    IpAddress base = whole.address();
    long low = shift < Long.SIZE ? (long) index << shift : 0;
    long high =
        shift == 0
            ? 0
            : shift < Long.SIZE
                ? (long) index >>> (Long.SIZE - shift)
                : (long) index << (shift - Long.SIZE);
    return new IpPrefix(
        new IpAddress(whole.family(), base.high() | high, base.low() | low), length);
  }
}
