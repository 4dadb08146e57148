// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The containers that share one address: a pod, on its node.
 *
 * @param id unique on the node, 1 to 65535
 * @param namespace the Kubernetes namespace
 * @param name the pod's name
 * @param labels the identity-relevant labels, canonical from the source on
 * @param identity the number of those labels; 0 while it has none
 * @param addresses its addresses, at most one of a family; none of the node itself
 * @param device how it is joined to the node
 * @param namedPorts the container ports that have a name
 * @param state where it stands in its life
 */
public record Endpoint(
    int id,
    String namespace,
    String name,
    Labels labels,
    int identity,
    List<IpAddress> addresses,
    EndpointInterface device,
    Map<String, NamedPort> namedPorts,
    EndpointState state) {

  /** Largest endpoint id: it is 16 bits wide in every map and event. */
  public static final int MAX_ID = 65535;

  /** The number of the node itself, where it is one of its endpoints: with a host firewall. */
  public static final int HOST_ID = MAX_ID;

  /**
   * A container port that policies can name.
   *
   * @param protocol the IP protocol's number
   * @param port 1 to 65535
   */
  public record NamedPort(int protocol, int port) {}

  public Endpoint {
    if (id < 1 || id > MAX_ID) {
      throw new IllegalArgumentException("endpoint id " + id + ": wanted 1 to " + MAX_ID);
    }
    addresses = List.copyOf(addresses);
    if (addresses.isEmpty() != device.isNone()
        || addresses.stream().map(IpAddress::family).distinct().count() != addresses.size()) {
      throw new IllegalArgumentException(
          "endpoint "
              + id
              + " with addresses "
              + addresses
              + ": wanted one a family, at least one");
    }
    namedPorts = Map.copyOf(namedPorts);
  }

  /**
   * The node itself. All addresses of the node are its own, whichever there are.
   *
   * @param labels {@code reserved:host} among them
   */
  public static Endpoint ofHost(Labels labels) {
    return new Endpoint(
        HOST_ID,
        "",
        "",
        labels,
        ReservedIdentity.HOST.id(),
        List.of(),
        EndpointInterface.NONE,
        Map.of(),
        EndpointState.READY);
  }

  /** Whether it is the node itself. */
  public boolean isHost() {
    return device.isNone();
  }

  /** Its address of this family. */
  public Optional<IpAddress> address(IpFamily family) {
    return addresses.stream().filter(address -> address.family() == family).findFirst();
  }

  /** The name under which people know it: {@code namespace/name}. */
  public String podName() {
    return namespace + "/" + name;
  }

  /**
   * The name of its pod in Kubernetes. Of a pod with several devices each is an endpoint, named
   * after the pod and, behind a colon, the device.
   *
   * @param endpointName an endpoint's name, with or without its namespace
   */
  public static String kubernetesName(String endpointName) {
    int colon = endpointName.indexOf(':');
    return colon < 0 ? endpointName : endpointName.substring(0, colon);
  }

  /**
   * This endpoint one step on.
   *
   * @throws IllegalStateException when its life has no such step
   */
  public Endpoint withState(EndpointState next) {
    if (!state.mayBecome(next)) {
      throw new IllegalStateException(
          "endpoint " + id + " cannot go from " + state + " to " + next);
    }
    return new Endpoint(id, namespace, name, labels, identity, addresses, device, namedPorts, next);
  }

  /** This endpoint with another set of labels and its number. */
  public Endpoint withIdentity(Identity changed) {
    return new Endpoint(
        id, namespace, name, changed.labels(), changed.id(), addresses, device, namedPorts, state);
  }

  /** This endpoint with other named ports. */
  public Endpoint withNamedPorts(Map<String, NamedPort> changed) {
    return new Endpoint(id, namespace, name, labels, identity, addresses, device, changed, state);
  }
}
