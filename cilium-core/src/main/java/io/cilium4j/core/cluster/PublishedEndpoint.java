// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.cluster;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An endpoint as its node tells the others of it: a {@code CiliumEndpoint}.
 *
 * @param namespace the Kubernetes namespace
 * @param name the pod's name
 * @param id its number on its node
 * @param identity its identity; absent while it has none
 * @param addresses its addresses
 * @param node where its node is reached; absent where that is not known
 * @param namedPorts the container ports that have a name
 * @param state where it stands in its life
 * @param details what else is told of it
 */
public record PublishedEndpoint(
    String namespace,
    String name,
    int id,
    Optional<Identity> identity,
    List<IpAddress> addresses,
    Optional<IpAddress> node,
    Map<String, Endpoint.NamedPort> namedPorts,
    EndpointState state,
    Details details)
    implements ClusterObject {

  /**
   * What is told of an endpoint for people: nobody decides by it.
   *
   * @param ingressEnforced whether a policy restricts what it receives
   * @param egressEnforced whether a policy restricts what it sends
   * @param serviceAccount the account that its pod runs under; empty where that is not known
   * @param externalIds what others call it, by kind of name: {@code container-id} and the like
   */
  public record Details(
      boolean ingressEnforced,
      boolean egressEnforced,
      String serviceAccount,
      Map<String, String> externalIds) {

    /** Nothing is told. */
    public static final Details NONE = new Details(false, false, "", Map.of());

    public Details {
      externalIds = Map.copyOf(externalIds);
    }
  }

  public PublishedEndpoint {
    Names.requireLabel("namespace", namespace);
    Names.require("endpoint", name);
    if (id < 0 || id > Endpoint.MAX_ID) {
      throw new IllegalArgumentException("endpoint id " + id + ": wanted 0 to " + Endpoint.MAX_ID);
    }
    addresses = List.copyOf(addresses);
    namedPorts = Map.copyOf(namedPorts);
  }

  /** An endpoint of which no more than this is told. */
  public PublishedEndpoint(
      String namespace,
      String name,
      int id,
      Optional<Identity> identity,
      List<IpAddress> addresses,
      Optional<IpAddress> node,
      Map<String, Endpoint.NamedPort> namedPorts,
      EndpointState state) {
    this(namespace, name, id, identity, addresses, node, namedPorts, state, Details.NONE);
  }

  /** {@code namespace/name}. */
  @Override
  public String key() {
    return namespace + "/" + name;
  }
}
