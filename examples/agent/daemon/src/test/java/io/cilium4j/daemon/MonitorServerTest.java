// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentEvent;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.policy.controller.ApiRules;
import io.cilium4j.policy.controller.PolicyRevision;
import java.io.BufferedReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The monitor's socket, of an agent that runs on the datapath that needs no privileges. */
@Timeout(60)
class MonitorServerTest {
  private static final String STARTED = "Cilium agent started";
  private static final AgentEvent EVENT = new AgentEvent.Started(Instant.EPOCH);

  private static final String CIDR = "192.0.2.0/24";

  @TempDir Path folder;

  @SuppressWarnings("NullAway.Init")
  private Agent agent;

  @BeforeEach
  void start() {
    agent =
        Agent.builder()
            .instance("monitort")
            .datapath("memory")
            .podCidrs("10.99.0.0/24")
            .stateFolder(folder.resolve("state"))
            .build();
    agent.start();
  }

  @AfterEach
  void end() {
    agent.destroy();
  }

  private MonitorServer serve(int queueSize) throws IOException {
    return MonitorServer.start(folder.resolve("m.sock"), agent, queueSize, new JsonMonitor(agent));
  }

  /** One who reads. */
  private final class Client implements AutoCloseable {
    private final SocketChannel channel;
    private final BufferedReader lines;

    Client() throws IOException {
      channel = SocketChannel.open(UnixDomainSocketAddress.of(folder.resolve("m.sock")));
      lines = new BufferedReader(Channels.newReader(channel, StandardCharsets.UTF_8));
    }

    JsonNode next() throws IOException {
      return ApiJson.mapper().readTree(lines.readLine());
    }

    /** The next event of this kind, whatever comes before it. */
    JsonNode next(String subtype) throws IOException {
      JsonNode event = next();
      while (!event.path("subtype").asString("").equals(subtype)) {
        event = next();
      }
      return event;
    }

    /** The next message of each of these kinds, in whatever order; of prefixes only of this one. */
    Map<String, JsonNode> nextOfEach(Set<String> subtypes, String cidr) throws IOException {
      Map<String, JsonNode> found = new HashMap<>();
      while (found.size() < subtypes.size()) {
        JsonNode event = next();
        String subtype = event.path("subtype").asString("");
        JsonNode message = event.path("message");
        if (subtypes.contains(subtype) && message.path("cidr").asString(cidr).equals(cidr)) {
          found.putIfAbsent(subtype, message);
        }
      }
      return found;
    }

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  private static void await(BooleanSupplier condition) {
    while (!condition.getAsBoolean()) {
      Thread.onSpinWait();
    }
  }

  @Test
  void slowReader_losesItsOwnEvents_andIsToldHowMany() throws IOException {
    // Far more than a queue and a socket's buffers hold.
    int queue = 200;
    int events = 20_000;
    int pace = 100;
    List<Client> fast = new ArrayList<>();
    try (var monitor = serve(queue);
        var slow = new Client()) {
      for (int i = 0; i < 3; i++) {
        fast.add(new Client());
      }
      await(() -> monitor.readers() == 4);
      for (int i = 0; i < events; i += pace) {
        for (int j = 0; j < pace; j++) {
          monitor.tell(EVENT);
        }
        for (Client each : fast) {
          for (int j = 0; j < pace; j++) {
            var _ = each.next(STARTED);
          }
        }
      }
      int seen = 0;
      long missing = 0;
      while (seen + missing < monitor.sent()) {
        JsonNode line = slow.next();
        if (line.path("type").asString().equals("lost")) {
          missing += line.path("count").asLong();
        } else {
          seen++;
        }
      }
      assertTrue(missing > 0, "the slow reader lost nothing: the test shows nothing");
      assertEquals(missing, monitor.lost());
    }
    for (Client each : fast) {
      each.close();
    }
  }

