// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Index;
import java.util.List;

/** By what else than its id an endpoint of {@link Agent#endpoints} is found, in O(log n). */
public final class EndpointIndexes {

  /** By each of its addresses. */
  public static final Index<IpAddress, Endpoint> ADDRESS = Index.of("address", Endpoint::addresses);

  /** By its pod, {@code namespace/name}; a pod has several endpoints if it has several devices. */
  public static final Index<String, Endpoint> POD =
      Index.of("pod", endpoint -> List.of(endpoint.podName()));

  /** All of them. */
  public static final List<Index<?, Endpoint>> ALL = List.of(ADDRESS, POD);

  private EndpointIndexes() {}
}
