// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.naive;

import java.net.InetAddress;

/** Prefixes as texts of zeros and ones, so that containment is {@code startsWith}. */
final class Bits {
  private Bits() {}

  static String of(String prefix) {
    int slash = prefix.indexOf('/');
    byte[] address = InetAddress.ofLiteral(prefix.substring(0, slash)).getAddress();
    var bits = new StringBuilder();
    for (byte each : address) {
      for (int bit = 7; bit >= 0; bit--) {
        bits.append((each >> bit) & 1);
      }
    }
    return bits.substring(0, Integer.parseInt(prefix.substring(slash + 1)));
  }
}
