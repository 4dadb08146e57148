// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.IPListEntry;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreProvider;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.Sysctl;
import io.cilium4j.datapath.net.VethPair;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Two nodes and an operator over a folder, and a host that is no node. Agents and operator are
 * processes of their own.
 *
 * <pre>
 *   node 1  192.0.2.1, 2001:db8::1  ---- eth0 ----  node 2  192.0.2.2, 2001:db8::2
 *      eth1 198.51.100.1 \                            / eth1 198.51.100.5
 *                         world  203.0.113.9, 2001:db8:9::9
 * </pre>
 */
final class TestCluster implements AutoCloseable {

  /** Where other hosts reach the one that is no node. */
  static final Map<IpFamily, IpAddress> WORLD =
      Map.of(
          IpFamily.IPV4,
          IpAddress.parse("203.0.113.9"),
          IpFamily.IPV6,
          IpAddress.parse("2001:db8:9::9"));

  /** What a busy machine may take to come to an end with whatever it does. */
  static final Duration PATIENCE = Duration.ofSeconds(90);

  private static final int MTU_BYTES = 1500;
  private static final int LO = 1;
  private static final long LOOK_NANOS = 10_000_000L;
  private static final String LINK = "eth0";

  /** How nodes reach each other's pods. */
  enum Routing {
    VXLAN("tunnel", false),
    NATIVE("native", true);

    private final String mode;
    private final boolean isDirect;

    Routing(String mode, boolean isDirect) {
      this.mode = mode;
      this.isDirect = isDirect;
    }
  }

  private final String name;
  private final Claim claim;
  private final Path folder;
  private final Map<String, String> agentOptions = new TreeMap<>();
  private final List<Netns> namespaces = new ArrayList<>();
  private Optional<Program> operator = Optional.empty();
  private int lastPod;

  /** The host that is no node. */
  final Netns world;

  final Node first;
  final Node second;

