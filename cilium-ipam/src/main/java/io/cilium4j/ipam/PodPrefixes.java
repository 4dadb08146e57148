// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;

/** Which prefixes can be those of pods. */
public final class PodPrefixes {
  private PodPrefixes() {}

  /**
   * Reads a prefix as it was written down for pods: its address must be its first one, since a
   * host's address with a length is more likely a mistake than a prefix.
   *
   * @throws IllegalArgumentException if it is none, in one line
   */
  public static IpPrefix parse(String text) {
    IpPrefix prefix = IpPrefix.parse(text);
    if (!IpAddress.parse(text.substring(0, text.indexOf('/'))).equals(prefix.address())) {
      throw new IllegalArgumentException(
          "prefix " + text + ": bits are set behind its length; wanted " + prefix);
    }
    return prefix;
  }

  /**
   * Sees that pods can have the addresses of a prefix.
   *
   * @throws IllegalArgumentException if they cannot, in one line
   */
  public static void require(IpPrefix prefix) {
    UnusablePrefixes.reason(prefix)
        .ifPresent(why -> {
          throw new IllegalArgumentException("pod CIDR " + prefix + ": " + why);
        });
    int longest = prefix.family().bits() - AddressPool.MIN_HOST_BITS;
    if (prefix.length() > longest) {
      throw new IllegalArgumentException(
          "pod CIDR " + prefix + ": too small, wanted a length of at most " + longest);
    }
  }
}
