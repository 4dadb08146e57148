// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointRequest;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Assumptions;

/** An agent with a folder and pods of its own, all gone when it is closed. */
final class Lab implements AutoCloseable {

  private static final Duration POLICY_PATIENCE = Duration.ofSeconds(30);

  private final String instance;
  private final String datapath;
  private final Path folder;
  private int octet;
  private final Map<String, Netns> namespaces = new HashMap<>();
  private final Claim name;
  private final Claim prefixes;
  private Agent agent;

  /**
   * @param instance the agent's instance, in which the pods' namespaces are named too
   * @param octet keeps the addresses of labs apart, 0 to 255
   */
  Lab(String instance, String datapath, int octet) throws IOException {
    this(instance, datapath, octet, builder -> builder);
  }

  /** One whose agent is told more. */
  Lab(String instance, String datapath, int octet, UnaryOperator<AgentBuilder<Agent>> more)
      throws IOException {
    requireKernel();
    this.name = Claim.of(instance);
    this.prefixes = Claim.of("prefixes-" + octet);
    this.instance = instance;
    this.datapath = datapath;
    this.octet = octet;
    this.folder = Files.createTempDirectory("cilium4j-it-" + instance);
    Files.createDirectory(manifests());
    this.agent = newAgent(instance, datapath, octet, folder, more);
  }

  static Agent newAgent(String instance, String datapath, int octet, Path folder) {
    return newAgent(instance, datapath, octet, folder, builder -> builder);
  }

  private static Agent newAgent(
      String instance,
      String datapath,
      int octet,
      Path folder,
      UnaryOperator<AgentBuilder<Agent>> more) {
    return more.apply(
            Agent.builder()
                .instance(instance)
                .datapath(datapath)
                .stateFolder(folder.resolve("state"))
                .manifests(folder.resolve("manifests"))
                .podCidrs(podCidr4(octet), podCidr6(octet)))
        .build();
  }

  private static String podCidr4(int octet) {
    return "10.99." + octet + ".0/24";
  }

  private static String podCidr6(int octet) {
    return "fd99:" + octet + "::/112";
  }

  /** The same agent as a daemon's options; of the two at most one may run. */
  Map<String, String> daemonOptions() {
    return Map.of(
        "instance",
        instance,
        "datapath",
        datapath,
        "state-dir",
        state().toString(),
        "static-cnp-path",
        manifests().toString(),
        "ipv4-range",
        podCidr4(octet),
        "ipv6-range",
        podCidr6(octet));
  }

  /** A test that cannot run here is skipped, or fails where the build says that it must run. */
  static void requireKernel() {
    boolean possible;
    try (Netns probe = Netns.create("cilium4j-it-probe-" + ProcessHandle.current().pid())) {
      possible = true;
      Netns.delete(probe.path());
    } catch (RuntimeException e) {
      possible = false;
    }
    if ("required".equals(System.getProperty("kernel.tests"))) {
      Assertions.assertTrue(possible, "network namespaces can be made here");
    } else {
      Assumptions.assumeTrue(possible, "network namespaces can be made here");
    }
  }

  Agent agent() {
    return agent;
  }

  Path folder() {
    return folder;
  }

  String instance() {
    return instance;
  }

  /** The state folder. */
  Path state() {
    return folder.resolve("state");
  }

  private List<IpPrefix> podCidrs() {
    return List.of(IpPrefix.parse(podCidr4(octet)), IpPrefix.parse(podCidr6(octet)));
  }

  /** Whether a prefix is within those of the pods. */
  boolean isOfPods(IpPrefix prefix) {
    return podCidrs().stream()
        .anyMatch(pods -> pods.contains(prefix.address()) && prefix.length() > pods.length());
  }

  /** The node's own addresses among the pods'. */
  List<IpAddress> routers() {
    return podCidrs().stream().map(prefix -> prefix.address().plus(1)).toList();
  }

  private Path manifests() {
    return folder.resolve("manifests");
  }

  /** A new agent object of the same instance, as a restarted process has. */
  void replaceAgent() {
    agent = newAgent(instance, datapath, octet, folder);
  }

  /** As {@link #replaceAgent()}, with the prefixes of another octet. */
  void replaceAgent(int other) {
    octet = other;
    replaceAgent();
  }

  /** The path of a pod's namespace. */
  static Path netnsPath(String instance, String pod) {
    return Netns.DEFAULT_FOLDER.resolve("cilium4j-it-" + instance + "-" + pod);
  }

  Netns netns(String pod) {
    return namespaces.computeIfAbsent(
        pod,
        name -> {
          Path path = netnsPath(instance, name);
          return Netns.exists(path)
              ? Netns.open(path)
              : Netns.create(Objects.requireNonNull(path.getFileName()).toString());
        });
  }

  static EndpointRequest request(String instance, String pod) {
    return new EndpointRequest(
        "default", pod, Map.of("app", pod), netnsPath(instance, pod).toString());
  }

  /** A pod with a label {@code app=NAME}. */
  Endpoint pod(String name) {
    netns(name);
    return agent.createEndpoint(request(instance, name));
  }

  void apply(String name, String spec) throws Exception {
    Path unfinished = folder.resolve(name + ".tmp");
    Files.writeString(
        unfinished,
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata:
          name: %s
          namespace: default
        spec:
        %s
        """
            .formatted(name, spec.indent(2)));
    Files.move(unfinished, manifests().resolve(name + ".yaml"), StandardCopyOption.ATOMIC_MOVE);
    agent.awaitPolicy(new ResourceKey("CiliumNetworkPolicy", "default", name), POLICY_PATIENCE);
  }

  /** Names of the devices and pins that the instance has on this machine. */
  Set<String> owned() throws IOException {
    Set<String> owned = new TreeSet<>();
    try (Netlink node = Netlink.open()) {
      node.listLinks(instance + "_").stream().map(Link::name).forEach(owned::add);
    }
    Path pins = Path.of("/sys/fs/bpf", new InstanceNames(instance).pinFolder());
    if (Files.exists(pins)) {
      try (Stream<Path> all = Files.walk(pins)) {
        owned.addAll(all.map(Path::toString).collect(Collectors.toSet()));
      }
    }
    return owned;
  }

  /** Every packet that policy denied says which rule does, or that none allows it. */
  private void assertDenialsExplained() {
    List<ReportedFlow> flows;
    try {
      flows = agent.flows();
    } catch (AgentException _) {
      return; // It is closed, and so they are gone.
    }
    for (ReportedFlow flow : flows) {
      boolean isDenied = flow.event() == FlowEvent.VERDICT && flow.isDropped();
      Assertions.assertTrue(
          !isDenied
              || flow.rule().equals(RuleOrigin.DEFAULT_DENY)
              || !flow.rule().resource().isEmpty(),
          () -> "denied by nobody: " + flow);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      assertDenialsExplained();
    } finally {
      try (name;
          prefixes) {
        clear();
      }
    }
  }

  private void clear() throws IOException {
    agent.destroy();
    for (Netns netns : List.copyOf(namespaces.values())) {
      netns.close();
      Netns.delete(netns.path());
    }
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
    Assertions.assertEquals(Set.of(), owned(), "what is left of instance " + instance);
  }
}
