// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.ipam.AddressReservations.Term;
import io.cilium4j.policy.controller.ApiRules.Replaced;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which endpoints of an earlier run are believed, and what becomes of those that are not. */
class RestoredEndpointsTest extends AgentFixture {

  private final RecordingDatapath datapath = new RecordingDatapath();

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  /** Without a source: nothing but the state folder tells of endpoints. */
  @Override
  AgentBuilder<Agent> builder() {
    return Agent.builder()
        .instance("t")
        .datapath(datapath)
        .stateFolder(temp.resolve("state"))
        .podCidrs("10.1.0.0/24", "fd00:1::/112");
  }

  private Set<String> files(String folder) throws Exception {
    try (var files = Files.list(state(folder))) {
      Set<String> names = new TreeSet<>();
      files.forEach(file -> names.add(String.valueOf(file.getFileName())));
      return names;
    }
  }

  /** What of an endpoint's file a second one says as well. */
  private void copy(Endpoint of, int id, long written, String... changes) throws Exception {
    String text = Files.readString(state("endpoints/" + of.id() + ".json"));
    text = text.replace("\"id\" : " + of.id(), "\"id\" : " + id);
    text = text.replaceFirst("\"written\" : [0-9]+", "\"written\" : " + written);
    for (int i = 0; i < changes.length; i += 2) {
      text = text.replace(changes[i], changes[i + 1]);
    }
    Files.writeString(state("endpoints/" + id + ".json"), text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"device", "pod"})
  void start_twoFilesWithOneDeviceOrPod_theNewerWinsAndTheOtherIsTold(String shared)
      throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    String addresses = "10.1.0." + (alice.id() + 1);
    String[] others = {
      addresses + "\"", "10.1.0.99\"", "fd00:1::" + (alice.id() + 1) + "\"", "fd00:1::99\"",
    };
    String[] more =
        shared.equals("device")
            ? new String[] {"\"alice\"", "\"mallory\""}
            : new String[] {"\"t1\"", "\"t9\"", "\"hostIfindex\" : 1", "\"hostIfindex\" : 9"};
    datapath.devices.add(9);
    var changes = new ArrayList<>(List.of(others));
    changes.addAll(List.of(more));
    copy(alice, 9, Long.MAX_VALUE / 2, changes.toArray(String[]::new));
    restart();
    assertEquals(List.of(9), agent.endpoints().snapshot().stream().map(row -> row.key()).toList());
    assertEquals(Set.of("1.json.damaged", "9.json"), files("endpoints"));
    String problem = String.valueOf(agent.problems().get("endpoint default/alice"));
    assertTrue(problem.contains("is that of endpoint 9") || problem.contains("with id 9"), problem);
  }

  @Test
  void start_deviceOfThatNameIsAnother_isNotTakenBack() throws Exception {
    Endpoint alice = create("alice");
    datapath.replaceDevice(alice.id());
    restart();
    assertEquals(0, agent.endpoints().snapshot().size());
    assertTrue(datapath.devices.contains(alice.id()), "a stranger's");
  }

  @Test
  void start_idOfAFileThatCannotBeRead_isGivenToNobodyElse() throws Exception {
    create("alice");
    Endpoint bob = create("bob");
    agent.stop();
    Files.writeString(state("endpoints/" + bob.id() + ".json"), "{");
    restart();
    assertTrue(create("carol").id() > bob.id(), "bob's device may be there still");
    assertTrue(agent.problems().containsKey("endpoint 2.json"), agent.problems() + "");
  }

  // ---- other prefixes ----

  private Agent lenient(String... podCidrs) {
    return Agent.builder()
        .instance("t")
        .datapath(datapath)
        .stateFolder(temp.resolve("state"))
        .allowLostEndpoints(true)
        .podCidrs(podCidrs)
        .build();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "10.1.0.0/24",
        "fd00:1::/112",
        "10.2.0.0/24 fd00:1::/112",
        "10.1.0.0/28 fd00:1::/112"
      })
  void start_anAddressOfAnyEndpointIsOutOfReach_isRefused(String podCidrs) throws Exception {
    for (int i = 0; i < 16; i++) {
      create("pod-" + i);
    }
    agent.stop();
    agent = builder().podCidrs(podCidrs.split(" ", -1)).build();
    var refused = assertThrows(AgentException.class, agent::start);
    assertTrue(
        String.valueOf(refused.getMessage()).contains("allow-lost-endpoints"),
        refused.getMessage());
    assertEquals(16, files("endpoints").size());
    restart();
    assertEquals(16, agent.endpoints().snapshot().size());
  }

  @Test
  void start_lostEndpointsAreAllowed_theyComeBackWithTheRightPrefix() throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    for (int run = 0; run < 2; run++) {
      agent = lenient("10.1.0.0/24");
      agent.start();
      assertEquals(0, agent.endpoints().snapshot().size());
      String problem = String.valueOf(agent.problems().get("endpoint default/alice"));
      assertTrue(problem.contains("do not hold [fd00:1::2]"), problem);
      assertEquals(Set.of("1.lost"), files("endpoints"));
      assertEquals(
          run == 0 ? Set.of() : Set.of(alice.id()), datapath.devices, "it is its maker's, down");
      datapath.devices.add(alice.id());
      agent.stop();
    }
    restart();
    assertEquals(alice.addresses(), agent.endpoint("default", "alice").orElseThrow().addresses());
    assertEquals(Set.of("1.json"), files("endpoints"));
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void start_lostEndpointsDeviceIsGoneMeanwhile_itIsForgotten() throws Exception {
    create("alice");
    agent.stop();
    agent = lenient("10.2.0.0/24");
    agent.start();
    agent.stop();
    restart();
    assertEquals(0, agent.endpoints().snapshot().size());
    assertEquals(Set.of(), files("endpoints"));
  }

  // ---- devices that go while the agent runs ----

  @Test
  void device_goesWhileTheAgentRuns_isShownAndAnotherMayTakeItsPlace() throws Exception {
    Endpoint alice = create("alice");
    datapath.loseDevice(alice.id());
    await(alice.id(), EndpointState.NOT_READY);
    String problem = String.valueOf(agent.problems().get("endpoint " + alice.id()));
    assertTrue(problem.contains("its device t1 is gone"), problem);
    Files.delete(temp.resolve("netns-alice"));
    Endpoint next = create("alice");
    assertTrue(next.id() != alice.id());
    assertEquals(Map.of(), agent.problems());
    assertEquals(1, agent.endpoints().snapshot().size());
  }

  @Test
  void device_comesBack_isReadyAgain() throws Exception {
    Endpoint alice = create("alice");
    datapath.loseDevice(alice.id());
    await(alice.id(), EndpointState.NOT_READY);
    datapath.devices.add(alice.id());
    await(alice.id(), EndpointState.READY);
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void device_staysAway_endpointGoesAndGivesItsAddressesBack() throws Exception {
    Endpoint alice = create("alice");
    Endpoint bob = create("bob");
    AgentRuntime running = agent.running();
    datapath.loseDevice(alice.id());
    for (int look = 0; look < 50; look++) {
      running.endpoints().manager().lookAtDevices();
    }
    assertTrue(agent.endpoints().get(alice.id()).isPresent(), "its device may come back");
    for (int look = 0; look < 50; look++) {
      running.endpoints().manager().lookAtDevices();
    }
    assertEquals(Optional.empty(), agent.endpoints().get(alice.id()));
    assertTrue(agent.endpoints().get(bob.id()).isPresent());
    assertEquals(Set.of(bob.id()), datapath.endpoints.keySet());
    assertEquals(Set.of(bob.id() + ".json"), files("endpoints"));
    for (IpAddress address : alice.addresses()) {
      assertEquals(Optional.empty(), running.addresses().allocator().allocations().get(address));
    }
    assertEquals(Map.of(), agent.problems());
  }

  /** Only looks in a row count. */
  @Test
  void device_comesBackNowAndThen_endpointStays() throws Exception {
    Endpoint alice = create("alice");
    AgentRuntime running = agent.running();
    for (int time = 0; time < 3; time++) {
      datapath.loseDevice(alice.id());
      for (int look = 0; look < 50; look++) {
        running.endpoints().manager().lookAtDevices();
      }
      datapath.devices.add(alice.id());
      running.endpoints().manager().lookAtDevices();
    }
    await(alice.id(), EndpointState.READY);
  }

  private void await(int id, EndpointState state) throws Exception {
    try (var watch = agent.endpoints().watch()) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (agent.endpoints().get(id).filter(each -> each.state() == state).isEmpty()) {
        assertTrue(System.nanoTime() < end, "it becomes " + state);
        watch.take(Duration.ofMillis(100));
      }
    }
  }

  @Test
  void datapath_mendsAndCannotMend_isAskedAndShown() throws Exception {
    datapath.problems = List.of("device x is somebody else's");
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!agent.problems().containsValue("device x is somebody else's")) {
      assertTrue(System.nanoTime() < end, "it is looked at again: " + agent.problems());
      Thread.onSpinWait();
    }
    datapath.problems = List.of();
    while (!agent.problems().isEmpty()) {
      assertTrue(System.nanoTime() < end, "it is looked at again: " + agent.problems());
      Thread.onSpinWait();
    }
  }

  // ---- which datapath ----

  @ParameterizedTest
  @ValueSource(
      strings = {"", "recordin", "garbage\n", "\u0000\u0001", "recording\nrecording\n", "REC\n"})
  void start_nameOfTheDatapathIsDamaged_costsNothing(String content) throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    Files.writeString(state("datapath-name"), content);
    restart();
    assertEquals(alice.id(), agent.endpoint("default", "alice").orElseThrow().id());
    assertEquals("recording\n", Files.readString(state("datapath-name")));
  }

  @Test
  void destroy_nameOfTheDatapathIsDamaged_removesEverything() throws Exception {
    create("alice");
    agent.stop();
    Files.writeString(state("datapath-name"), "garbage\n");
    agent = newAgent();
    agent.destroy();
    assertFalse(Files.exists(temp.resolve("state")));
    assertEquals(Set.of(), datapath.devices);
  }

  @Test
  void start_nameIsDamagedAndAnotherDatapathLeftDevices_isRefused() throws Exception {
    agent.stop();
    Files.writeString(state("datapath-name"), "");
    Files.writeString(state("datapath/memory-devices"), "t_host 7\n");
    agent = newAgent();
    var refused = assertThrows(AgentException.class, agent::start);
    assertTrue(String.valueOf(refused.getMessage()).contains("memory"), refused.getMessage());
    Files.delete(state("datapath/memory-devices"));
  }

  @Test
  void stateFiles_all_areTheUsersAlone() throws Exception {
    create("alice");
    agent.addresses().allocate(IpFamily.IPV4, "x", Term.PERMANENT);
    var _ =
        agent
            .apiRules()
            .add("[{\"endpointSelector\": {}, \"ingress\": [{}]}]", new Replaced.None());
    try (var files = Files.walk(temp.resolve("state"))) {
      for (Path file : files.toList()) {
        assertEquals(
            Files.isDirectory(file) ? "rwx------" : "rw-------",
            PosixFilePermissions.toString(Files.getPosixFilePermissions(file)),
            file.toString());
      }
    }
  }

  // ---- a start that fails ----

  @Test
  void start_thatFailsTheFirstTime_leavesNothing() throws Exception {
    agent.destroy();
    datapath.devices.add(77); // As of a datapath that has begun.
    agent = newAgent();
    datapath.isBroken = true;
    assertThrows(AgentException.class, agent::start);
    assertFalse(Files.exists(temp.resolve("state")));
    assertEquals(Set.of(), datapath.devices, "it was destroyed");
  }

  @Test
  void start_thatFailsLater_leavesWhatWasThere() throws Exception {
    Endpoint alice = create("alice");
    agent.stop();
    datapath.isBroken = true;
    agent = newAgent();
    assertThrows(AgentException.class, agent::start);
    assertEquals(Set.of(alice.id()), datapath.devices);
    datapath.isBroken = false;
    restart();
    assertEquals(alice.id(), agent.endpoint("default", "alice").orElseThrow().id());
  }
}
