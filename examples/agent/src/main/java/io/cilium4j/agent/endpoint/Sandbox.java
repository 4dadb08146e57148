// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.EndpointRequest;
import io.cilium4j.core.Endpoint.NamedPort;
import java.util.Map;

/**
 * A network namespace that is to become an endpoint: addresses and devices are yet to be made.
 *
 * @param namespace the Kubernetes namespace; empty where it has none
 * @param name the endpoint's name, unique in the namespace
 * @param names by which names others know it
 * @param netns path of the network namespace
 * @param podDevice name of the device inside
 * @param namedPorts the container ports that have a name
 */
public record Sandbox(
    String namespace,
    String name,
    Names names,
    String netns,
    String podDevice,
    Map<String, NamedPort> namedPorts) {

  /** The name of the device inside where nobody wants another one. */
  private static final String POD_DEVICE = "eth0";

  public Sandbox {
    namedPorts = Map.copyOf(namedPorts);
  }

  /** The sandbox of a pod that a program tells of. */
  public static Sandbox of(EndpointRequest request) {
    return new Sandbox(
        request.namespace(),
        request.name(),
        Names.NONE,
        request.netns(),
        POD_DEVICE,
        request.namedPorts());
  }

  /** This sandbox with other named ports. */
  public Sandbox withNamedPorts(Map<String, NamedPort> changed) {
    return new Sandbox(namespace, name, names, netns, podDevice, changed);
  }

  /** The name under which people know it: {@code namespace/name}. */
  public String podName() {
    return namespace + "/" + name;
  }
}
