// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/**
 * A prefix of addresses (CIDR), always masked: {@code 10.1.2.3/8} is {@code 10.0.0.0/8}.
 *
 * @param address the first address
 * @param length how many leading bits are fixed, 0 to 32 or 128
 */
public record IpPrefix(IpAddress address, int length) implements Comparable<IpPrefix> {

  public IpPrefix {
    if (length < 0 || length > address.family().bits()) {
      throw new IllegalArgumentException(
          "prefix length " + length + ": wanted 0 to " + address.family().bits());
    }
    address = mask(address, length);
  }

  /** The prefix that holds this one address. */
  public static IpPrefix host(IpAddress address) {
    return new IpPrefix(address, address.family().bits());
  }

  /** Reads {@code address/length}; a bare address is no prefix. */
  public static IpPrefix parse(String text) {
    int slash = text.indexOf('/');
    if (slash < 0) {
      throw new IllegalArgumentException("prefix \"" + text + "\": wanted ADDRESS/LENGTH");
    }
    String digits = text.substring(slash + 1);
    if (digits.isEmpty()
        || digits.length() > 3
        || !digits.chars().allMatch(c -> c >= '0' && c <= '9')
        || (digits.length() > 1 && digits.charAt(0) == '0')) {
      throw new IllegalArgumentException(
          "prefix \"" + text + "\": the length is not a decimal number");
    }
    IpAddress address = IpAddress.parse(text.substring(0, slash));
    if (text.indexOf(':') >= 0 && address.isV4()) {
      throw new IllegalArgumentException(
          "prefix \"" + text + "\": an IPv4-mapped prefix; write it as IPv4");
    }
    return new IpPrefix(address, Integer.parseInt(digits));
  }

  /** Reads {@code address/length} or a bare address, which stands for itself alone. */
  public static IpPrefix parseLenient(String text) {
    return text.indexOf('/') < 0 ? host(IpAddress.parse(text)) : parse(text);
  }

  /** As {@link #parse}, with absence in place of an exception. */
  public static Optional<IpPrefix> tryParse(String text) {
    try {
      return Optional.of(parse(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  public IpFamily family() {
    return address.family();
  }

  /** Whether the prefix holds this address. */
  public boolean contains(IpAddress candidate) {
    return candidate.family() == family() && mask(candidate, length).equals(address);
  }

  /** Whether every address of {@code other} is in this prefix; a prefix contains itself. */
  public boolean contains(IpPrefix other) {
    return other.length >= length && contains(other.address);
  }

  /** Whether it holds exactly one address. */
  public boolean isHost() {
    return length == family().bits();
  }

  private static IpAddress mask(IpAddress address, int length) {
    if (address.family() == IpFamily.IPV4) {
      int mask = length == 0 ? 0 : -1 << (32 - length);
      return IpAddress.ofV4((int) address.low() & mask);
    }
    long high = length >= 64 ? -1L : length == 0 ? 0 : -1L << (64 - length);
    long low = length <= 64 ? 0 : -1L << (128 - length);
    return new IpAddress(IpFamily.IPV6, address.high() & high, address.low() & low);
  }

  /** By address, then shorter prefixes first. */
  @Override
  public int compareTo(IpPrefix other) {
    int byAddress = address.compareTo(other.address);
    return byAddress != 0 ? byAddress : Integer.compare(length, other.length);
  }

  @Override
  public String toString() {
    return address + "/" + length;
  }
}
