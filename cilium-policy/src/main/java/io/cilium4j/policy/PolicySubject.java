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
 * @param denial what becomes of what it is denied; null for what the configuration says
 */
public record PolicySubject(
    Identity identity,
    Map<String, NamedPort> namedPorts,
    @Nullable EnforcementMode enforcement,
    @Nullable DenialMode denial) {

  public PolicySubject {
    Objects.requireNonNull(identity, "identity");
    namedPorts = Map.copyOf(namedPorts);
  }

  /** A subject whose denials are treated as the configuration says. */
  public PolicySubject(
      Identity identity, Map<String, NamedPort> namedPorts, @Nullable EnforcementMode enforcement) {
    this(identity, namedPorts, enforcement, null);
  }

  /** A subject without named ports, under the configured mode. */
  public static PolicySubject of(Identity identity) {
    return new PolicySubject(identity, Map.of(), null, null);
  }

  /** This subject in another mode of enforcement. */
  public PolicySubject withEnforcement(EnforcementMode mode) {
    return new PolicySubject(identity, namedPorts, mode, denial);
  }

  /** This subject with another fate of denials. */
  public PolicySubject withDenial(DenialMode mode) {
    return new PolicySubject(identity, namedPorts, enforcement, mode);
  }
}
