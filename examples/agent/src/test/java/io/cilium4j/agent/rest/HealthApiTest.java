// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.RecordingDatapath;
import io.cilium4j.agent.cluster.HealthConfig;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.ApiResponse;
import io.cilium4j.api.model.ConnectivityStatus;
import io.cilium4j.api.model.DebugInfo;
import io.cilium4j.api.model.HealthStatusResponse;
import io.cilium4j.api.model.ModulesHealth;
import io.cilium4j.api.model.NodeStatus;
import io.cilium4j.api.model.PathStatus;
import io.cilium4j.api.model.Status;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.state.Table;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An agent whose node is 127.0.0.1, among nodes on other loopback addresses, and what it tells of
 * them.
 */
class HealthApiTest {
  private static final Duration PATIENCE = Duration.ofSeconds(40);

  @TempDir Path folder;

  private int port;

  @SuppressWarnings("NullAway.Init")
  private Agent agent;

  @SuppressWarnings("NullAway.Init")
  private RestServer server;

  @SuppressWarnings("NullAway.Init")
  private RestServer healthServer;

  @SuppressWarnings("NullAway.Init")
  private ApiClient client;

  @SuppressWarnings("NullAway.Init")
  private ApiClient health;

  @BeforeEach
  void start() throws IOException {
    try (var free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    Files.createDirectories(folder.resolve("manifests"));
    writeNode("node-1", "127.0.0.1");
    writeNode("node-2", "127.0.0.2");
    agent = newAgent(folder.resolve("state"));
  }

  private Agent newAgent(Path state) {
    return Agent.builder()
        .instance("t")
        .datapath(new RecordingDatapath())
        .stateFolder(state)
        .manifests(folder.resolve("manifests"))
        .nodeName("node-1")
        .podCidrs("10.1.0.0/24")
        .nodeHealth(new HealthConfig(port, Duration.ofMillis(100), Duration.ofSeconds(2)))
        .build();
  }

  private void serve() throws IOException {
    agent.start();
    server = RestServer.start(agent, RestConfig.at(folder.resolve("api.sock")));
    healthServer = RestServer.startHealth(agent, RestConfig.at(folder.resolve("health.sock")));
    client = new ApiClient(server.socket(), PATIENCE);
    health = ApiClient.ofHealth(healthServer.socket(), PATIENCE);
  }

  @AfterEach
  void stop() {
    if (server != null) {
      healthServer.close();
      server.close();
    }
    agent.stop();
  }

  private void writeNode(String name, String address) throws IOException {
    Files.writeString(
        folder.resolve("manifests").resolve(name + ".yaml"),
        """
        apiVersion: cilium.io/v2
        kind: CiliumNode
        metadata: {name: %s}
        spec:
          addresses:
          - {type: InternalIP, ip: %s}
        """
            .formatted(name, address));
  }

  /** Asks anew each time that something was found out. */
  private HealthStatusResponse await(Predicate<HealthStatusResponse> wanted) throws Exception {
    return await(
        agent.nodeHealth().orElseThrow().health(),
        () -> health.get("/status", HealthStatusResponse.class),
        wanted);
  }

  private static <T> T await(Table<?, ?> changes, Supplier<T> asked, Predicate<T> wanted)
      throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (var watch = changes.watch()) {
      T answer;
      do {
        long left = end - System.nanoTime();
        var _ = watch.take(Duration.ofNanos(Math.max(0, left)));
        answer = asked.get();
        assertTrue(left > 0, "in time: " + answer);
      } while (!wanted.test(answer));
      return answer;
    }
  }

  private static PathStatus primary(NodeStatus node) {
    return Objects.requireNonNull(Objects.requireNonNull(node.host()).primaryAddress());
  }

  private static ConnectivityStatus http(NodeStatus node) {
    return Objects.requireNonNull(primary(node).http());
  }

  private static boolean isTwoProbed(HealthStatusResponse status) {
    return status.nodes().size() == 2
        && status.nodes().stream().allMatch(node -> primary(node).http() != null);
  }