  /**
   * Makes the network and the folders; nobody runs yet.
   *
   * @param name stands in the names of everything; a few letters
   */
  TestCluster(String name, Routing routing) throws IOException {
    Lab.requireKernel();
    this.name = name;
    this.claim = Claim.of(name);
    this.folder = Files.createTempDirectory("cilium4j-it-" + name);
    Files.createDirectory(manifests());
    Files.createDirectory(
        store(),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
    agentOptions.put("routing-mode", routing.mode);
    agentOptions.put("auto-direct-node-routes", Boolean.toString(routing.isDirect));
    agentOptions.put("cluster-store", store().toString());
    agentOptions.put("identity-allocation-mode", "crd");
    agentOptions.put("static-cnp-path", manifests().toString());
    agentOptions.put("enable-health-checking", "false");
    this.world = netns("world");
    this.first = new Node(1);
    this.second = new Node(2);
    joinNodes();
    joinWorld(first);
    joinWorld(second);
  }

  /** A node: a network namespace with an agent in it. */
  final class Node {
    final int number;
    final Netns netns;
    final CniPlugin runtime;
    private Optional<AgentProcess> agent = Optional.empty();

    private Node(int number) {
      this.number = number;
      this.netns = netns("node" + number);
      this.runtime = new CniPlugin(this::client, this::network, "lxc" + number + "_");
      netns.call(() -> {
        Sysctl.write("net/ipv4/ip_forward", "1");
        Sysctl.write("net/ipv6/conf/all/forwarding", "1");
        return true;
      });
    }

    String name() {
      return "node-" + number;
    }

    String instance() {
      return name + number;
    }

    /** Its state, its sockets. */
    Path folder() {
      return folder.resolve("node" + number);
    }

    Netlink network() {
      return Netlink.open(netns);
    }

    IpAddress address(IpFamily family) {
      return IpAddress.parse(family == IpFamily.IPV4 ? "192.0.2.0" : "2001:db8::").plus(number);
    }

    Node other() {
      return this == first ? second : first;
    }

    /** Starts the agent; does not wait. */
    void launch() throws IOException {
      launch(Map.of());
    }

    /** As above, with more options. */
    void launch(Map<String, String> more) throws IOException {
      Map<String, String> options = new TreeMap<>(agentOptions);
      options.put("instance", instance());
      options.put("node-name", name());
      options.put("state-dir", folder().resolve("state").toString());
      options.putAll(more);
      Files.createDirectories(folder());
      agent = Optional.of(AgentProcess.launch(Optional.of(netns), folder(), options));
    }

    AgentProcess agent() {
      return agent.orElseThrow();
    }

    void kill() {
      agent.ifPresent(AgentProcess::kill);
    }

    /** What the program nft answers on this node. */
    String nft(String... arguments) throws IOException {
      List<String> command = new ArrayList<>(List.of("nft"));
      command.addAll(List.of(arguments));
      return Program.run(netns, command);
    }

    ApiClient client() {
      return agent().client();
    }

    /** What the command line answers on this node. */
    String cilium(String... words) throws IOException, InterruptedException {
      List<String> all = new ArrayList<>(List.of("-H", folder().resolve("api.sock").toString()));
      all.addAll(List.of(words));
      try (var cli =
          Program.launch(Optional.of(netns), "io.cilium4j.cli/io.cilium4j.cli.Main", all)) {
        int code = cli.awaitEnd(PATIENCE);
        assertEquals(0, code, cli.log());
        return cli.log();
      }
    }

    /** Its endpoints, by number. */
    Map<Long, Endpoint> endpoints() {
      return client().list("/endpoint", Endpoint.class).stream()
          .collect(Collectors.toMap(Endpoint::id, each -> each, (a, _) -> a, TreeMap::new));
    }

    /** State and message of the agent; empty while it does not answer. */
    String status() {
      try {
        var status = client().get("/healthz", StatusResponse.class).cilium();
        return status == null ? "" : status.state() + " " + status.msg();
      } catch (ApiException _) {
        return "";
      }
    }

    /** Which identity an address has here; empty where it is not known. */
    Optional<Long> identityOf(IpAddress address) {
      String prefix = IpPrefix.host(address).toString();
      return client().list("/ip", IPListEntry.class).stream()
          .filter(entry -> entry.cidr().equals(prefix))
          .map(IPListEntry::identity)
          .findFirst();
    }

    /** Whether all these addresses are known here. */
    boolean knows(Collection<Pod> pods) {
      Set<String> known =
          client().list("/ip", IPListEntry.class).stream()
              .map(entry -> entry.cidr() + " " + entry.identity())
              .collect(Collectors.toSet());
      return pods.stream()
          .allMatch(pod ->
              pod.addresses().stream()
                  .allMatch(
                      address -> known.contains(IpPrefix.host(address) + " " + pod.identity())));
    }

    /** Whether a policy is enforced for these directions at an endpoint. */
    boolean enforces(Pod pod, String direction) {
      var status = client().get("/endpoint/" + pod.endpoint().id(), Endpoint.class).status();
      var policy = Objects.requireNonNull(status).policy();
      return policy != null
          && policy.realized() != null
          && policy.realized().policyEnabled().equals(direction);
    }
  }

  /** A pod: its namespace and what the agent said of it. */
  record Pod(Node node, int number, Netns netns, Endpoint endpoint) {
    IpAddress address(IpFamily family) {
      return addresses().stream()
          .filter(address -> address.family() == family)
          .findFirst()
          .orElseThrow();
    }

    List<IpAddress> addresses() {
      return Inventory.addresses(endpoint);
    }

    long identity() {
      return identityOf(endpoint);
    }
  }

  static long identityOf(Endpoint endpoint) {
    return Objects.requireNonNull(Objects.requireNonNull(endpoint.status()).identity()).id();
  }

  // ---- the network ----

  private Netns netns(String part) {
    String path = "cilium4j-it-" + name + "-" + part;
    Netns.delete(Netns.DEFAULT_FOLDER.resolve(path)); // What an aborted run left.
    Netns made = Netns.create(path);
    namespaces.add(made);
    try (Netlink links = Netlink.open(made)) {
      links.setUp(LO);
    }
    return made;
  }

  private void joinNodes() {
    try (Netlink near = first.network();
        Netlink far = second.network()) {
      Link end = near.createVeth(cable(LINK, LINK), second.netns);
      for (Node node : nodes()) {
        Netlink links = node == first ? near : far;
        int device = node == first ? end.index() : end.peerIndex();
        links.setUp(device);
        address(links, device, node.address(IpFamily.IPV4), 24);
        address(links, device, node.address(IpFamily.IPV6), 64);
      }
    }
  }

  private static VethPair cable(String near, String far) {
    return new VethPair(near, far, PodConnector.randomMac(), PodConnector.randomMac(), MTU_BYTES);
  }

  private void joinWorld(Node node) {
    try (Netlink near = node.network();
        Netlink far = Netlink.open(world)) {
      Link end = near.createVeth(cable("eth1", "node" + node.number), world);
      near.setUp(end.index());
      far.setUp(end.peerIndex());
      for (IpFamily family : IpFamily.values()) {
        IpAddress own = onWorldLink(node, family);
        address(near, end.index(), own, own.isV4() ? 30 : 126);
        address(far, end.peerIndex(), own.plus(1), own.isV4() ? 30 : 126);
        IpAddress host = Objects.requireNonNull(WORLD.get(family));
        far.ensureAddress(LO, InterfaceAddress.host(host), DuplicateCheck.SKIP);
        near.replaceRoute(Route.to(IpPrefix.host(host), end.index()).via(own.plus(1)));
        // From the address by which it is reached, to whoever comes under the node's.
        far.replaceRoute(Route.to(IpPrefix.host(own), end.peerIndex()).from(host));
        far.replaceRoute(
            Route.to(IpPrefix.host(node.address(family)), end.peerIndex()).via(own).from(host));
      }
    }
  }

  private static void address(Netlink links, int device, IpAddress address, int length) {
    links.addAddress(device, new InterfaceAddress(address, length), DuplicateCheck.SKIP);
  }

  /** A node's address on its link to the world; the world's is the next one. */
  static IpAddress onWorldLink(Node node, IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "198.51.100.0" : "2001:db8:8::")
        .plus(4L * (node.number - 1) + 1);
  }

