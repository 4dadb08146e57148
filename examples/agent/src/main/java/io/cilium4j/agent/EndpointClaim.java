// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.IpAddress;
import java.util.Set;

/**
 * What an endpoint has to itself from before it exists until after it is gone.
 *
 * @param id its id
 * @param podName {@code namespace/name}
 * @param names its container and device inside the pod, and what else others call it
 * @param addresses its addresses
 */
public record EndpointClaim(int id, String podName, Names names, Set<IpAddress> addresses) {

  public EndpointClaim {
    addresses = Set.copyOf(addresses);
  }
}
