// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import org.jspecify.annotations.Nullable;

/**
 * Where a verdict comes from: the rule of a policy, or a rule that the engine itself adds.
 *
 * @param cookie the number that stands for the rule in map entries and events; 0 for none
 * @param resource {@code kind/namespace/name} of the policy object; the namespace is left out for
 *     cluster scope
 * @param path the rule inside the object, for example {@code spec.ingress[0].toPorts[0]}
 * @param log what the rule wants to be told of each flow that it decides, {@code log.value}; empty
 *     for nothing
 */
public record RuleOrigin(int cookie, String resource, String path, String log) {

  /** What decides where no rule matches and a policy selects the endpoint. */
  public static final RuleOrigin DEFAULT_DENY = new RuleOrigin(0, "", "default deny");

  /** What stands for the rule of a packet about which none was asked. */
  public static final RuleOrigin NONE = new RuleOrigin(0, "", "");

  /** A rule that wants nothing to be told. */
  public RuleOrigin(int cookie, String resource, String path) {
    this(cookie, resource, path, "");
  }

  // Written out, not left to the record; see EndpointSelector.

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof RuleOrigin that
        && cookie == that.cookie
        && path.equals(that.path)
        && log.equals(that.log)
        && resource.equals(that.resource);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * cookie + resource.hashCode()) + path.hashCode();
  }

  /** For people: the object and the rule in it. */
  @Override
  public String toString() {
    return resource.isEmpty() ? path : resource + " " + path;
  }
}
