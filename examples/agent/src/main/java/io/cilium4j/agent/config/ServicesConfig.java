// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.agent.LoadBalancing;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which of services' clients are served.
 *
 * @param external whether those outside of the cluster are; absent: where that can be
 * @param cgroupRoot the control group (version 2) whose processes are as the node's own; absent for
 *     the root, which is found
 * @param noBackendResponse what becomes of packets to services that cannot serve
 * @param localRedirects whether CiliumLocalRedirectPolicies are carried out
 * @param externalIpMitigation whether external IPs are for clients outside of the cluster only
 * @param topology whether clients are led to the endpoints meant for their zone or node
 * @param balancing how backends are chosen for clients outside of the cluster
 */
public record ServicesConfig(
    Optional<Boolean> external,
    Optional<Path> cgroupRoot,
    NoBackendResponse noBackendResponse,
    boolean localRedirects,
    boolean externalIpMitigation,
    boolean topology,
    LoadBalancing balancing) {

  /** Whoever can be; the others are told. */
  public static final ServicesConfig DEFAULT =
      new ServicesConfig(
          Optional.empty(),
          Optional.empty(),
          NoBackendResponse.REJECT,
          false,
          true,
          false,
          LoadBalancing.DEFAULT);

  /** The same, but for clients outside of the cluster. */
  public ServicesConfig withExternal(boolean on) {
    return new ServicesConfig(
        Optional.of(on),
        cgroupRoot,
        noBackendResponse,
        localRedirects,
        externalIpMitigation,
        topology,
        balancing);
  }

  /** The same with this control group. */
  public ServicesConfig withCgroupRoot(Path folder) {
    return new ServicesConfig(
        external,
        Optional.of(folder),
        noBackendResponse,
        localRedirects,
        externalIpMitigation,
        topology,
        balancing);
  }

  /** The same with this response. */
  public ServicesConfig withNoBackendResponse(NoBackendResponse response) {
    return new ServicesConfig(
        external, cgroupRoot, response, localRedirects, externalIpMitigation, topology, balancing);
  }

  /** The same, with or without local redirects. */
  public ServicesConfig withLocalRedirects(boolean on) {
    return new ServicesConfig(
        external, cgroupRoot, noBackendResponse, on, externalIpMitigation, topology, balancing);
  }

  /** The same, with external IPs for those outside only, or for the cluster as well. */
  public ServicesConfig withExternalIpMitigation(boolean on) {
    return new ServicesConfig(
        external, cgroupRoot, noBackendResponse, localRedirects, on, topology, balancing);
  }

  /** The same, with or without regard to what is near. */
  public ServicesConfig withTopology(boolean on) {
    return new ServicesConfig(
        external,
        cgroupRoot,
        noBackendResponse,
        localRedirects,
        externalIpMitigation,
        on,
        balancing);
  }

  /** The same with this choice of backends. */
  public ServicesConfig withBalancing(LoadBalancing wanted) {
    return new ServicesConfig(
        external,
        cgroupRoot,
        noBackendResponse,
        localRedirects,
        externalIpMitigation,
        topology,
        wanted);
  }
}
