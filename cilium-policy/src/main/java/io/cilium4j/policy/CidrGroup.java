// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpPrefix;
import java.util.List;
import java.util.Map;

/**
 * A CiliumCIDRGroup: prefixes under one name, which rules refer to by name or by label.
 *
 * @param resource the object
 * @param labels its labels
 * @param prefixes the prefixes
 */
public record CidrGroup(ResourceName resource, Map<String, String> labels, List<IpPrefix> prefixes)
    implements PolicyResource {

  /** The kind. */
  public static final String KIND = "CiliumCIDRGroup";

  public CidrGroup {
    labels = Map.copyOf(labels);
    prefixes = List.copyOf(prefixes);
  }
}
