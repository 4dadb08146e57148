// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/**
 * A pod whose devices and addresses somebody else has prepared, a CNI plugin as a rule, and which
 * is to become an endpoint.
 *
 * @param wantedId its id; 0 lets the agent choose
 * @param namespace its Kubernetes namespace; empty where it has none
 * @param name its name, unique in the namespace, see {@link #kubernetesName}
 * @param names by which names others know it
 * @param labels all its labels, relevant or not
 * @param device the pair of devices
 * @param addresses its addresses, one a family
 * @param addressOwner who keeps the addresses: the agent's IPAM or somebody else
 * @param namedPorts the container ports that have a name
 * @param reservations names the deadline of each address that was taken with one
 */
public record EndpointAttachment(
    int wantedId,
    String namespace,
    String name,
    EndpointDetails.Names names,
    Labels labels,
    EndpointInterface device,
    List<IpAddress> addresses,
    AddressOwner addressOwner,
    Map<String, NamedPort> namedPorts,
    Map<IpAddress, UUID> reservations) {

  /** One whose addresses have no deadline. */
  public EndpointAttachment(
      int wantedId,
      String namespace,
      String name,
      EndpointDetails.Names names,
      Labels labels,
      EndpointInterface device,
      List<IpAddress> addresses,
      AddressOwner addressOwner,
      Map<String, NamedPort> namedPorts) {
    this(
        wantedId,
        namespace,
        name,
        names,
        labels,
        device,
        addresses,
        addressOwner,
        namedPorts,
        Map.of());
  }

  public EndpointAttachment {
    if (wantedId < 0 || wantedId > Endpoint.MAX_ID) {
      throw new IllegalArgumentException(
          "endpoint id " + wantedId + ": wanted 0 to " + Endpoint.MAX_ID);
    }
    if (name.isEmpty()) {
      throw new IllegalArgumentException(
          "endpoint without a name: wanted a pod's or a container's");
    }
    addresses = List.copyOf(addresses);
    if (addresses.isEmpty()) {
      throw new IllegalArgumentException(
          "endpoint " + namespace + "/" + name + " without an address: wanted one a family");
    }
    namedPorts = Map.copyOf(namedPorts);
    reservations = Map.copyOf(reservations);
  }

  /** This attachment with other named ports. */
  public EndpointAttachment withNamedPorts(Map<String, NamedPort> changed) {
    return new EndpointAttachment(
        wantedId,
        namespace,
        name,
        names,
        labels,
        device,
        addresses,
        addressOwner,
        changed,
        reservations);
  }

  /** The name under which people know it: {@code namespace/name}. */
  public String podName() {
    return namespace + "/" + name;
  }

  /**
   * The name of its pod in Kubernetes. Of a pod with several devices each is an endpoint, named
   * after the pod and, behind a colon, the device.
   */
  public String kubernetesName() {
    return Endpoint.kubernetesName(name);
  }

  /** Whether this owner of an address is its pod. */
  public boolean isOf(String owner) {
    return owner.equals(podName()) || owner.equals(namespace + "/" + kubernetesName());
  }
}
