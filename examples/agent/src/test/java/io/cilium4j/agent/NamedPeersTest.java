// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static java.util.stream.Collectors.joining;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.policy.controller.PolicyProgress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Peers that rules name by another object (CIDR groups, services), as the datapath is told of them:
 * an object that comes, changes and goes while its rule is in force.
 */
class NamedPeersTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final List<String> BAD = List.of("203.0.113.9", "2001:db9:77::9");
  private static final List<String> OTHERS = List.of("198.51.100.9", "2001:db9:78::9");

  private static final String GROUP =
      """
      apiVersion: cilium.io/v2
      kind: CiliumCIDRGroup
      metadata: {name: bad, labels: {kind: bots}}
      spec: {externalCIDRs: ["203.0.113.0/24", "2001:db9:77::/64"]}
      """;

  @TempDir private Path temp;
  private final RecordingDatapath datapath = new RecordingDatapath();
  private Agent agent;
  private Endpoint bob;

  @BeforeEach
  void start() throws Exception {
    Files.createDirectory(temp.resolve("manifests"));
    agent = newAgent();
    agent.start();
    Path netns = Files.createFile(temp.resolve("netns-bob"));
    bob =
        agent.createEndpoint(
            new EndpointRequest("default", "bob", Map.of("app", "bob"), netns.toString()));
  }

  @AfterEach
  void stop() {
    agent.stop();
  }

  private Agent newAgent() {
    return Agent.builder()
        .instance("t")
        .datapath(datapath)
        .stateFolder(temp.resolve("state"))
        .manifests(temp.resolve("manifests"))
        .podCidrs("10.1.0.0/24", "fd00:1::/112")
        .build();
  }

  private void write(String name, String text) throws Exception {
    Path file = temp.resolve(name + ".yaml");
    Files.writeString(file, text);
    Files.move(
        file, temp.resolve("manifests/" + name + ".yaml"), StandardCopyOption.REPLACE_EXISTING);
  }

  private void remove(String name) throws Exception {
    Files.delete(temp.resolve("manifests/" + name + ".yaml"));
  }

  private static String policy(String rules) {
    return """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: p}
    spec:
      endpointSelector: {matchLabels: {app: bob}}
    """
        + rules.indent(2);
  }

  private static String denying(String cidrSet) {
    return policy(
        """
        ingress: [{fromEntities: [all]}]
        ingressDeny: [{fromCIDRSet: [%1$s]}]
        egress: [{toEntities: [all]}]
        egressDeny: [{toCIDRSet: [%1$s]}]
        """
            .formatted(cidrSet));
  }

  private static String allowing(String cidrSet) {
    return policy(
        """
        ingress: [{fromCIDRSet: [%1$s]}]
        egress: [{toCIDRSet: [%1$s]}]
        """
            .formatted(cidrSet));
  }

  /** What the datapath makes of a packet between bob and an address outside of the cluster. */
  private Verdict verdict(TrafficDirection direction, String address) {
    synchronized (datapath) {
      return Objects.requireNonNull(datapath.endpoints.get(bob.id()))
          .policy()
          .verdict(direction, identity(IpAddress.parse(address)), 6, 80);
    }
  }

  private int identity(IpAddress address) {
    for (int length = address.family().bits(); length >= 0; length--) {
      IpcacheEntry entry = datapath.ipcache.get(new IpPrefix(address, length));
      if (entry != null) {
        return entry.identity();
      }
    }
    throw new AssertionError("no row for " + address);
  }

  private void await(Verdict wanted, List<String> addresses, TrafficDirection... directions)
      throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (var watch = agent.endpoints().watch()) {
      for (TrafficDirection direction : directions) {
        for (String address : addresses) {
          while (verdict(direction, address) != wanted || !isEnforced()) {
            assertTrue(System.nanoTime() < end, address + " is not " + wanted + " " + direction);
            watch.take(Duration.ofMillis(20));
          }
        }
      }
    }
  }

  private void await(Verdict wanted, List<String> addresses) throws Exception {
    await(wanted, addresses, TrafficDirection.values());
  }

  private boolean isEnforced() {
    return agent.policyProgress(bob).filter(PolicyProgress::isEnforced).isPresent();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{cidrGroupRef: bad}",
        "{cidrGroupSelector: {matchLabels: {kind: bots}}}",
        "{cidrGroupSelector: {matchExpressions: [{key: kind, operator: Exists}]}}"
      })
  void group_comesChangesAndGoes_deniesItsMembers(String set) throws Exception {
    write("p", denying(set));
    await(Verdict.ALLOWED, BAD);
    write("g", GROUP);
    await(Verdict.DENIED, BAD);
    await(Verdict.ALLOWED, OTHERS);
    write("g", GROUP.replace("203.0.113.0/24", "198.51.100.0/24").replace("77::", "78::"));
    await(Verdict.DENIED, OTHERS);
    await(Verdict.ALLOWED, BAD);
    remove("g");
    await(Verdict.ALLOWED, OTHERS);
  }

  private static String apiServer(String address, String type) {
    return """
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {name: kubernetes, labels: {kubernetes.io/service-name: kubernetes}}
    addressType: %s
    ports: [{name: https, port: 6443}]
    endpoints: [{addresses: ["%s"]}]
    """
        .formatted(type, address);
  }

  @Test
  void apiServer_outsideOrHere_isReachedByItsEntity() throws Exception {
    List<String> here = List.of("10.1.0.1"); // The node's own address among its pods.
    write("p", policy("egress: [{toEntities: [kube-apiserver]}]"));
    await(Verdict.DENIED, BAD, TrafficDirection.EGRESS);
    await(Verdict.DENIED, here, TrafficDirection.EGRESS);
    write("api", apiServer("2001:db9:77::9", "IPv6"));
    await(Verdict.ALLOWED, List.of("2001:db9:77::9"), TrafficDirection.EGRESS);
    await(Verdict.DENIED, OTHERS, TrafficDirection.EGRESS);
    await(Verdict.DENIED, here, TrafficDirection.EGRESS);
    write("api", apiServer("10.1.0.1", "IPv4"));
    await(Verdict.ALLOWED, here, TrafficDirection.EGRESS);
    await(Verdict.DENIED, BAD, TrafficDirection.EGRESS);
    remove("api");
    await(Verdict.DENIED, here, TrafficDirection.EGRESS);
  }

  @Test
  void group_before_allowsItsMembersButTheExceptions() throws Exception {
    write("g", GROUP);
    write("p", allowing("{cidrGroupRef: bad, except: [203.0.113.8/29]}"));
    await(Verdict.ALLOWED, List.of("203.0.113.1", "2001:db9:77::9"));
    await(Verdict.DENIED, List.of("203.0.113.9"));
    await(Verdict.DENIED, OTHERS);
  }

  @Test
  void group_everyAddress_deniesTheWorld() throws Exception {
    write("g", GROUP.replace("203.0.113.0/24", "0.0.0.0/0").replace("2001:db9:77::/64", "::/0"));
    write("p", denying("{cidrGroupRef: bad}"));
    await(Verdict.DENIED, BAD);
    await(Verdict.DENIED, OTHERS);
    remove("g");
    await(Verdict.ALLOWED, BAD);
  }

  @Test
  void group_cannotBeReadAnyMore_staysInForceOverARestart() throws Exception {
    write("g", GROUP);
    write("p", denying("{cidrGroupRef: bad}"));
    await(Verdict.DENIED, BAD);
    write("g", GROUP.replace("203.0.113.0/24", "203.0.113.0/99"));
    await(Verdict.DENIED, BAD);
    agent.stop();
    agent = newAgent();
    agent.start();
    await(Verdict.DENIED, BAD);
    assertEquals(1, agent.problems().size(), agent.problems().toString());
  }

  @Test
  void group_ofTheProgram_deniesItsMembersOverARestart() throws Exception {
    agent.applyPolicy(GROUP + "---\n" + denying("{cidrGroupRef: bad}"));
    await(Verdict.DENIED, BAD);
    agent.stop();
    agent = newAgent();
    agent.start();
    await(Verdict.DENIED, BAD);
    await(Verdict.ALLOWED, OTHERS);
  }

  /** More labels than its members can have, or one that no member can have. */
  @ParameterizedTest
  @ValueSource(strings = {"many", "wrong"})
  void group_labelsCannotBeThoseOfAMember_isRefusedAndTheOthersGoOn(String what) throws Exception {
    write("g", GROUP);
    write("p", denying("{cidrGroupRef: bad}"));
    await(Verdict.DENIED, BAD);
    String labels =
        what.equals("many")
            ? IntStream.range(0, 600).mapToObj(i -> "k" + i + ": v").collect(joining(", "))
            : "\"a=b\": v";
    write("g", GROUP.replace("kind: bots", labels).replace("203.0.113.0/24", "203.0.113.9/32"));
    awaitProblem("CiliumCIDRGroup/bad", "labels");
    remove("p");
    await(Verdict.ALLOWED, BAD);
    write("g", GROUP);
    write("p", denying("{cidrGroupRef: bad}"));
    await(Verdict.DENIED, BAD);
    assertEquals(Map.of(), agent.problems());
  }

  /** A prefix of more groups than an identity has room for costs neither rounds nor other rules. */
  @Test
  void prefix_ofTooManyGroups_keepsSomeAndIsTold() throws Exception {
    write("p", denying("{cidrGroupRef: bad}"));
    write("g", GROUP);
    await(Verdict.DENIED, BAD);
    for (int file = 0; file < 2; file++) {
      write(
          "many" + file,
          IntStream.range(file * 600, file * 600 + 600)
              .mapToObj(i -> GROUP.replace("bad, labels: {kind: bots}", "more" + i))
              .collect(joining("---\n")));
    }
    awaitProblem("crowded prefixes", "203.0.113.0/24");
    await(Verdict.DENIED, BAD);
    write("p", allowing("{cidrGroupRef: bad}"));
    await(Verdict.ALLOWED, BAD);
    remove("many0");
    awaitProblem("crowded prefixes", "");
    await(Verdict.ALLOWED, BAD);
  }

  /** Waits until a problem says this, or is gone if it is empty. */
  private void awaitProblem(String key, String text) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (var watch = agent.ipcache().watch()) {
      while (true) {
        String problem = agent.problems().getOrDefault(key, "");
        if (text.isEmpty() ? problem.isEmpty() : problem.contains(text)) {
          return;
        }
        assertTrue(System.nanoTime() < end, agent.problems().toString());
        watch.take(Duration.ofMillis(20));
      }
    }
  }

  // ---- services

  private static String service(String spec) {
    return "apiVersion: v1\nkind: Service\nmetadata: {name: s, labels: {tier: db}}\nspec: "
        + spec
        + "\n";
  }

  private static String slice(String name, String type, String address) {
    return """
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {name: %s, labels: {kubernetes.io/service-name: s}}
    addressType: %s
    endpoints: [{addresses: ["%s"]}]
    """
        .formatted(name, type, address);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{k8sService: {serviceName: s, namespace: default}}",
        "{k8sServiceSelector: {selector: {matchLabels: {tier: db}}, namespace: default}}"
      })
  void service_addressesComeAndGo_areDenied(String toServices) throws Exception {
    write(
        "p",
        policy(
            "egress: [{toEntities: [all]}]\negressDeny: [{toServices: [" + toServices + "]}]\n"));
    await(Verdict.ALLOWED, BAD, TrafficDirection.EGRESS);
    write("s", service("{}"));
    write("v4", slice("v4", "IPv4", BAD.getFirst()));
    write("v6", slice("v6", "IPv6", BAD.getLast()));
    await(Verdict.DENIED, BAD, TrafficDirection.EGRESS);
    await(Verdict.ALLOWED, OTHERS, TrafficDirection.EGRESS);
    write("v4", slice("v4", "IPv4", OTHERS.getFirst()));
    await(Verdict.DENIED, List.of(OTHERS.getFirst()), TrafficDirection.EGRESS);
    await(Verdict.ALLOWED, List.of(BAD.getFirst()), TrafficDirection.EGRESS);
    remove("s");
    await(Verdict.ALLOWED, BAD, TrafficDirection.EGRESS);
  }

  @Test
  void service_sliceCannotBeReadAnyMore_staysAsItWasOverARestart() throws Exception {
    write("s", service("{}"));
    write("v4", slice("v4", "IPv4", BAD.getFirst()));
    write("p", policy("egress: [{toServices: [{k8sService: {serviceName: s}}]}]\n"));
    await(Verdict.ALLOWED, List.of(BAD.getFirst()), TrafficDirection.EGRESS);
    await(Verdict.DENIED, OTHERS, TrafficDirection.EGRESS);
    write("v4", slice("v4", "IPv4", "nonsense"));
    agent.stop();
    agent = newAgent();
    agent.start();
    await(Verdict.ALLOWED, List.of(BAD.getFirst()), TrafficDirection.EGRESS);
    assertEquals(1, agent.problems().size(), agent.problems().toString());
  }

  // ---- groups outside the cluster, whose addresses nothing provides

  @Test
  void externalGroup_noProvider_isClosedAndReported() throws Exception {
    String aws = "[{aws: {securityGroupsIds: [sg-1]}}]";
    write(
        "p",
        policy(
            "ingress: [{fromEntities: [all]}]\n"
                + "ingressDeny: [{fromGroups: %1$s}]\negress: [{toGroups: %1$s}]\n"
                    .formatted(aws)));
    await(Verdict.DENIED, BAD);
    String problem = agent.problems().get("CiliumNetworkPolicy/default/p");
    assertTrue(
        problem != null
            && problem.contains("spec.ingressDeny[0].fromGroups: ")
            && problem.contains("spec.egress[0].toGroups: "),
        agent.problems().toString());
    remove("p");
    await(Verdict.ALLOWED, BAD);
    assertEquals(Map.of(), agent.problems());
  }
}
