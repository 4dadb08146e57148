// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import java.util.Map;

/** Gives the prefixes that rules and CIDR groups name their identities. */
@FunctionalInterface
public interface PrefixIdentities {

  /**
   * Some objects name these prefixes by now, and no others. When it returns every one of them has
   * the identity that follows from all labels put on it.
   *
   * @param byObject the prefixes with the labels that the policy object puts on each, by the name
   *     of the object; none for one that is gone
   */
  void replace(Map<String, Map<IpPrefix, Labels>> byObject);
}
