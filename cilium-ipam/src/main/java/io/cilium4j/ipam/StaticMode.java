// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamException;
import io.cilium4j.core.spi.IpamMode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The mode {@code static}: the node's prefixes stand in the option {@code cidrs}, separated by
 * commas, for example {@code 10.1.0.0/24,fd00::/96}. Nobody else gives or takes them, so it needs
 * no operator.
 */
public final class StaticMode implements IpamMode {

  private static final String CIDRS = "cidrs";

  /** Most prefixes: each allocation may have to look at all. */
  private static final int MAX_CIDRS = 64;

  /** For {@link java.util.ServiceLoader}. */
  public StaticMode() {}

  @Override
  public String name() {
    return "static";
  }

  @Override
  public IpamAllocator open(Node node, Map<String, String> options) {
    String text = options.getOrDefault(CIDRS, "");
    if (text.isBlank() || options.size() != 1) {
      throw new IpamException(
          "IPAM mode static: options " + options.keySet() + ": wanted " + CIDRS + " and no other");
    }
    List<IpPrefix> prefixes = parse(text);
    return new HostScopeAllocator(node, row -> prefixes);
  }

  private static List<IpPrefix> parse(String text) {
    var prefixes = new ArrayList<IpPrefix>();
    for (String item : text.split(",", MAX_CIDRS + 1)) {
      try {
        prefixes.add(IpPrefix.parse(item.strip()));
      } catch (IllegalArgumentException e) {
        throw new IpamException("IPAM mode static: " + CIDRS + ": " + e.getMessage(), e);
      }
    }
    return List.copyOf(prefixes);
  }
}
