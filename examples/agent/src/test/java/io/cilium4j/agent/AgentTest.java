// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentEvent.EndpointCreated;
import io.cilium4j.agent.AgentEvent.EndpointDeleted;
import io.cilium4j.agent.AgentEvent.EndpointRegenerated;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.controller.AppliedPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent as a whole, on a datapath that remembers. */
class AgentTest {

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final ResourceKey RULE = new ResourceKey("CiliumNetworkPolicy", "default", "rule");

  private static final String FROM_ALICE =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: rule, namespace: default}
      spec:
        endpointSelector: {matchLabels: {app: bob}}
        ingress:
        - fromEndpoints: [{matchLabels: {app: alice}}]
          toPorts: [{ports: [{port: "80", protocol: TCP}]}]
        - fromCIDR: [192.0.2.0/24]
      """;

  @TempDir Path temp;
  private final RecordingDatapath datapath = new RecordingDatapath();
  private Agent agent;

  @BeforeEach
  void start() throws Exception {
    Files.createDirectory(temp.resolve("manifests"));
    agent = newAgent();
    agent.start();
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

  private EndpointRequest request(String pod) throws Exception {
    Path netns = temp.resolve("netns-" + pod);
    if (!Files.exists(netns)) {
      Files.createFile(netns);
    }
    return new EndpointRequest("default", pod, Map.of("app", pod), netns.toString());
  }

  private Endpoint create(String pod) throws Exception {
    return agent.createEndpoint(request(pod));
  }

  private void apply(String yaml) throws Exception {
    write(yaml);
    agent.awaitPolicy(RULE, PATIENCE);
  }

  private String awaitProblem() throws InterruptedException {
    try (var watch = agent.policies().watch()) {
      while (true) {
        Optional<String> problem =
            watch.take(PATIENCE).snapshot().get(RULE).flatMap(AppliedPolicy::problem);
        if (problem.isPresent()) {
          return problem.get();
        }
      }
    }
  }

  private void write(String yaml) throws Exception {
    Path file = temp.resolve("rule.yaml");
    Files.writeString(file, yaml);
    Files.move(file, temp.resolve("manifests/rule.yaml"), StandardCopyOption.REPLACE_EXISTING);
  }

  private List<Verdict> verdicts(Endpoint from, Endpoint to, int port) {
    return agent.explain(from, to, PortProtocol.tcp(port)).stream()
        .map(each -> each.verdict())
        .toList();
  }

  @Test
  void createEndpoint_returns_readyAndEnforced() throws Exception {
    Endpoint alice = create("alice");
    assertEquals(EndpointState.READY, alice.state());
    var row = Objects.requireNonNull(datapath.endpoints.get(alice.id()));
    assertEquals(alice.addresses(), row.endpoint().addresses());
    for (var address : alice.addresses()) {
      assertEquals(
          new IpcacheEntry(IpPrefix.host(address), alice.identity()),
          datapath.ipcache.get(IpPrefix.host(address)));
    }
    assertEquals(9, identityOf("0.0.0.0/0"));
    assertEquals(10, identityOf("::/0"));
    assertEquals(1, identityOf("10.1.0.1/32"), "the node's own address");
  }

  private int identityOf(String prefix) {
    return Optional.ofNullable(datapath.ipcache.get(IpPrefix.parse(prefix)))
        .map(IpcacheEntry::identity)
        .orElse(0);
  }

  @Test
  void createEndpoint_sameLabels_shareIdentityAndPolicy() throws Exception {
    Endpoint first = agent.createEndpoint(withLabels("one", Map.of("app", "x")));
    Endpoint second = agent.createEndpoint(withLabels("two", Map.of("app", "x")));
    assertEquals(first.identity(), second.identity());
    assertSame(
        Objects.requireNonNull(datapath.endpoints.get(first.id())).policy(),
        Objects.requireNonNull(datapath.endpoints.get(second.id())).policy());
  }

  private EndpointRequest withLabels(String pod, Map<String, String> labels) throws Exception {
    return new EndpointRequest("default", pod, labels, request(pod).netns());
  }

  @Test
  void createEndpoint_datapathRefuses_givesEverythingBack() throws Exception {
    datapath.refusedDevices.add(1);
    datapath.refusedRows.add(2);
    var noDevice = assertThrows(AgentException.class, () -> create("alice"));
    assertTrue(
        String.valueOf(noDevice.getMessage()).startsWith("endpoint default/alice: no device"));
    var noRow = assertThrows(AgentException.class, () -> create("alice"));
    assertEquals("endpoint default/alice: no row for default/alice", noRow.getMessage());
    assertEquals(Set.of(), datapath.devices);
    assertTrue(datapath.endpoints.isEmpty());
    assertTrue(agent.endpoints().snapshot().isEmpty());
    try (var files = Files.list(temp.resolve("state/endpoints"))) {
      assertEquals(List.of(), files.toList());
    }
    assertEquals("10.1.0.4", create("alice").addresses().getFirst().toString());
  }

  @Test
  void deleteEndpoint_twice_leavesNothing() throws Exception {
    Endpoint alice = create("alice");
    assertTrue(agent.deleteEndpoint(alice.id()));
    assertFalse(agent.deleteEndpoint(alice.id()));
    assertEquals(Set.of(), datapath.devices);
    assertTrue(datapath.endpoints.isEmpty());
    alice.addresses().forEach(address -> awaitForgotten(IpPrefix.host(address)));
    Endpoint again = create("alice");
    assertTrue(again.id() != alice.id(), "an id is not used again soon");
  }

  @Test
  void policy_appliedChangedAndRefused_decidesAccordingly() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    Endpoint eve = create("eve");
    assertEquals(List.of(Verdict.ALLOWED, Verdict.ALLOWED), verdicts(eve, bob, 80));
    apply(FROM_ALICE);
    assertEquals(List.of(Verdict.ALLOWED, Verdict.ALLOWED), verdicts(alice, bob, 80));
    assertEquals(List.of(Verdict.ALLOWED, Verdict.DENIED), verdicts(alice, bob, 81));
    assertEquals(List.of(Verdict.ALLOWED, Verdict.DENIED), verdicts(eve, bob, 80));
    assertTrue(identityOf("192.0.2.0/24") >= 1 << 24, "the rule's prefix has an identity");
    write(FROM_ALICE.replace("port: \"80\"", "port: \"70000\""));
    assertTrue(awaitProblem().contains("70000"));
    assertEquals(1, agent.problems().size());
    assertEquals(
        List.of(Verdict.ALLOWED, Verdict.ALLOWED),
        verdicts(alice, bob, 80),
        "the last good version stays in force");
  }

  @Test
  void changeLabels_otherIdentity_isEnforcedOnReturn() throws Exception {
    create("bob");
    Endpoint eve = create("eve");
    apply(FROM_ALICE);
    assertTrue(agent.changeLabels(withLabels("eve", Map.of("app", "alice"))));
    Endpoint changed = agent.endpoint("default", "eve").orElseThrow();
    assertTrue(changed.identity() != eve.identity());
    assertEquals(eve.id(), changed.id());
    assertEquals(
        changed.identity(),
        Objects.requireNonNull(datapath.endpoints.get(eve.id())).endpoint().identity());
    assertFalse(agent.changeLabels(withLabels("nobody", Map.of())));
  }

  /** Enough tries that the two meet in the midst of each other now and then. */
  private static final int MEETINGS = 200;

  @Test
  void changeLabels_whileItIsDeleted_leavesNothing() throws Exception {
    for (int i = 0; i < MEETINGS; i++) {
      Endpoint pod = create("pod" + i);
      EndpointRequest changed = withLabels("pod" + i, Map.of("app", "other"));
      var begin = new CyclicBarrier(2);
      Thread changing =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  begin.await();
                  var _ = agent.changeLabels(changed);
                } catch (Exception e) {
                  // It was deleted first.
                }
              });
      begin.await();
      assertEquals(Optional.of(List.of()), agent.removeEndpoint(pod.id()));
      changing.join();
      for (var address : pod.addresses()) {
        assertTrue(agent.ipcache().get(IpPrefix.host(address)).isEmpty(), "try " + i);
      }
      assertTrue(agent.endpointDetails().get(pod.id()).isEmpty(), "try " + i);
    }
  }

  @Test
  void start_afterStop_restoresEndpointsAndPrunesTheRest() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    agent.stop();
    Files.delete(temp.resolve("netns-bob")); // The pod ended while no agent ran.
    agent.start();
    assertEquals(
        alice.withState(EndpointState.READY), awaitReady("alice").withState(EndpointState.READY));
    assertTrue(agent.endpoint("default", "bob").isEmpty());
    assertEquals(Set.of(alice.id()), datapath.devices);
    awaitPruned(bob.id());
    assertTrue(create("carol").identity() != alice.identity());
  }

  @Test
  void auditMode_ofOneEndpointOrOfAll_reachesTheDatapath() throws Exception {
    int alice = create("alice").id();
    int bob = create("bob").id();
    assertFalse(isAudited(alice));
    assertTrue(agent.setOptions(alice, Map.of(AgentOption.POLICY_AUDIT_MODE, true)));
    awaitAudited(alice, true);
    assertFalse(isAudited(bob));
    agent.options().change(Map.of(AgentOption.POLICY_AUDIT_MODE, true));
    awaitAudited(bob, true);
    agent.setOptions(alice, Map.of(AgentOption.POLICY_AUDIT_MODE, false));
    awaitAudited(alice, false);
    assertTrue(isAudited(bob));
  }

  private boolean isAudited(int id) {
    return Objects.requireNonNull(datapath.endpoints.get(id)).audited();
  }

  /** Rows of nobody go after those that are wanted are there. */
  private void awaitPruned(int id) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (datapath.endpoints.containsKey(id)) {
      assertTrue(System.nanoTime() < end, "endpoint " + id + " is in the datapath still");
      Thread.onSpinWait();
    }
  }

  /** Rows of addresses have a reconciler of their own. */
  private void awaitForgotten(IpPrefix prefix) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (datapath.ipcache.containsKey(prefix)) {
      assertTrue(System.nanoTime() < end, prefix + " is in the datapath still");
      Thread.onSpinWait();
    }
  }

  private void awaitAudited(int id, boolean audited) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (isAudited(id) != audited) {
      assertTrue(System.nanoTime() < end, "endpoint " + id + " audited: " + !audited);
      Thread.onSpinWait();
    }
  }

  private Endpoint awaitReady(String pod) throws InterruptedException {
    try (var watch = agent.endpoints().watch()) {
      while (true) {
        Optional<Endpoint> endpoint = agent.endpoint("default", pod);
        if (endpoint.filter(each -> each.state() == EndpointState.READY).isPresent()) {
          return endpoint.get();
        }
        watch.take(PATIENCE);
      }
    }
  }

  @Test
  void destroy_whetherStartedOrNot_removesEverything() throws Exception {
    create("alice");
    agent.stop();
    newAgent().destroy();
    assertEquals(Set.of(), datapath.devices);
    assertFalse(Files.exists(temp.resolve("state")));
    newAgent().destroy(); // Nothing there: no error.
  }

  @Test
  void start_noSuchDatapath_leavesNothing() {
    try (Agent other =
        Agent.builder()
            .instance("u")
            .datapath("none")
            .stateFolder(temp.resolve("other"))
            .podCidrs("10.1.0.0/24")
            .build()) {
      assertThrows(AgentException.class, other::start);
      assertFalse(Files.exists(temp.resolve("other")));
    }
  }

  @Test
  void destroy_startCutOffBeforeItHadADatapath_removesItsFiles() throws Exception {
    agent.destroy();
    var folder = new StateFolder(temp.resolve("state"));
    folder.create();
    Files.createFile(folder.lock());
    newAgent().destroy();
    assertFalse(Files.exists(folder.root()));
  }

  @Test
  void explain_nobodyStarted_isOneLine() {
    agent.stop();
    var refusal = assertThrows(AgentException.class, () -> agent.endpoints());
    assertEquals("instance t is not started", refusal.getMessage());
    assertThrows(IllegalArgumentException.class, () -> Agent.builder().build());
    assertThrows(
        IllegalArgumentException.class,
        () -> Agent.builder().instance("Not A Name").podCidrs("10.0.0.0/8").build());
  }

  @Test
  void onEvent_tellsOfAnEndpointsLife_andNotOfWhatWasThere() throws Exception {
    create("before");
    var events = new LinkedBlockingQueue<AgentEvent>();
    try (var _ = agent.onEvent(events::add)) {
      Endpoint alice = create("alice");
      var created = nextOfEndpoint(events, EndpointCreated.class);
      assertEquals("default/alice", created.endpoint().podName());
      var regenerated = nextOfEndpoint(events, EndpointRegenerated.class);
      assertEquals(alice.id(), regenerated.endpoint().id());
      assertEquals(Optional.empty(), regenerated.error());

      datapath.refusedRows.add(alice.id());
      var refused =
          assertThrows(
              AgentException.class,
              () ->
                  agent.changeLabels(
                      new EndpointRequest(
                          "default",
                          "alice",
                          Map.of("app", "other"),
                          temp.resolve("netns-alice").toString())));
      assertTrue(String.valueOf(refused.getMessage()).contains("no row"), refused + "");
      var failed = nextOfEndpoint(events, EndpointRegenerated.class);
      assertTrue(failed.error().orElse("").contains("no row for default/alice"), failed + "");

      datapath.refusedRows.clear();
      agent.deleteEndpoint(alice.id());
      assertEquals(alice.id(), nextOfEndpoint(events, EndpointDeleted.class).endpoint().id());
    }
    create("after");
    assertTrue(events.stream().noneMatch(EndpointCreated.class::isInstance), events + "");
  }

  /** The next event of this kind, whatever comes before it. */
  private static <E extends AgentEvent> E nextOfEndpoint(
      BlockingQueue<AgentEvent> events, Class<E> kind) throws InterruptedException {
    while (true) {
      AgentEvent event = events.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      if (event == null) {
        throw new AssertionError("no " + kind.getSimpleName());
      }
      if (kind.isInstance(event)) {
        return kind.cast(event);
      }
    }
  }

  @Test
  void metrics_countWhatHappened() throws Exception {
    apply(FROM_ALICE);
    datapath.refusedRows.add(create("bob").id() + 1);
    assertThrows(AgentException.class, () -> create("alice"));
    assertEquals(1, metric("cilium_endpoint", ""));
    assertEquals(1, metric("cilium_endpoint_state", "ready"));
    assertEquals(1, metric("cilium_policy_endpoint_enforcement_status", "ingress"));
    assertEquals(1, metric("cilium_policy_change_total", "success"));
    assertEquals(2, metric("cilium_ipam_events_total", "allocate ipv4"));
    assertEquals(1, metric("cilium_ipam_events_total", "release ipv6"));
    assertEquals(1, metric("cilium_ip_addresses", "ipv6"));
    // An attempt may be repeated while the refused endpoint is taken back.
    assertTrue(metric("cilium_endpoint_regenerations_total", "fail") >= 1);
    double regenerated = metric("cilium_endpoint_regenerations_total", "success");
    assertTrue(regenerated >= 1, regenerated + "");
    assertEquals(regenerated, metric("cilium_endpoint_regeneration_time_stats_seconds", "total"));
    write("kind: CiliumNetworkPolicy");
    write(FROM_ALICE.replace("80", "99999"));
    awaitProblem();
    assertTrue(metric("cilium_policy_change_total", "fail") >= 1);
  }

  /**
   * The value under these label values, in the order of the labels' names; of times their number.
   */
  private double metric(String name, String labels) {
    return agent.metrics().read().stream()
        .filter(family -> family.name().equals(name))
        .flatMap(family -> family.samples().stream())
        .filter(sample -> String.join(" ", new TreeMap<>(sample.labels()).values()).equals(labels))
        .mapToDouble(sample ->
            switch (sample) {
              case Sample.Value(_, var value) -> value;
              case Sample.Distribution distribution -> distribution.count();
            })
        .sum();
  }
}
