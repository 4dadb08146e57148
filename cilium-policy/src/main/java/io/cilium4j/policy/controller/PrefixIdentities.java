// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.IpPrefix;
import java.util.Map;
import java.util.Set;

/** Gives the prefixes that rules name their identities. */
@FunctionalInterface
public interface PrefixIdentities {

  /**
   * Some objects name these prefixes by now, and no others. When it returns every one of them has
   * its identity.
   *
   * @param byObject the prefixes by the name of the policy object; none for one that is gone
   */
  void replace(Map<String, Set<IpPrefix>> byObject);
}