  // ---- the health API ----

  @Test
  void everyOperation_answersAsDescribed() throws Exception {
    serve();
    var description = ApiDescription.load("api-health-v1beta.txt");
    var status = await(HealthApiTest::isTwoProbed);
    for (String operation : description.operations().keySet()) {
      String[] words = operation.split(" ", -1);
      ApiResponse answer = health.call(words[0], words[1], null);
      assertEquals(200, answer.status(), operation);
      assertEquals(
          List.of(),
          description.problems(
              ApiJson.mapper().readTree(answer.body()),
              description.answer(operation, 200).orElseThrow()),
          operation);
    }
    var whole = ApiJson.mapper().readTree(health.call("GET", "/healthz", null).body());
    assertEquals(
        List.of(),
        ApiDescription.load("api-v1.txt").problems(whole.get("cilium"), "StatusResponse"));
    assertTrue(whole.path("system-load").path("last1min").stringValue("").matches("[0-9.]+"));
    assertEquals("node-1", Objects.requireNonNull(status.local()).name());
    assertTrue(status.probeInterval().matches("0\\.1[0-9]+s"), status.probeInterval());
    assertEquals(404, health.call("GET", "/cluster/nodes", null).status());
    assertEquals(405, health.call("GET", "/status/probe", null).status());
  }

  @Test
  void status_oneNodeAnswersAndOneDoesNot_tellsThemApart() throws Exception {
    serve();
    var nodes = await(HealthApiTest::isTwoProbed).nodes();
    assertEquals("127.0.0.1", primary(nodes.get(0)).ip());
    assertEquals("", http(nodes.get(0)).status());
    assertTrue(http(nodes.get(0)).latency() > 0);
    assertEquals("Connection refused", http(nodes.get(1)).status());
    assertEquals(0, http(nodes.get(1)).latency());
    // The stack of the second node is there, and its agent is not.
    var icmp = primary(nodes.get(1)).icmp();
    assertTrue(icmp == null || icmp.status().isEmpty(), icmp + "");
  }

  @Test
  void status_theOtherNodeComesAndGoes_follows() throws Exception {
    serve();
    await(status -> isTwoProbed(status) && !http(status.nodes().get(1)).status().isEmpty());
    try (var other =
        Agent.builder()
            .instance("u")
            .datapath(new RecordingDatapath())
            .stateFolder(folder.resolve("other"))
            .manifests(folder.resolve("manifests"))
            .nodeName("node-2")
            .podCidrs("10.2.0.0/24")
            .nodeHealth(new HealthConfig(port, Duration.ofMillis(100), Duration.ofSeconds(2)))
            .build()) {
      other.start();
      await(status -> isTwoProbed(status) && http(status.nodes().get(1)).status().isEmpty());
    }
    await(status -> isTwoProbed(status) && !http(status.nodes().get(1)).status().isEmpty());
    Files.delete(folder.resolve("manifests/node-2.yaml"));
    await(status -> status.nodes().size() == 1);
  }

  @Test
  void startHealth_ofAnAgentThatDoesNotProbe_isRefused() throws Exception {
    try (var bench = new RestBench(folder.resolve("bench"))) {
      var config = RestConfig.at(folder.resolve("none.sock"));
      assertThrows(
          IllegalArgumentException.class, () -> RestServer.startHealth(bench.agent, config));
    }
  }

  // ---- the agent's own API ----

