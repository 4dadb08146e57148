// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.DaemonConfiguration;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.api.model.NodeAddressing;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.VethPair;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Makes and ends pods through the API, as a CNI plugin does: addresses with a deadline, a pair of
 * devices of its own, then the endpoint.
 */
final class CniPlugin {

  private static final int NOT_FOUND = 404;

  private final Supplier<ApiClient> agent;
  private final Supplier<Netlink> network;
  private final String devicePrefix;

  /**
   * Of an agent in our own network namespace.
   *
   * @param agent the client of the agent that runs now
   * @param devicePrefix begins the names of the node's side devices
   */
  CniPlugin(Supplier<ApiClient> agent, String devicePrefix) {
    this(agent, Netlink::open, devicePrefix);
  }

  /**
   * As above.
   *
   * @param network opens the network of the agent's node
   */
  CniPlugin(Supplier<ApiClient> agent, Supplier<Netlink> network, String devicePrefix) {
    this.agent = agent;
    this.network = network;
    this.devicePrefix = devicePrefix;
  }

  /** The name of a pod's device on the node's side. */
  String device(int pod) {
    return devicePrefix + pod;
  }

  static String podName(int pod) {
    return "pod-" + pod;
  }

  /**
   * Makes a pod with a label {@code app=APP}.
   *
   * @return the endpoint, which is ready
   * @throws ApiException if the agent refuses or does not answer; the runtime then calls {@link
   *     #delete}
   */
  Endpoint add(int pod, String app, Netns netns) {
    return add(pod, List.of("k8s:app=" + app), netns);
  }

  /**
   * Makes a pod with these labels.
   *
   * @return as above
   * @throws ApiException as above
   */
  Endpoint add(int pod, List<String> labels, Netns netns) {
    IPAMResponse addresses =
        agent
            .get()
            .call(
                "POST", "/ipam?owner=default%2F" + podName(pod), Map.of("expiration", "true"), null)
            .as(IPAMResponse.class);
    AddressPair pair = Objects.requireNonNull(addresses.address());
    Devices devices = join(pod, netns, pair, Objects.requireNonNull(addresses.hostAddressing()));
    return agent
        .get()
        .call("PUT", "/endpoint/cilium-local:0", request(pod, labels, devices, pair))
        .as(Endpoint.class);
  }

  private record Devices(Link host, MacAddress podMac) {}

  private Devices join(int pod, Netns netns, AddressPair pair, NodeAddressing node) {
    var veth =
        new VethPair(
            device(pod), "eth0", PodConnector.randomMac(), PodConnector.randomMac(), mtuBytes());
    try (Netlink here = network.get();
        Netlink inside = Netlink.open(netns)) {
      Link host = here.createVeth(veth, netns);
      int eth0 = host.peerIndex();
      inside.setUp(eth0);
      lead(inside, eth0, host, pair.ipv4(), Objects.requireNonNull(node.ipv4()).ip());
      lead(inside, eth0, host, pair.ipv6(), Objects.requireNonNull(node.ipv6()).ip());
      return new Devices(host, veth.peerMac());
    }
  }

  /** Largest packet of a pod's device. */
  private int mtuBytes() {
    var configuration = agent.get().get("/config", DaemonConfiguration.class);
    return Math.toIntExact(Objects.requireNonNull(configuration.status()).routeMTU());
  }

  private static void lead(Netlink inside, int eth0, Link host, String own, String router) {
    IpAddress nextHop = IpAddress.parse(router);
    inside.ensureAddress(eth0, InterfaceAddress.host(IpAddress.parse(own)), DuplicateCheck.SKIP);
    inside.setNeighbour(eth0, nextHop, host.mac());
    inside.replaceRoute(Route.to(IpPrefix.host(nextHop), eth0));
    inside.replaceRoute(
        Route.to(IpPrefix.parse(nextHop.isV4() ? "0.0.0.0/0" : "::/0"), eth0).via(nextHop));
  }

  private static EndpointChangeRequest request(
      int pod, List<String> labels, Devices devices, AddressPair pair) {
    return EndpointChangeRequest.builder()
        .containerId("container-" + pod)
        .containerInterfaceName("eth0")
        .containerNetnsPath("/var/run/cilium/netns/elsewhere")
        .interfaceName(devices.host().name())
        .interfaceIndex(devices.host().index())
        .hostMac(devices.host().mac().toString())
        .mac(devices.podMac().toString())
        .k8sPodName(podName(pod))
        .k8sNamespace("default")
        .labels(labels)
        .state("waiting-for-identity")
        .syncBuildEndpoint(true)
        .addressing(pair)
        .build();
  }

  /**
   * Ends a pod, whether it came about or not; what is gone already is no error. Addresses that were
   * taken for one that did not come back at their deadline.
   *
   * @throws ApiException if the agent refuses or does not answer
   */
  void delete(int pod) {
    var answer =
        agent.get().call("DELETE", "/endpoint", Map.of("container-id", "container-" + pod));
    if (answer.status() != NOT_FOUND) {
      var _ = answer.orThrow();
    }
    try (Netlink here = network.get()) {
      here.linkByName(device(pod)).ifPresent(link -> here.deleteLink(link.index()));
    }
  }
}
