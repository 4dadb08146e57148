// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;

/** A pod: a network namespace, its addresses, and the HTTP server inside. */
final class Pod implements AutoCloseable {

  /** What the name of every network namespace of the demo begins with. */
  static final String NETNS_PREFIX = "cilium4j-demo-";

  private final Role role;
  private final Netns netns;
  private final List<IpAddress> addresses;
  private final PodServer server;

  private Pod(Role role, Netns netns, List<IpAddress> addresses, PodServer server) {
    this.role = role;
    this.netns = netns;
    this.addresses = List.copyOf(addresses);
    this.server = server;
  }

  /** The path of a pod's network namespace. */
  static Path netnsPath(Path folder, Role role) {
    return folder.resolve(NETNS_PREFIX + role.podName());
  }

  /** Removes the pods' network namespaces, if there are some. */
  static void deleteAll(Path folder) {
    for (Role role : Role.values()) {
      Netns.delete(netnsPath(folder, role));
    }
  }

  /** What the agent is told of a pod. */
  static EndpointRequest request(Role role, Path netns) {
    return new EndpointRequest(Role.NAMESPACE, role.podName(), role.labels(), netns.toString());
  }

  /** Makes a pod. */
  static Pod create(Agent agent, Path netnsFolder, Role role) {
    Netns netns = makeNetns(netnsPath(netnsFolder, role));
    Endpoint endpoint = agent.createEndpoint(request(role, netns.path()));
    return serve(role, netns, endpoint.addresses());
  }

  /** Makes a network namespace with a name. */
  static Netns makeNetns(Path path) {
    String name = path.getFileName().toString();
    return Netns.DEFAULT_FOLDER.equals(path.getParent())
        ? Netns.create(name)
        : Netns.create(Objects.requireNonNull(path.toAbsolutePath().getParent()), name);
  }

  /** Serves in a namespace that is joined to a node already. */
  static Pod serve(Role role, Netns netns, List<IpAddress> addresses) {
    return new Pod(role, netns, addresses, PodServer.start(netns, role.podName(), Script.PORT));
  }

  /** Goes on with a pod that another process made. */
  static Pod resume(Agent agent, Path netnsFolder, Role role) {
    Endpoint endpoint =
        agent
            .endpoint(Role.NAMESPACE, role.podName())
            .orElseThrow(() -> new DemoException("pod " + role.podName() + " is gone"));
    Netns netns = Netns.open(netnsPath(netnsFolder, role));
    return serve(role, netns, endpoint.addresses());
  }

  Role role() {
    return role;
  }

  Netns netns() {
    return netns;
  }

  List<IpAddress> addresses() {
    return addresses;
  }

  IpAddress address(IpFamily family) {
    return addresses.stream()
        .filter(each -> each.family() == family)
        .findFirst()
        .orElseThrow(() -> new DemoException("pod " + role.podName() + " has no " + family));
  }

  /** Ends the server; namespace and endpoint stay. */
  @Override
  public void close() {
    server.close();
    netns.close();
  }
}
