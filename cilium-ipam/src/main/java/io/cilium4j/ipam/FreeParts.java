// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/** Which parts of some ranges are nobody's: a bit for each. Not safe for use by several threads. */
final class FreeParts {
  private final List<Parts> ranges;
  private final CidrOwners owners;

  /** Which parts of each range are taken; the same order as the ranges. */
  private final List<BitSet> taken = new ArrayList<>();

  /**
   * Parts of which those are taken that somebody has.
   *
   * @param owners stays the caller's to write, who then tells of it here
   */
  FreeParts(List<Parts> ranges, CidrOwners owners) {
    this.ranges = List.copyOf(ranges);
    this.owners = owners;
    ranges.forEach(_ -> taken.add(new BitSet()));
    owners.all().forEach(this::take);
  }

  /** Somebody has the CIDR from now on. */
  void take(IpPrefix cidr) {
    mark(cidr, true);
  }

  /** Nobody has the CIDR any more. */
  void giveBack(IpPrefix cidr) {
    mark(cidr, false);
    // Others, of a time when nodes got other lengths, may share a part: they keep it taken.
    for (Parts range : ranges) {
      if (range.whole().contains(cidr)) {
        var part = new IpPrefix(cidr.address(), Math.min(range.length(), cidr.length()));
        owners.overlapping(part).keySet().forEach(this::take);
      } else if (cidr.contains(range.whole())) {
        owners.overlapping(range.whole()).keySet().forEach(this::take);
      }
    }
  }

  /** Marks every part that the CIDR covers or lies in. */
  private void mark(IpPrefix cidr, boolean isTaken) {
    for (int i = 0; i < ranges.size(); i++) {
      Parts range = ranges.get(i);
      if (cidr.contains(range.whole())) {
        taken.get(i).set(0, range.count(), isTaken);
      } else if (range.whole().contains(cidr)) {
        int first = range.indexOf(cidr);
        int count = 1 << Math.max(0, range.length() - cidr.length());
        taken.get(i).set(first, first + count, isTaken);
      }
    }
  }

  /** The first part of a family that nobody has; absent if there is none. */
  Optional<IpPrefix> next(IpFamily family) {
    for (int i = 0; i < ranges.size(); i++) {
      Parts range = ranges.get(i);
      int free = taken.get(i).nextClearBit(0);
      if (range.whole().family() == family && free < range.count()) {
        return Optional.of(range.part(free));
      }
    }
    return Optional.empty();
  }

  /** How many parts of a family there are. */
  long count(IpFamily family) {
    return ranges.stream()
        .filter(range -> range.whole().family() == family)
        .mapToLong(Parts::count)
        .sum();
  }

  /** How many of them nobody has. */
  long free(IpFamily family) {
    long free = 0;
    for (int i = 0; i < ranges.size(); i++) {
      if (ranges.get(i).whole().family() == family) {
        free += ranges.get(i).count() - taken.get(i).cardinality();
      }
    }
    return free;
  }
}