  @Test
  void agentsApi_tellsOfNodesAndTheirHealth() throws Exception {
    serve();
    await(HealthApiTest::isTwoProbed);
    var status = client.get("/healthz", StatusResponse.class);
    var cluster = Objects.requireNonNull(status.cluster());
    assertEquals("Ok", Objects.requireNonNull(cluster.ciliumHealth()).state());
    assertEquals("node-1", cluster.self());
    var self = Objects.requireNonNull(cluster.nodes().getFirst().primaryAddress());
    assertEquals("127.0.0.1", Objects.requireNonNull(self.ipv4()).ip());
    assertEquals("10.1.0.0/24", Objects.requireNonNull(self.ipv4()).allocRange());
    assertTrue(
        client
            .get("/debuginfo", DebugInfo.class)
            .subsystem()
            .getOrDefault("node-health", "")
            .contains("\"127.0.0.2\""));
    String metrics = client.call("GET", "/metrics/", null).text();
    assertTrue(metrics.contains("\"cilium_node_health_connectivity_status\""), metrics);
    assertTrue(client.call("GET", "/statedb/dump", null).text().contains("\"node-health\""));
  }

  @Test
  void portIsTaken_startSucceedsAndStatusTells() throws Exception {
    try (var taken = new ServerSocket(port, 1, IpAddress.parse("127.0.0.1").toInetAddress())) {
      serve();
      var told = awaitStatus(status -> !ciliumHealth(status).msg().isEmpty());
      String message = ciliumHealth(told).msg();
      assertTrue(
          message.startsWith("health port " + taken.getLocalPort() + " of 127.0.0.1: "), message);
      assertEquals("Warning", ciliumHealth(told).state());
      assertEquals("Warning", Objects.requireNonNull(told.cilium()).state());
    }
    awaitStatus(status -> Objects.requireNonNull(status.cilium()).state().equals("Ok"));
  }

  private StatusResponse awaitStatus(Predicate<StatusResponse> wanted) throws Exception {
    return await(agent.controllers(), () -> client.get("/healthz", StatusResponse.class), wanted);
  }

  private static Status ciliumHealth(StatusResponse status) {
    return Objects.requireNonNull(Objects.requireNonNull(status.cluster()).ciliumHealth());
  }

  // ---- what the field's clients read outside of the API ----

  @Test
  void modulesTable_askedAsTheFieldsClientsDo_comesAsRows() throws Exception {
    serve();
    String query =
        "{\"key\":\"YWdlbnQ=\",\"table\":\"health\",\"index\":\"x\",\"lowerbound\":true}";
    List<String> rows = ask(query).lines().dropWhile(line -> !line.isEmpty()).skip(1).toList();
    assertTrue(rows.size() > 2, rows + "");
    for (String row : rows) {
      var obj = ApiJson.mapper().readTree(row).get("obj");
      assertEquals("agent", obj.get("ID").get("Module").get(0).stringValue());
      assertTrue(List.of("OK", "Degraded").contains(obj.get("Level").stringValue()), row);
      for (String time : List.of("LastOK", "Updated", "Stopped")) {
        assertTrue(obj.get(time).stringValue().matches("[0-9]{4}-.*T.*Z"), row);
      }
    }
    assertTrue(ask("{\"table\":\"devices\"}").startsWith("HTTP/1.1 404 "));
    assertTrue(ask("[]").startsWith("HTTP/1.1 404 "));
    assertTrue(ask("{").startsWith("HTTP/1.1 400 "));
    assertTrue(ask("").startsWith("HTTP/1.1 400 "));
    for (var module : client.get("/health", ModulesHealth.class).modules()) {
      var message = ApiJson.mapper().readTree(module.message());
      assertEquals(module.moduleId(), message.get("name").stringValue());
    }
  }

  /**
   * The path is not below {@code /v1}, and a GET has a body: what {@link ApiClient} never sends.
   */
  private String ask(String query) throws IOException {
    try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(server.socket()))) {
      channel.write(
          ByteBuffer.wrap(
              ("GET /statedb/query HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                      + "Content-Length: "
                      + query.length()
                      + "\r\n\r\n"
                      + query)
                  .getBytes(StandardCharsets.US_ASCII)));
      var answer = new ByteArrayOutputStream();
      Channels.newInputStream(channel).transferTo(answer);
      return answer.toString(StandardCharsets.UTF_8);
    }
  }
}
