// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import org.jspecify.annotations.Nullable;

/**
 * How to run a program over a packet.
 *
 * @param repeat how often, at least 1; the result's duration is the average
 * @param skb the socket buffer's members for a tc program; null for those of a fresh buffer on the
 *     loopback device, and for programs of other types
 */
public record TestRunOptions(int repeat, @Nullable SkbContext skb) {

  /** One run over a fresh socket buffer. */
  public static final TestRunOptions ONCE = new TestRunOptions(1, null);

  public TestRunOptions {
    if (repeat < 1) {
      throw new IllegalArgumentException("repeat " + repeat + " is below 1");
    }
  }

  /** {@code repeat} runs over a fresh socket buffer. */
  public static TestRunOptions repeated(int repeat) {
    return new TestRunOptions(repeat, null);
  }

  /** One run over a buffer with these members. */
  public static TestRunOptions with(SkbContext skb) {
    return new TestRunOptions(1, skb);
  }
}