  // ---- who runs ----

  /** Has the world send packets for an address by a node. */
  void routeFromWorld(IpAddress address, Node by) {
    IpFamily family = address.family();
    IpAddress host = Objects.requireNonNull(WORLD.get(family));
    try (Netlink far = Netlink.open(world)) {
      int device = far.linkByName("node" + by.number).orElseThrow().index();
      far.replaceRoute(
          Route.to(IpPrefix.host(address), device).via(onWorldLink(by, family)).from(host));
    }
  }

  /** Has a node send packets for an address to the world, as by a default route. */
  void routeToWorld(IpAddress address, Node from) {
    try (Netlink near = from.network()) {
      int device = near.linkByName("eth1").orElseThrow().index();
      IpAddress own = onWorldLink(from, address.family());
      near.replaceRoute(Route.to(IpPrefix.host(address), device).via(own.plus(1)));
    }
  }

  List<Node> nodes() {
    return List.of(first, second);
  }

  /** Starts operator and agents, and waits until the agents serve. */
  void start() throws IOException, InterruptedException {
    start(Map.of());
  }

  /** As above, with more options of both agents. */
  void start(Map<String, String> more) throws IOException, InterruptedException {
    launchOperator();
    startAgents(more);
  }

  /** Starts agents, and waits until they serve. */
  void startAgents(Map<String, String> more) throws IOException, InterruptedException {
    for (Node node : nodes()) {
      node.launch(more);
    }
    for (Node node : nodes()) {
      node.agent().awaitReady();
    }
  }

  void launchOperator() throws IOException {
    launchOperator("--cluster-pool-ipv4-cidr=10.97.0.0/16", "--cluster-pool-ipv6-cidr=fd97::/104");
  }

