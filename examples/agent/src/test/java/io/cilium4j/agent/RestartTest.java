// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.AddressReservations.Term;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.controller.ApiRules.Replaced;
import io.cilium4j.policy.controller.PolicyRevision;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an agent makes of the state folder of an earlier one, in whatever state it is. */
class RestartTest {

  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final String FROM_ALICE =
      """
      [{"endpointSelector": {"matchLabels": {"app": "bob"}}, "labels": ["k8s:name=one"],
        "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "alice"}}]}]}]
      """;

  @TempDir Path temp;
  private final RecordingDatapath datapath = new RecordingDatapath();
  private Agent agent;

  @BeforeEach
  void start() {
    agent = newAgent();
    agent.start();
  }

  @AfterEach
  void stop() {
    agent.stop();
  }

  private Agent newAgent() {
    return newAgent("10.1.0.0/24", "fd00:1::/112");
  }

  private Agent newAgent(String... podCidrs) {
    return Agent.builder()
        .instance("t")
        .datapath(datapath)
        .stateFolder(temp.resolve("state"))
        .podCidrs(podCidrs)
        .build();
  }

  /** A new agent object, as a new process has. */
  private void restart() {
    agent.stop();
    agent = newAgent();
    agent.start();
  }

  private Path state(String name) {
    return temp.resolve("state").resolve(name);
  }

  private Endpoint create(String pod) throws Exception {
    Path netns = temp.resolve("netns-" + pod);
    Files.createFile(netns);
    return agent.createEndpoint(
        new EndpointRequest("default", pod, Map.of("app", pod), netns.toString()));
  }

  private Set<String> files(String folder) throws Exception {
    try (var files = Files.list(state(folder))) {
      Set<String> names = new TreeSet<>();
      files.forEach(file -> names.add(String.valueOf(file.getFileName())));
      return names;
    }
  }

  /** What a full disk is to a file: it cannot be written. */
  private void forbidWriting(String file) throws Exception {
    Files.createDirectories(state(file + ".tmp").resolve("full"));
  }

  // ---- rules given by hand ----

  private PolicyRevision addRules(String json) throws Exception {
    PolicyRevision revision = agent.apiRules().add(json, new Replaced.None());
    var _ = agent.awaitPolicy(revision, PATIENCE);
    return revision;
  }

  private boolean reaches(String from, String to) throws InterruptedException {
    Endpoint sender = agent.endpoint("default", from).orElseThrow();
    Endpoint receiver = agent.endpoint("default", to).orElseThrow();
    // A started agent compiles on its own thread.
    try (var watch = agent.endpoints().watch()) {
      while (agent.policyProgress(sender).isEmpty() || agent.policyProgress(receiver).isEmpty()) {
        watch.take(Duration.ofMillis(10));
      }
    }
    return agent.explain(sender, receiver, PortProtocol.tcp(80)).stream()
        .allMatch(each -> each.verdict() == Verdict.ALLOWED);
  }

