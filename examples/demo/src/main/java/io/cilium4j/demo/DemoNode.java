// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.DaemonConfiguration;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.api.model.EndpointPolicy;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.api.model.IPListEntry;
import io.cilium4j.api.model.NodeAddressing;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * A node of the demo's cluster: a network namespace with an agent in it, which is a process of its
 * own and is asked by its API alone. Its pods come about as a CNI plugin makes them: an address
 * from the agent, a pair of devices, then the endpoint.
 */
final class DemoNode {

  /** The device that leads to the other node, as usual on a node. */
  static final String DEVICE = "eth0";

  /** How long a request to an agent may take. */
  private static final Duration REQUEST_PATIENCE = Duration.ofSeconds(20);

  private final DemoFolder folder;
  private final int number;
  private final Netns netns;
  private final Program agent;
  private final ApiClient api;
  private final Map<Role, Long> endpoints = new EnumMap<>(Role.class);

  private DemoNode(DemoFolder folder, int number, Netns netns, Program agent) {
    this.folder = folder;
    this.number = number;
    this.netns = netns;
    this.agent = agent;
    this.api = new ApiClient(socket(folder, number), REQUEST_PATIENCE);
  }

  /** The node's name in the cluster. */
  static String name(int number) {
    return "node" + number;
  }

  private static String instance(int number) {
    return Stage.INSTANCE + number;
  }

  private static Path socket(DemoFolder folder, int number) {
    return folder.node(number).resolve("cilium.sock");
  }

  /** The path of a node's network namespace. */
  static Path netnsPath(DemoFolder folder, int number) {
    return folder.netns().resolve(Pod.NETNS_PREFIX + name(number));
  }

  /**
   * Starts the agent of a node; does not wait for it.
   *
   * @param netns the node's network, with the addresses by which the other node reaches it
   */
  static DemoNode start(
      DemoFolder folder, int number, Netns netns, String datapath, Routing routing) {
    Path own = folder.node(number);
    List<String> options = new ArrayList<>();
    options.add("--instance=" + instance(number));
    options.add("--node-name=" + name(number));
    options.add("--state-dir=" + own.resolve("state"));
    options.add("--socket-path=" + socket(folder, number));
    options.add("--monitor-socket=" + own.resolve("monitor.sock"));
    options.add(folder.clusterOption());
    options.add("--identity-allocation-mode=crd");
    options.add("--static-cnp-path=" + folder.manifests());
    options.add("--datapath=" + datapath);
    options.addAll(routing.agentOptions());
    Program agent =
        Program.start(
            "the agent of " + name(number), netns, own.resolve("log"), Program.AGENT, options);
    return new DemoNode(folder, number, netns, agent);
  }

  String name() {
    return name(number);
  }

  /** Whether the agent has its pod CIDRs and takes pods. */
  boolean isReady() {
    agent.checkAlive();
    try {
      return api.call("GET", "/endpoint", null).isSuccess();
    } catch (ApiException _) {
      return false; // It does not listen yet.
    }
  }

  /** What the agent said last. */
  String lastLine() {
    return agent.lastLine();
  }

  /** Makes a pod. */
  Pod addPod(Role role) {
    Netns inside = Pod.makeNetns(Pod.netnsPath(folder.netns(), role));
    String owner = Role.NAMESPACE + "%2F" + role.podName();
    IPAMResponse given =
        api.call("POST", "/ipam?owner=" + owner, Map.of("Expiration", "true"), null)
            .as(IPAMResponse.class);
    AddressPair pair = required(given.address(), "addresses");
    List<IpAddress> addresses = List.of(IpAddress.parse(pair.ipv4()), IpAddress.parse(pair.ipv6()));
    var request =
        new ConnectRequest(
            endpoints.size() + 1, inside.path().toString(), "eth0", addresses, mtuBytes());
    try (Netlink node = Netlink.open(netns)) {
      var _ =
          new PodConnector(node, routers(given))
              .connect(
                  request,
                  "lxc_" + role.podName(),
                  device -> endpoints.put(role, addEndpoint(role, device, pair)));
    }
    return Pod.serve(role, inside, addresses);
  }

  private long addEndpoint(Role role, EndpointInterface device, AddressPair pair) {
    var wanted =
        EndpointChangeRequest.builder()
            .containerId("demo-" + role.podName())
            .containerInterfaceName("eth0")
            .interfaceName(device.hostName())
            .interfaceIndex(device.hostIfindex())
            .hostMac(device.hostMac().toString())
            .mac(device.podMac().toString())
            .k8sPodName(role.podName())
            .k8sNamespace(Role.NAMESPACE)
            .labels(
                role.labels().entrySet().stream()
                    .map(label -> label.getKey() + "=" + label.getValue())
                    .toList())
            .state("waiting-for-identity")
            .syncBuildEndpoint(true)
            .addressing(pair)
            .build();
    return api.call("PUT", "/endpoint/cilium-local:0", wanted)
        .as(io.cilium4j.api.model.Endpoint.class)
        .id();
  }

  /** Largest packet that travels to pods of the other node, in bytes. */
  private int mtuBytes() {
    var status = required(api.get("/config", DaemonConfiguration.class).status(), "its settings");
    return Math.toIntExact(status.routeMTU());
  }

  private List<IpAddress> routers(IPAMResponse given) {
    NodeAddressing routers = required(given.hostAddressing(), "its addresses");
    return List.of(
        IpAddress.parse(required(routers.ipv4(), "an IPv4 address").ip()),
        IpAddress.parse(required(routers.ipv6(), "an IPv6 address").ip()));
  }

  private <T> T required(@org.jspecify.annotations.Nullable T value, String what) {
    return Optional.ofNullable(value)
        .orElseThrow(() -> new DemoException("the agent of " + name() + " did not tell " + what));
  }

  /** Whether the agent knows whose these addresses are, here and on other nodes. */
  boolean knows(Collection<IpAddress> addresses) {
    agent.checkAlive();
    Set<String> known =
        api.list("/ip", IPListEntry.class).stream()
            .map(IPListEntry::cidr)
            .collect(Collectors.toSet());
    return addresses.stream().allMatch(each -> known.contains(IpPrefix.host(each).toString()));
  }

  /** For which direction a policy restricts a pod of this node, as far as that is enforced. */
  String enforcement(Role role) {
    agent.checkAlive();
    var status =
        api.get("/endpoint/" + endpoints.get(role), io.cilium4j.api.model.Endpoint.class).status();
    return Optional.ofNullable(status)
        .flatMap(each -> Optional.ofNullable(each.policy()))
        .flatMap(each -> Optional.ofNullable(each.realized()))
        .map(EndpointPolicy::policyEnabled)
        .orElse("none");
  }

  /** Removes what a node's agent, which has ended, left; its devices go with the namespace. */
  static void remove(DemoFolder folder, int number) {
    Path path = netnsPath(folder, number);
    // Pins and state; where the namespace is gone, so are the devices.
    Agent left =
        Agent.builder()
            .instance(instance(number))
            .stateFolder(folder.node(number).resolve("state"))
            .podCidrs("198.51.100.0/24", "2001:db8:ffff::/112") // Of no node: no pod is made.
            .build();
    if (Netns.exists(path)) {
      try (Netns netns = Netns.open(path)) {
        netns.call(() -> {
          left.destroy();
          return true;
        });
      }
    } else {
      left.destroy();
    }
    Netns.delete(path);
  }
}