  /** Starts an operator that gets its addresses by these options. */
  void launchOperator(String... addresses) throws IOException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "operator", "--cluster-store=" + store(), "--operator-api-serve-addr=localhost:0"));
    arguments.addAll(List.of(addresses));
    operator =
        Optional.of(
            Program.launch(
                Optional.empty(), "io.cilium4j.operator/io.cilium4j.operator.Main", arguments));
  }

  void killOperator() {
    operator.ifPresent(Program::kill);
  }

  Path store() {
    return folder.resolve("cluster");
  }

  private Path manifests() {
    return folder.resolve("manifests");
  }

  /** Another client of the cluster's store. */
  ClusterStore openStore() {
    return ServiceLoader.load(ClusterStoreProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.name().equals("directory"))
        .findFirst()
        .orElseThrow()
        .open(Map.of("path", store().toString()));
  }

  /** Puts a manifest where the agents watch. */
  void write(String file, String text) throws IOException {
    Path unfinished = folder.resolve(file + ".tmp");
    Files.writeString(unfinished, text);
    Files.move(unfinished, manifests().resolve(file), StandardCopyOption.ATOMIC_MOVE);
  }

  /** Takes it away. */
  void remove(String file) throws IOException {
    Files.delete(manifests().resolve(file));
  }

  // ---- pods ----

  /** Makes a pod that the world has a route to. */
  Pod pod(Node node, String... labels) {
    int number = ++lastPod;
    return pod(node, netns("pod" + number), number, labels);
  }

  /** The number of the pod that is made next. */
  int nextPod() {
    return lastPod + 1;
  }

  /** Makes a pod that the world has no route to. */
  Pod hiddenPod(Node node, String... labels) {
    int number = ++lastPod;
    return hiddenPod(node, netns("pod" + number), number, labels);
  }

  private static Pod hiddenPod(Node node, Netns netns, int number, String... labels) {
    Endpoint made =
        node.runtime.add(number, Stream.of(labels).map(each -> "k8s:" + each).toList(), netns);
    return new Pod(node, number, netns, made);
  }

  /** Makes a pod in a namespace that is there. */
  Pod pod(Node node, Netns netns, int number, String... labels) {
    Pod pod = hiddenPod(node, netns, number, labels);
    try (Netlink links = Netlink.open(world)) {
      int device = links.linkByName("node" + node.number).orElseThrow().index();
      for (IpFamily family : IpFamily.values()) {
        links.replaceRoute(
            Route.to(IpPrefix.host(pod.address(family)), device)
                .via(onWorldLink(node, family))
                .from(Objects.requireNonNull(WORLD.get(family))));
      }
    }
    return pod;
  }

  /** Waits until both nodes know all these pods as what they are. */
  void awaitKnown(Collection<Pod> pods) {
    for (Node node : nodes()) {
      await(node.name() + " knows all pods", () -> node.knows(pods));
    }
  }

  /** What {@link #await} looks at. */
  interface Condition {
    boolean holds() throws Exception;
  }

  /** Waits for something; an agent that does not answer is asked again. */
  void await(String what, Condition condition) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      String seen = "it does not hold";
      try {
        if (condition.holds()) {
          return;
        }
      } catch (Exception e) {
        seen = e.toString();
      }
      String last = seen;
      assertTrue(System.nanoTime() - end < 0, () -> what + ": " + last + "\n" + logs());
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }

  /** What everybody said last. */
  String logs() {
    var text = new StringBuilder();
    operator.ifPresent(each -> text.append("operator:\n").append(each.log()));
    for (Node node : nodes()) {
      node.agent.ifPresent(
          each -> text.append("\n").append(node.name()).append(":\n").append(each.log()));
    }
    return text.toString();
  }

  /** Removes what a node's agent left, which is killed. */
  static void destroy(Node node) {
    node.kill();
    Agent left =
        Agent.builder()
            .instance(node.instance())
            .stateFolder(node.folder().resolve("state"))
            .podCidrs("10.96.255.0/24", "fd96::/112") // Of no node: no pod is made.
            .build();
    node.netns.call(() -> {
      left.destroy();
      return true;
    });
  }

  /**
   * Sees that no thread that the JDK keeps for everybody was born in a namespace of the test, where
   * a later test would find nobody.
   */
  private static void checkSharedThreads() throws IOException {
    try (Stream<Path> threads = Files.list(Path.of("/proc/self/task"))) {
      for (Path thread : threads.toList()) {
        try {
          String name = Files.readString(thread.resolve("comm")).strip();
          if (name.startsWith("process reaper") || name.startsWith("ForkJoinPool")) {
            assertEquals(
                Netns.currentId(),
                Files.readSymbolicLink(thread.resolve("ns/net")).toString(),
                () -> "a thread of the JDK's lives in a network of the test: " + name);
          }
        } catch (NoSuchFileException _) {
          // It has ended.
        }
      }
    }
  }

  @Override
  public void close() throws IOException {
    try (claim) {
      clear();
    }
  }

  private void clear() throws IOException {
    killOperator();
    // Pins and state; devices go with the namespace.
    nodes().forEach(TestCluster::destroy);
    for (Netns netns : namespaces) {
      netns.close();
      Netns.delete(netns.path());
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
    checkSharedThreads();
  }
}
