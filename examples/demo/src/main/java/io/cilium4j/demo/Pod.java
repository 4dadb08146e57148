// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.EndpointRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import java.nio.file.Path;

/** A pod: a network namespace, an endpoint of the agent, and the HTTP server inside. */
final class Pod implements AutoCloseable {

  /** What stands before the pod's name in that of its network namespace. */
  private static final String NETNS_PREFIX = "cilium4j-demo-";

  private final Cast role;
  private final Netns netns;
  private final Endpoint endpoint;
  private final PodServer server;

  private Pod(Cast role, Netns netns, Endpoint endpoint, PodServer server) {
    this.role = role;
    this.netns = netns;
    this.endpoint = endpoint;
    this.server = server;
  }

  /** The path of a pod's network namespace. */
  static Path netnsPath(Path folder, Cast role) {
    return folder.resolve(NETNS_PREFIX + role.podName());
  }

  /** What the agent is told of a pod. */
  static EndpointRequest request(Cast role, Path netns) {
    return new EndpointRequest(Cast.NAMESPACE, role.podName(), role.labels(), netns.toString());
  }

  /** Makes a pod. */
  static Pod create(Agent agent, Path netnsFolder, Cast role) {
    Path path = netnsPath(netnsFolder, role);
    Netns netns =
        netnsFolder.equals(Netns.DEFAULT_FOLDER)
            ? Netns.create(path.getFileName().toString())
            : Netns.create(netnsFolder, path.getFileName().toString());
    Endpoint endpoint = agent.createEndpoint(request(role, netns.path()));
    return new Pod(role, netns, endpoint, PodServer.start(netns, role.podName(), Script.PORT));
  }

  /** Goes on with a pod that another process made. */
  static Pod resume(Agent agent, Path netnsFolder, Cast role) {
    Endpoint endpoint =
        agent
            .endpoint(Cast.NAMESPACE, role.podName())
            .orElseThrow(() -> new DemoException("pod " + role.podName() + " is gone"));
    Netns netns = Netns.open(netnsPath(netnsFolder, role));
    return new Pod(role, netns, endpoint, PodServer.start(netns, role.podName(), Script.PORT));
  }

  Cast role() {
    return role;
  }

  Netns netns() {
    return netns;
  }

  Endpoint endpoint() {
    return endpoint;
  }

  IpAddress address(IpFamily family) {
    return endpoint
        .address(family)
        .orElseThrow(() -> new DemoException("pod " + role.podName() + " has no " + family));
  }

  /** Ends the server; namespace and endpoint stay. */
  @Override
  public void close() {
    server.close();
    netns.close();
  }
}
