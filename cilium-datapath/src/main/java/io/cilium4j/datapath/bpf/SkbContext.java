// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The members of {@code struct __sk_buff} that a test run lets one set; the kernel takes all others
 * from the packet and refuses (EINVAL) a value for them.
 *
 * @param mark the packet's mark
 * @param priority the packet's priority
 * @param ifindex the device whose hook the program believes to run at; 0 for loopback
 * @param ingressIfindex the device the packet came in by; 0 for none
 * @param cb the five scratch words that programs hand to each other
 */
public record SkbContext(
    int mark, int priority, int ifindex, int ingressIfindex, List<Integer> cb) {

  // Offsets in struct __sk_buff of linux/bpf.h, which is ABI.
  private static final long MARK = 8;
  private static final long PRIORITY = 32;
  private static final long INGRESS_IFINDEX = 36;
  private static final long IFINDEX = 40;
  private static final long CB = 48;
  private static final int CB_WORDS = 5;

  /**
   * Size of the struct up to {@code hwtstamp}; an older kernel accepts the zeros beyond its own.
   */
  static final long BYTES = 192;

  public SkbContext {
    cb = List.copyOf(cb);
    if (cb.size() != CB_WORDS) {
      throw new IllegalArgumentException("cb has " + cb.size() + " words, not " + CB_WORDS);
    }
  }

  /** A packet that came in by the device {@code ifindex} and is seen at its hook. */
  public static SkbContext on(int ifindex) {
    return new SkbContext(0, 0, ifindex, ifindex, List.of(0, 0, 0, 0, 0));
  }

  /** The same with another mark. */
  public SkbContext withMark(int newMark) {
    return new SkbContext(newMark, priority, ifindex, ingressIfindex, cb);
  }

  /** The same with other scratch words. */
  public SkbContext withCb(List<Integer> newCb) {
    return new SkbContext(mark, priority, ifindex, ingressIfindex, newCb);
  }

  void write(MemorySegment to) {
    to.fill((byte) 0);
    to.set(JAVA_INT, MARK, mark);
    to.set(JAVA_INT, PRIORITY, priority);
    to.set(JAVA_INT, INGRESS_IFINDEX, ingressIfindex);
    to.set(JAVA_INT, IFINDEX, ifindex);
    for (int i = 0; i < CB_WORDS; i++) {
      to.set(JAVA_INT, CB + 4L * i, cb.get(i));
    }
  }

  static SkbContext read(MemorySegment from) {
    return new SkbContext(
        from.get(JAVA_INT, MARK),
        from.get(JAVA_INT, PRIORITY),
        from.get(JAVA_INT, IFINDEX),
        from.get(JAVA_INT, INGRESS_IFINDEX),
        List.of(
            from.get(JAVA_INT, CB),
            from.get(JAVA_INT, CB + 4),
            from.get(JAVA_INT, CB + 8),
            from.get(JAVA_INT, CB + 12),
            from.get(JAVA_INT, CB + 16)));
  }
}
