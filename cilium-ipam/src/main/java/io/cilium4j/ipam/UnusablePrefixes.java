// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpPrefix;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The prefixes that stand for something else than stations of a network (IANA's registries of
 * special-purpose addresses, RFC 6890), so that no pod can have an address of theirs.
 */
public final class UnusablePrefixes {

  private static final Map<IpPrefix, String> ALL = new LinkedHashMap<>();

  static {
    add("0.0.0.0/8", "this network, 0.0.0.0/8");
    add("127.0.0.0/8", "the loopback addresses, 127.0.0.0/8");
    add("169.254.0.0/16", "the link-local addresses, 169.254.0.0/16");
    add("224.0.0.0/4", "the multicast addresses, 224.0.0.0/4");
    add("255.255.255.255/32", "the broadcast address");
    add("240.0.0.0/4", "the reserved addresses (class E), 240.0.0.0/4");
    add("::/128", "the unspecified address");
    add("::1/128", "the loopback address");
    add("fe80::/10", "the link-local addresses, fe80::/10");
    add("ff00::/8", "the multicast addresses, ff00::/8");
  }

  private UnusablePrefixes() {}

  private static void add(String prefix, String what) {
    ALL.put(IpPrefix.parse(prefix), what);
  }

  /**
   * Why no pod can have an address of the prefix.
   *
   * @return what it holds or lies in, for a message; absent for one that pods can have
   */
  public static Optional<String> reason(IpPrefix prefix) {
    for (Map.Entry<IpPrefix, String> each : ALL.entrySet()) {
      if (each.getKey().contains(prefix)) {
        return Optional.of("it is of " + each.getValue());
      }
    }
    return ALL.entrySet().stream()
        .filter(each -> prefix.contains(each.getKey()))
        .findFirst()
        .map(each -> "it holds " + each.getValue());
  }
}