  @Test
  void reader_beyondTheLimit_isRefusedUntilOneLeaves() throws IOException {
    List<Client> clients = new ArrayList<>();
    try (var monitor = serve(10)) {
      for (int i = 0; i < MonitorServer.MAX_READERS; i++) {
        clients.add(new Client());
      }
      await(() -> monitor.readers() == MonitorServer.MAX_READERS);
      try (var refused = new Client()) {
        assertNull(refused.lines.readLine());
      }
      clients.getFirst().close(); // No event comes that would fail to be written to it.
      await(() -> monitor.readers() == MonitorServer.MAX_READERS - 1);
      try (var taken = new Client()) {
        await(() -> monitor.readers() == MonitorServer.MAX_READERS);
        monitor.tell(EVENT);
        assertEquals(
            "{\"time\":\"1970-01-01T00:00:00Z\"}", taken.next(STARTED).path("message").toString());
      }
    }
    for (Client each : clients) {
      each.close();
    }
  }

  @Test
  void start_somethingElseIsInItsPlace_leavesItAlone() throws Exception {
    Path file = Files.writeString(folder.resolve("notes"), "mine");
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    for (Path each : List.of(file, pipe)) {
      assertThrows(
          IOException.class, () -> MonitorServer.start(each, agent, 10, new BinaryMonitor()));
      assertTrue(Files.exists(each));
    }
    assertEquals("mine", Files.readString(file));
  }

  @Test
  void start_whereSomebodyListensAndIsBusy_isRefused() throws Exception {
    Path path = folder.resolve("busy.sock");
    try (var other = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      other.bind(UnixDomainSocketAddress.of(path), 1);
      List<SocketChannel> waiting = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        waiting.add(SocketChannel.open(UnixDomainSocketAddress.of(path)));
      }
      assertThrows(
          IOException.class, () -> MonitorServer.start(path, agent, 10, new BinaryMonitor()));
      assertTrue(Files.exists(path));
      for (SocketChannel each : waiting) {
        each.close();
      }
    }
    MonitorServer.start(path, agent, 10, new BinaryMonitor()).close(); // Nobody does any more.
  }

  @Test
  void agentEvents_ofPoliciesPrefixesAndServices_haveTheFieldsShape() throws Exception {
    try (var monitor = serve(100);
        var client = new Client()) {
      await(() -> monitor.readers() == 1);
      PolicyRevision revision =
          agent
              .apiRules()
              .add(
                  """
                  [{"endpointSelector": {}, "egress": [{"toCIDR": ["192.0.2.0/24"]}],
                    "labels": [{"key": "name", "value": "out"}]}]\
                  """,
                  new ApiRules.Replaced.None());
      long rules = agent.awaitPolicy(revision, Duration.ofSeconds(10)).revision();
      String policy = "{\"labels\":[\"unspec:name=out\"],\"revision\":%d,\"rule_count\":1}";
      Map<String, JsonNode> added =
          client.nextOfEach(Set.of("Policy updated", "IPCache entry upserted"), CIDR);
      assertEquals(policy.formatted(rules), added.get("Policy updated") + "");
      JsonNode prefix = Objects.requireNonNull(added.get("IPCache entry upserted"));
      assertTrue(prefix.path("id").asLong() > 0 && !prefix.has("old-id"), prefix + "");

      agent.apiRules().delete(List.of());
      Map<String, JsonNode> gone =
          client.nextOfEach(Set.of("Policy deleted", "IPCache entry deleted"), CIDR);
      assertEquals(policy.formatted(rules + 1), gone.get("Policy deleted") + "");
      assertEquals(prefix, gone.get("IPCache entry deleted"));

      agent
          .services()
          .put(
              7L,
              new ServiceSpec(
                  7,
                  new FrontendAddress("10.96.0.1", "tcp", "", 80),
                  List.of(new BackendAddress("10.99.0.5", 8080, "", "active", false, null)),
                  ServiceSpec.Flags.builder().type("ClusterIP").name("web").build(),
                  false));
      assertEquals(
          "{\"id\":7,\"frontend-address\":{\"ip\":\"10.96.0.1\",\"port\":80},"
              + "\"backend-addresses\":[{\"ip\":\"10.99.0.5\",\"port\":8080}],"
              + "\"type\":\"ClusterIP\",\"traffic-policy\":\"\",\"name\":\"web\",\"namespace\":\"\"}",
          client.next("Service upserted").path("message").toString());
      assertTrue(agent.services().delete(7L));
      assertEquals("{\"id\":7}", client.next("Service deleted").path("message").toString());
    }
  }
}
