// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a program did with a packet. No record, because it holds an array. */
public final class TestRunResult {
  private final int retval;
  private final int durationNanos;
  private final byte[] data;
  private final @Nullable SkbContext skb;

  /** Takes over {@code data}. */
  TestRunResult(int retval, int durationNanos, byte[] data, @Nullable SkbContext skb) {
    this.retval = retval;
    this.durationNanos = durationNanos;
    this.data = data;
    this.skb = skb;
  }

  /** What the program returned, for tc one of {@code TC_ACT_*}. */
  public int retval() {
    return retval;
  }

  /** The average time of a run. */
  public int durationNanos() {
    return durationNanos;
  }

  /** The packet after the last run. */
  public byte[] data() {
    return data.clone();
  }

  /** The socket buffer's members after the last run, if some were given. */
  public Optional<SkbContext> skb() {
    return Optional.ofNullable(skb);
  }

  @Override
  public String toString() {
    return "TestRunResult[retval=%d durationNanos=%d bytes=%d skb=%s]"
        .formatted(retval, durationNanos, data.length, skb);
  }
}
