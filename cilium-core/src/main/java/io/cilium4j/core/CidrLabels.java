// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/**
 * How a prefix is written as a label: {@code cidr:10.0.0.0/8}. In IPv6 text every {@code :} becomes
 * {@code -}, since a label key has no colon, with a {@code 0} where the address begins or ends with
 * one: {@code ::1/128} is {@code cidr:0--1/128}.
 */
public final class CidrLabels {
  private CidrLabels() {}

  /** The label of a prefix; a prefix of length 0 is the world and has none. */
  public static Optional<Label> of(IpPrefix prefix) {
    return prefix.length() == 0
        ? Optional.empty()
        : Optional.of(new Label(LabelSource.CIDR, key(prefix), ""));
  }

  /** The key of a prefix's label. */
  public static String key(IpPrefix prefix) {
    String address = prefix.address().toString();
    if (prefix.address().isV4()) {
      return address + "/" + prefix.length();
    }
    String dashed = address.replace(':', '-');
    return (dashed.startsWith("-") ? "0" : "")
        + dashed
        + (dashed.endsWith("-") ? "0" : "")
        + "/"
        + prefix.length();
  }

  /** The prefix that a label key stands for. */
  public static Optional<IpPrefix> tryParseKey(String key) {
    return IpPrefix.tryParse(key.replace('-', ':'));
  }
}
