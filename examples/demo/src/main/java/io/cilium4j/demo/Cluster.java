// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Two nodes, an operator, and the five pods on them.
 *
 * <pre>
 *   node1  192.0.2.1, 2001:db8::1   ---- eth0, a pair of devices ----   node2  192.0.2.2, 2001:db8::2
 *   agent                                                               agent
 *   tiefighter, xwing, curl                                             deathstar, httpbin
 * </pre>
 *
 * The operator and the agents are processes of their own, with a folder in common. Whatever ends
 * the demo, {@link #clear} takes everything away again.
 */
final class Cluster {

  static final int NODES = 2;

  private static final int MTU_BYTES = 1500;

  /** How long a start, or what one node tells the other, may take on a busy machine. */
  private static final Duration PATIENCE = Duration.ofSeconds(40);

  private static final Duration LOOK = Duration.ofMillis(20);

  private final DemoFolder folder;
  private final String datapath;
  private final Routing routing;
  private final List<DemoNode> nodes = new ArrayList<>();
  private final Map<Role, Pod> pods = new EnumMap<>(Role.class);
  private Optional<Program> operator = Optional.empty();
  private volatile boolean cleared;

  /** A cluster of which nothing is made yet. */
  Cluster(DemoFolder folder, String datapath, Routing routing) {
    this.folder = folder;
    this.datapath = datapath;
    this.routing = routing;
  }

  Routing routing() {
    return routing;
  }

  Pod pod(Role role) {
    return Optional.ofNullable(pods.get(role))
        .orElseThrow(() -> new DemoException("pod " + role.podName() + " is gone"));
  }

  /** Makes it; when this returns, each node knows the pods of both. */
  void open() {
    start();
    for (DemoNode node : nodes) {
      await(node::isReady, "the agent of " + node.name() + " is not ready: ", node);
    }
    for (Role role : Role.values()) {
      enter(role);
    }
    List<IpAddress> all = pods.values().stream().flatMap(pod -> pod.addresses().stream()).toList();
    for (DemoNode node : nodes) {
      await(() -> node.knows(all), node.name() + " does not know all pods: ", node);
    }
  }

  private synchronized void start() {
    checkNotCleared();
    folder.create();
    folder.createCluster(NODES);
    List<Netns> networks = new ArrayList<>();
    for (int number = 1; number <= NODES; number++) {
      Netns network = Pod.makeNetns(DemoNode.netnsPath(folder, number));
      networks.add(network);
      network.call(() -> {
        forward();
        return true;
      });
    }
    join(networks);
    operator = Optional.of(startOperator());
    for (int number = 1; number <= NODES; number++) {
      nodes.add(DemoNode.start(folder, number, networks.get(number - 1), datapath, routing));
    }
  }

  private Program startOperator() {
    try (Netns own = Netns.current()) {
      return Program.start(
          "the operator",
          own,
          folder.cluster().resolveSibling("operator.log"),
          Program.OPERATOR,
          List.of(
              folder.clusterOption(),
              "--cluster-pool-ipv4-cidr=10.244.0.0/16",
              "--cluster-pool-ipv6-cidr=fd00:244::/104",
              "--operator-api-serve-addr=localhost:0"));
    }
  }

  /** A node passes on what is not for itself, as those of Kubernetes do. */
  private static void forward() {
    Sysctl.write("net/ipv4/ip_forward", "1");
    Sysctl.write("net/ipv6/conf/all/forwarding", "1");
  }

  /** The cable between the nodes. */
  private static void join(List<Netns> networks) {
    try (Netlink first = Netlink.open(networks.getFirst());
        Netlink second = Netlink.open(networks.getLast())) {
      Link end =
          first.createVeth(
              new VethPair(
                  DemoNode.DEVICE,
                  DemoNode.DEVICE,
                  PodConnector.randomMac(),
                  PodConnector.randomMac(),
                  MTU_BYTES),
              networks.getLast());
      setUp(first, end.index(), 1);
      setUp(second, end.peerIndex(), 2);
    }
  }

  private static void setUp(Netlink node, int eth0, int number) {
    node.linkByName("lo").ifPresent(loopback -> node.setUp(loopback.index()));
    node.setUp(eth0);
    node.addAddress(
        eth0, new InterfaceAddress(IpAddress.parse("192.0.2." + number), 24), DuplicateCheck.SKIP);
    node.addAddress(
        eth0,
        new InterfaceAddress(IpAddress.parse("2001:db8::" + number), 64),
        DuplicateCheck.SKIP);
  }

  // Pod by pod, so that a shutdown need not wait for all of them.
  private synchronized void enter(Role role) {
    checkNotCleared();
    pods.put(role, nodes.get(role.node() - 1).addPod(role));
  }

  /** Writes a policy where the agents watch, and waits until the pod that it selects has it. */
  void apply(Policy policy, Role selected) {
    folder.writeManifest(policy.fileName(), policy.text());
    DemoNode node = nodes.get(selected.node() - 1);
    await(
        () -> node.enforcement(selected).equals("ingress"),
        policy.objects() + " is not enforced on " + node.name() + ": ",
        node);
  }

  private void await(BooleanSupplier condition, String otherwise, DemoNode node) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      checkNotCleared();
      operator.ifPresent(Program::checkAlive);
      if (System.nanoTime() - end > 0) {
        throw new DemoException(otherwise + node.lastLine());
      }
      LockSupport.parkNanos(LOOK.toNanos());
    }
  }

  /** Does something on it; whatever goes wrong because it is cleared meanwhile is one line. */
  <T> T orInterrupted(Supplier<T> action) {
    try {
      return action.get();
    } catch (RuntimeException e) {
      checkNotCleared();
      throw e;
    }
  }

  private void checkNotCleared() {
    if (cleared) {
      throw new DemoException("interrupted");
    }
  }

  /** Removes everything that it made, and nothing else. */
  synchronized void clear() {
    if (!cleared) {
      cleared = true;
      pods.values().forEach(Pod::close);
      clearNodes(folder);
      Pod.deleteAll(folder.netns());
      folder.remove();
    }
  }

  /** Ends the operator and the agents that a run left, and removes their nodes. */
  static void clearNodes(DemoFolder folder) {
    Program.endAll(folder.clusterOption());
    for (int number = 1; number <= NODES; number++) {
      DemoNode.remove(folder, number);
    }
  }
}
