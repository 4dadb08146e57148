// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.IpPrefix;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Which prefix is whose. Not safe for use by several threads. */
final class CidrOwners {

  /** Sorted, so that what lies inside a prefix follows it. */
  private final TreeMap<IpPrefix, String> owners = new TreeMap<>();

  void put(IpPrefix cidr, String owner) {
    owners.put(cidr, owner);
  }

  void remove(IpPrefix cidr) {
    owners.remove(cidr);
  }

  /** Who has this very prefix; null if nobody does. */
  @Nullable String of(IpPrefix cidr) {
    return owners.get(cidr);
  }

  /** All prefixes that somebody has. */
  Set<IpPrefix> all() {
    return owners.keySet();
  }

  /** Those with their owners that hold this prefix or lie in it. */
  Map<IpPrefix, String> overlapping(IpPrefix cidr) {
    var found = new TreeMap<IpPrefix, String>();
    for (int length = 0; length < cidr.length(); length++) {
      var shorter = new IpPrefix(cidr.address(), length);
      String owner = owners.get(shorter);
      if (owner != null) {
        found.put(shorter, owner);
      }
    }
    for (Map.Entry<IpPrefix, String> inner : owners.tailMap(cidr, true).entrySet()) {
      if (!cidr.contains(inner.getKey())) {
        break;
      }
      found.put(inner.getKey(), inner.getValue());
    }
    return found;
  }
}
