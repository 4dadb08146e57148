// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Whose policy is compiled.
 *
 * @param identity its number and labels
 * @param namedPorts its container ports that have a name
 * @param enforcement its own enforcement mode; null for that of the configuration
 */
public record PolicySubject(
    Identity identity, Map<String, NamedPort> namedPorts, @Nullable EnforcementMode enforcement) {

  public PolicySubject {
    Objects.requireNonNull(identity, "identity");
    namedPorts = Map.copyOf(namedPorts);
  }

  /** A subject without named ports, under the configured mode. */
  public static PolicySubject of(Identity identity) {
    return new PolicySubject(identity, Map.of(), null);
  }
}
