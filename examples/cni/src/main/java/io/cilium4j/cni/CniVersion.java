// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** A version of the CNI specification, the oldest first. */
public enum CniVersion {
  /** Results list interfaces, addresses and routes. */
  V0_3_1("0.3.1"),
  /** Brings {@code CHECK}. */
  V0_4_0("0.4.0"),
  /** Addresses do not name their family any more. */
  V1_0_0("1.0.0"),
  /** Brings {@code STATUS} and {@code GC}. */
  V1_1_0("1.1.0");

  /** What an answer is written in if nobody named a version. */
  static final CniVersion LATEST = V1_1_0;

  private final String text;

  CniVersion(String text) {
    this.text = text;
  }

  /** The version of this text, such as {@code 1.0.0}. */
  public static Optional<CniVersion> tryParse(String text) {
    return Arrays.stream(values()).filter(each -> each.text.equals(text)).findFirst();
  }

  /** Whether it is this version or a later one. */
  public boolean isAtLeast(CniVersion other) {
    return compareTo(other) >= 0;
  }

  /** The texts of all versions. */
  static List<String> texts() {
    return Arrays.stream(values()).map(CniVersion::toString).toList();
  }

  @Override
  public String toString() {
    return text;
  }
}
