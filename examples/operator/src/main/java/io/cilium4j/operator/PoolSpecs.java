// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PodIpPool.Blocks;
import io.cilium4j.ipam.PodPrefixes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Pools as an option writes them, in the field's form: {@code
 * NAME=ipv4-cidrs:CIDR,CIDR;ipv4-mask-size:NUMBER;ipv6-cidrs:CIDR;ipv6-mask-size:NUMBER}, several
 * with a comma or a space between them.
 */
final class PoolSpecs {
  static final String OPTION = "auto-create-cilium-pod-ip-pools";

  /** Where a pool begins: no prefix has an equals sign. */
  private static final Pattern BEGIN = Pattern.compile("(?:^|[,\\s])\\s*([-a-z0-9.]+)=");

  private PoolSpecs() {}

  /**
   * Reads them.
   *
   * @throws IllegalArgumentException if it is something else, in one line
   */
  static List<PodIpPool> parse(String text) {
    var pools = new ArrayList<PodIpPool>();
    Matcher begin = BEGIN.matcher(text);
    int from = -1;
    String name = "";
    while (begin.find()) {
      if (from >= 0) {
        pools.add(pool(name, text.substring(from, begin.start())));
      } else if (begin.start() > 0) {
        throw wrong(text);
      }
      name = begin.group(1);
      from = begin.end();
    }
    if (from < 0 && !text.isBlank()) {
      throw wrong(text);
    }
    if (from >= 0) {
      pools.add(pool(name, text.substring(from)));
    }
    if (pools.stream().map(PodIpPool::name).distinct().count() != pools.size()) {
      throw new IllegalArgumentException(OPTION + ": a pool stands there twice");
    }
    return pools;
  }

  private static IllegalArgumentException wrong(String text) {
    return new IllegalArgumentException(
        OPTION + " \"" + text + "\": wanted POOL=ipv4-cidrs:CIDR,CIDR;ipv4-mask-size:NUMBER");
  }

  private static PodIpPool pool(String name, String text) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String part : text.strip().split(";", -1)) {
      int colon = part.indexOf(':');
      if (part.isBlank()) {
        continue;
      }
      if (colon < 0
          || !part.substring(0, colon).strip().matches("ipv[46]-(cidrs|mask-size)")
          || fields.put(part.substring(0, colon).strip(), part.substring(colon + 1)) != null) {
        throw wrong(name + "=" + text);
      }
    }
    if (fields.isEmpty()) {
      throw wrong(name + "=" + text);
    }
    try {
      return new PodIpPool(name, blocks(fields, "ipv4"), blocks(fields, "ipv6"), false, false);
    } catch (NumberFormatException _) {
      throw wrong(name + "=" + text);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(OPTION + ": " + e.getMessage(), e);
    }
  }

  private static Optional<Blocks> blocks(Map<String, String> fields, String family) {
    String cidrs = fields.get(family + "-cidrs");
    String size = fields.get(family + "-mask-size");
    if (cidrs == null && size == null) {
      return Optional.empty();
    }
    if (cidrs == null || size == null) {
      throw new IllegalArgumentException(
          family + "-cidrs and " + family + "-mask-size: wanted both");
    }
    return Optional.of(
        new Blocks(
            Stream.of(cidrs.strip().split("[,\\s]+", -1)).map(PodPrefixes::parse).toList(),
            Integer.parseInt(size.strip())));
  }
}