  @Test
  void apiRules_afterARestart_areInForceAndKnownByTheirLabels() throws Exception {
    create("alice");
    create("bob");
    create("eve");
    addRules(FROM_ALICE);
    assertFalse(reaches("eve", "bob"));
    restart();
    assertEquals(1, agent.apiRules().size());
    assertTrue(reaches("alice", "bob"));
    assertFalse(reaches("eve", "bob"));
    addRules(FROM_ALICE.replace("bob", "eve"));
    assertEquals(2, agent.apiRules().size(), "a new rule takes no old one's place");
    var one = List.of(Label.parse("k8s:name=one"));
    assertEquals(2, agent.apiRules().delete(one).rules());
    restart();
    assertEquals(0, agent.apiRules().size());
    assertTrue(reaches("eve", "bob"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{\"version\": 2, \"rules\": {}}", "\u0000\u0001"})
  void apiRules_fileIsDamaged_areReadFromItsCopy(String content) throws Exception {
    create("alice");
    create("bob");
    create("eve");
    addRules(FROM_ALICE);
    addRules(FROM_ALICE.replace("bob", "eve"));
    agent.stop();
    Files.writeString(state("given-rules.json"), content);
    restart();
    assertEquals(2, agent.apiRules().size());
    assertFalse(reaches("eve", "bob"));
    assertEquals(null, agent.problems().get("given-rules"));
    assertTrue(Files.exists(state("given-rules.json.damaged")));
    agent.stop();
    Files.writeString(state("given-rules.json.copy"), content);
    restart();
    assertEquals(2, agent.apiRules().size(), "the file was mended");
  }

  @Test
  void apiRules_oneIsDamagedInTheFile_isReadFromItsCopy() throws Exception {
    addRules(FROM_ALICE);
    addRules(FROM_ALICE.replace("alice", "carol"));
    agent.stop();
    Path file = state("given-rules.json");
    Files.writeString(
        file, Files.readString(file).replaceFirst("endpointSelector", "endpointSelektor"));
    restart();
    assertEquals(2, agent.apiRules().size());
    assertEquals(null, agent.problems().get("given-rules"));
  }

  @Test
  void programPolicies_fileIsDamaged_areReadFromItsCopy() throws Exception {
    create("alice");
    create("bob");
    var _ =
        agent.applyPolicy(
            """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: bob, namespace: default}
            spec:
              endpointSelector: {matchLabels: {app: bob}}
              ingress: [{fromEndpoints: [{matchLabels: {app: carol}}]}]
            """);
    agent.stop();
    Files.writeString(state("program-policies.json"), "{");
    restart();
    assertFalse(reaches("alice", "bob"));
    assertEquals(null, agent.problems().get("program-policies"));
    agent.destroy();
    assertFalse(Files.exists(temp.resolve("state")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{\"version\": 2, \"rules\": {}}", "\u0000\u0001"})
  void apiRules_fileAndCopyAreDamaged_isToldAndSetAside(String content) throws Exception {
    addRules(FROM_ALICE);
    agent.stop();
    Files.writeString(state("given-rules.json"), content);
    Files.writeString(state("given-rules.json.copy"), content);
    restart();
    assertEquals(0, agent.apiRules().size());
    assertTrue(
        Objects.requireNonNull(agent.problems().get("given-rules"))
            .startsWith("rules given by hand are lost: "));
    assertTrue(Files.exists(state("given-rules.json.damaged")));
    addRules(FROM_ALICE);
    restart();
    assertEquals(1, agent.apiRules().size());
    assertTrue(
        String.valueOf(agent.problems().get("given-rules"))
            .startsWith("rules given by hand are lost: "),
        "told until somebody takes note");
    assertEquals(1, lostFiles());
    Files.delete(state("given-rules.json.copy.damaged"));
    assertEquals(null, agent.problems().get("given-rules"));
    assertEquals(0, lostFiles());
    agent.destroy();
    assertFalse(Files.exists(temp.resolve("state")));
  }

  private double lostFiles() {
    return agent.metrics().read().stream()
        .filter(family -> family.name().equals("cilium_agent_lost_state_files"))
        .mapToDouble(family -> ((Sample.Value) family.samples().getFirst()).value())
        .sum();
  }

  @Test
  void programPolicies_fileAndCopyAreDamaged_isToldAfterEachStart() throws Exception {
    agent.stop();
    Files.writeString(state("program-policies.json"), "{");
    restart();
    restart();
    assertTrue(
        String.valueOf(agent.problems().get("program-policies"))
            .startsWith("policies applied by the program are lost: "));
    assertEquals(1, lostFiles());
  }

  @Test
  void endpointState_isDamaged_isToldAfterEachStartUntilTheFileIsRemoved() throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    Path file = state("endpoints/" + alice.id() + ".json");
    Files.writeString(file, Files.readString(file).substring(0, 40));
    for (int starts = 0; starts < 3; starts++) {
      restart();
      assertTrue(
          String.valueOf(agent.problems().get("endpoint " + alice.id() + ".json"))
              .startsWith("endpoint state lost: " + file),
          agent.problems().toString());
      assertEquals(1, lostFiles());
    }
    Files.delete(Path.of(file + ".damaged"));
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void endpointState_isNotRestored_isToldUntilItsPodIsMadeAgain() throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    Files.move(
        state("endpoints/" + alice.id() + ".json"),
        state("endpoints/" + alice.id() + ".json.damaged"));
    datapath.devices.clear();
    restart();
    assertTrue(
        String.valueOf(agent.problems().get("endpoint default/alice")).contains("not restored"));
    Files.delete(temp.resolve("netns-alice"));
    create("alice");
    assertEquals(null, agent.problems().get("endpoint default/alice"));
  }

  @Test
  void apiRules_oneCannotBeRead_costsThatOne() throws Exception {
    addRules(FROM_ALICE);
    addRules(FROM_ALICE.replace("alice", "carol"));
    agent.stop();
    for (String name : List.of("given-rules.json", "given-rules.json.copy")) {
      Path file = state(name);
      Files.writeString(
          file, Files.readString(file).replaceFirst("endpointSelector", "endpointSelektor"));
    }
    restart();
    assertEquals(1, agent.apiRules().size());
    assertTrue(agent.problems().containsKey("given-rules"));
  }

  @Test
  void apiRules_thatCannotBeKept_areNotInForce() throws Exception {
    addRules(FROM_ALICE);
    forbidWriting("given-rules.json");
    var refused =
        assertThrows(
            StorageException.class, () -> agent.apiRules().add(FROM_ALICE, new Replaced.None()));
    assertTrue(String.valueOf(refused.getMessage()).startsWith("write rules given by hand: "));
    assertThrows(StorageException.class, () -> agent.apiRules().delete(List.of()));
    assertEquals(1, agent.apiRules().size());
    assertEquals(
        Files.readString(state("given-rules.json")),
        Files.readString(state("given-rules.json.copy")),
        "the copy does not know what was refused");
  }

  // ---- numbers of prefixes ----

  private static String fromPrefix(String prefix) {
    return """
    [{"endpointSelector": {"matchLabels": {"app": "bob"}}, "labels": ["k8s:name=%1$s"],
      "ingress": [{"fromCIDR": ["%1$s"]}]}]
    """
        .formatted(prefix);
  }

  /** The number behind a prefix, once there is one. */
  private int identityOf(String prefix) throws InterruptedException {
    try (var watch = agent.ipcache().watch()) {
      while (true) {
        var entry = agent.ipcache().get(IpPrefix.parse(prefix));
        if (entry.isPresent()) {
          return entry.get().identity();
        }
        watch.take(PATIENCE);
      }
    }
  }

  @Test
  void numbersOfPrefixes_afterARestart_areTheSame() throws Exception {
    addRules(fromPrefix("192.0.2.1/32"));
    addRules(fromPrefix("192.0.2.2/32"));
    int second = identityOf("192.0.2.2/32");
    assertEquals(1, agent.apiRules().delete(List.of(Label.parse("k8s:name=192.0.2.1/32"))).rules());
    restart();
    assertEquals(second, identityOf("192.0.2.2/32"), "though it comes first now");
    addRules(fromPrefix("192.0.2.3/32"));
    assertTrue(identityOf("192.0.2.3/32") != second);
  }

  @Test
  void numbersOfPrefixes_thatCouldNotBeKept_areKeptWithTheNextChange() throws Exception {
    Path blocker = state("local-identities.json.tmp");
    forbidWriting("local-identities.json");
    addRules(fromPrefix("192.0.2.1/32"));
    int number = identityOf("192.0.2.1/32");
    assertFalse(Files.exists(state("local-identities.json")));
    Files.delete(blocker.resolve("full")); // What is left of it a writer removes.
    create("bob"); // Nothing of a prefix, but a change.
    restart();
    assertEquals(number, identityOf("192.0.2.1/32"));
    assertTrue(Files.exists(state("local-identities.json")));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{\"version\": 2, \"numbers\": {}}",
        "{\"version\": 1, \"numbers\": {\"x\": []}}",
        "{\"version\": 1, \"numbers\": {\"16777217\": [\"\"]}}",
        "{\"version\": 1, \"numbers\": {\"16777217\": []}}",
        "{\"version\": 1, \"numbers\": {\"300\": [\"cidr:192.0.2.1/32\"]}}",
        "{\"version\": 1}"
      })
  void numbersOfPrefixes_fileIsDamaged_isSetAside(String content) throws Exception {
    addRules(fromPrefix("192.0.2.1/32"));
    agent.stop();
    Files.writeString(state("local-identities.json"), content);
    restart();
    assertTrue(Files.exists(state("local-identities.json.damaged")));
    assertTrue(Identity.isLocal(identityOf("192.0.2.1/32")));
    agent.destroy();
    assertFalse(Files.exists(temp.resolve("state")));
  }

  // ---- endpoints ----

  @Test
  void start_withOtherPrefixes_isRefusedAndNothingIsLost() throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    agent = newAgent("10.2.0.0/24");
    var refused = assertThrows(AgentException.class, agent::start);
    assertTrue(String.valueOf(refused.getMessage()).contains("default/alice"));
    agent = newAgent();
    agent.start();
    assertEquals(alice.addresses(), agent.endpoint("default", "alice").orElseThrow().addresses());
  }

  @Test
  void start_twoFilesWithOneAddress_restoresOneAndSetsTheOtherAside() throws Exception {
    Endpoint alice = create("alice");
    Path file = state("endpoints/" + alice.id() + ".json");
    agent.stop();
    Files.writeString(
        state("endpoints/9.json"),
        Files.readString(file)
            .replace("\"alice\"", "\"mallory\"")
            .replace("\"id\" : 1", "\"id\" : 9"));
    restart();
    assertEquals(1, agent.endpoints().snapshot().size());
    assertTrue(agent.endpoint("default", "alice").isPresent());
    assertEquals(Set.of("1.json", "9.json.damaged"), files("endpoints"));
  }

  @Test
  void start_filesThatACrashLeftUnfinished_areRemoved() throws Exception {
    create("alice");
    Files.writeString(state("endpoints/7.json.tmp"), "{");
    Files.writeString(state("given-rules.json.tmp"), "{");
    Files.createDirectories(state("specs/services"));
    Files.writeString(state("specs/services/7.json.tmp"), "{");
    restart();
    assertEquals(Set.of("1.json"), files("endpoints"));
    assertEquals(Set.of(), files("specs/services"));
    assertFalse(Files.exists(state("given-rules.json.tmp")));
  }

  @Test
  void start_deviceIsGoneAndItsNamespaceIsNot_endpointIsGone() throws Exception {
    create("alice");
    datapath.devices.clear();
    restart();
    assertEquals(0, agent.endpoints().snapshot().size());
    assertEquals(Set.of(), files("endpoints"));
    assertEquals(0, agent.addresses().allocations().snapshot().size());
  }

  @Test
  void changeLabels_thatCannotBeKept_changesNothing() throws Exception {
    Endpoint alice = create("alice");
    forbidWriting("endpoints/" + alice.id() + ".json");
    assertThrows(
        AgentException.class, () -> agent.setUserLabels(alice.id(), Labels.parse("user:a=b")));
    assertThrows(
        AgentException.class,
        () -> agent.setOptions(alice.id(), Map.of(AgentOption.POLICY_AUDIT_MODE, true)));
    assertEquals(alice.identity(), agent.endpoint("default", "alice").orElseThrow().identity());
    var details = agent.endpointDetails().get(alice.id()).orElseThrow();
    assertEquals(Labels.EMPTY, details.userLabels());
    assertEquals(Map.of(), details.options());
  }

  @Test
  void attachEndpoint_thatCannotBeKept_givesDeviceAndReservationBack() throws Exception {
    var taken = agent.addresses().allocate(IpFamily.IPV4, "default/web", Term.UNTIL_DEADLINE);
    forbidWriting("endpoints/1.json");
    assertThrows(
        AgentException.class,
        () -> agent.attachEndpoint(attachment(taken.address()), Wait.UNTIL_READY));
    assertEquals(Set.of(), datapath.devices);
    assertEquals(0, agent.endpointDetails().snapshot().size());
    assertTrue(agent.addresses().isOf(taken.address(), taken.reservation().orElseThrow()));
    assertEquals(1, files("specs/addresses").size(), "it has its deadline still");
  }

  private static EndpointAttachment attachment(IpAddress address) {
    return new EndpointAttachment(
        0,
        "default",
        "web",
        Names.NONE,
        Labels.parse("k8s:app=web"),
        new EndpointInterface("veth7", 7, new MacAddress(1), new MacAddress(2), ""),
        List.of(address),
        AddressOwner.AGENT,
        Map.of());
  }

  // ---- addresses without an endpoint ----

  @Test
  void addresses_withoutAnEndpoint_areTheirOwnersAfterARestart() throws Exception {
    AddressReservations book = agent.addresses();
    var reserved = book.allocate(IpFamily.IPV6, "default/web", Term.UNTIL_DEADLINE);
    var permanent = book.allocate(IpFamily.IPV4, "health", Term.PERMANENT);
    IpAddress claimed = IpAddress.parse("10.1.0.77");
    book.claim(claimed, "by-hand");
    var used = book.allocate(IpFamily.IPV4, "default/web", Term.UNTIL_DEADLINE);
    agent.attachEndpoint(attachment(used.address()), Wait.UNTIL_READY);
    restart();
    AddressReservations again = agent.addresses();
    var allocations = again.allocations().snapshot();
    assertEquals(4, allocations.size());
    assertEquals("default/web", allocations.get(reserved.address()).orElseThrow());
    assertEquals("health", allocations.get(permanent.address()).orElseThrow());
    assertEquals("by-hand", allocations.get(claimed).orElseThrow());
    assertFalse(
        again.isOf(reserved.address(), java.util.UUID.randomUUID()), "its reservation is known");
    assertTrue(again.release(permanent.address()));
    assertTrue(again.release(claimed));
    assertTrue(agent.deleteEndpoint(1));
    restart();
    assertEquals(
        Set.of(reserved.address()),
        Set.copyOf(
            agent.addresses().allocations().snapshot().stream().map(row -> row.key()).toList()));
  }
}
