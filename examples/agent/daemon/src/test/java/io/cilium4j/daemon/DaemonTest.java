// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.model.HealthStatusResponse;
import io.cilium4j.api.model.Metric;
import io.cilium4j.api.model.StatusResponse;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.datapath.proxy.Redaction;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The whole daemon in this process, on the datapath that needs no privileges. */
class DaemonTest {
  @TempDir Path folder;

  private DaemonSettings settings(String... more) {
    List<String> flags =
        new ArrayList<>(
            List.of(
                "--instance=daemont",
                "--datapath=memory",
                "--ipv4-range=10.99.0.0/24",
                "--ipv6-range=fd99::/120",
                "--state-dir=" + folder.resolve("state"),
                "--socket-path=" + folder.resolve("api.sock"),
                "--monitor-socket=" + folder.resolve("monitor.sock")));
    flags.addAll(List.of(more));
    return DaemonSettings.read(flags, Map.of());
  }

  @Test
  void start_thenClose_servesAndLeavesNoSockets() throws IOException {
    var settings = settings();
    Daemon daemon = Daemon.start(settings);
    try (daemon) {
      var status =
          new ApiClient(folder.resolve("api.sock"), Duration.ofSeconds(10))
              .get("/healthz", StatusResponse.class);
      assertTrue(status.cilium() != null && status.cilium().state().equals("Ok"), status + "");
      assertTrue(Files.exists(folder.resolve("monitor.sock")));
      assertTrue(Files.exists(folder.resolve("monitor-json.sock")));
      assertTrue(Files.exists(folder.resolve("health.sock")));
      assertTrue(Files.exists(folder.resolve("cni.sock")));
    }
    assertTrue(Files.notExists(folder.resolve("cni.sock")));
    assertTrue(Files.notExists(folder.resolve("health.sock")));
    assertTrue(Files.notExists(folder.resolve("api.sock")));
    assertTrue(Files.notExists(folder.resolve("monitor.sock")));
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
    assertTrue(Files.notExists(folder.resolve("state")));
  }

  @Test
  void start_withHubble_servesFlowsAndSaysSo() throws IOException {
    Path socket = folder.resolve("hubble.sock");
    try (var _ =
        Daemon.start(
            settings(
                "--enable-hubble",
                "--hubble-socket-path=" + socket,
                "--hubble-event-buffer-capacity=1023"))) {
      assertTrue(Files.exists(socket));
      assertEquals(
          "rw-rw----", PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)));
      var status =
          new ApiClient(folder.resolve("api.sock"), Duration.ofSeconds(10))
              .get("/healthz", StatusResponse.class);
      var hubble = Objects.requireNonNull(status.hubble());
      assertEquals("Ok", hubble.state());
      assertEquals(1023, Objects.requireNonNull(hubble.observer()).maxFlows());
    }
    assertTrue(Files.notExists(socket));
  }

  @Test
  void start_hubbleAddressWithoutCertificates_mustBeAskedForByName() {
    var refusal =
        assertThrows(
            OptionException.class,
            () ->
                Daemon.start(
                    settings(
                        "--enable-hubble",
                        "--hubble-socket-path=" + folder.resolve("hubble.sock"),
                        "--hubble-listen-address=:4244")));
    assertEquals(
        "hubble-listen-address: wants hubble-tls-cert-file, or hubble-disable-tls for no encryption",
        refusal.getMessage());
    assertTrue(Files.notExists(folder.resolve("hubble.sock")));
  }

  @Test
  void redaction_ofTheOptions_isThatOfTheAgent() {
    assertEquals(Redaction.CREDENTIALS, HubbleOptions.redaction(settings()));
    assertEquals(
        new Redaction(true, true, Set.of("accept", "x-a"), Set.of()),
        HubbleOptions.redaction(
            settings(
                "--hubble-redact-enabled",
                "--hubble-redact-http-urlquery",
                "--hubble-redact-http-headers-allow=Accept,X-A")));
    var refusal =
        assertThrows(
            OptionException.class,
            () ->
                Daemon.start(
                    settings(
                        "--hubble-redact-http-headers-allow=a",
                        "--hubble-redact-http-headers-deny=b")));
    assertEquals(
        "hubble-redact-http-headers-allow: not beside hubble-redact-http-headers-deny",
        refusal.getMessage());
  }

  @Test
  void start_withACniFolder_installsThePluginAndCleanupTakesItAway() throws IOException {
    Path conflist = folder.resolve("net.d/05-cilium.conflist");
    Path executable = folder.resolve("bin/cilium-cni");
    Path other = folder.resolve("net.d/10-other.conf");
    Files.createDirectories(folder.resolve("net.d"));
    Files.writeString(other, "{}");
    try (var _ =
        Daemon.start(
            settings(
                "--write-cni-conf-when-ready=" + conflist,
                "--cni-bin-dir=" + folder.resolve("bin"),
                "--cni-exclusive=true"))) {
      assertTrue(Files.readString(conflist).contains("cilium-cni"));
      assertTrue(Files.isExecutable(executable));
      assertTrue(Files.notExists(other));
    }
    assertTrue(Files.exists(conflist), "it stays with what the agent enforces");
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
    assertTrue(Files.notExists(conflist));
    assertTrue(Files.notExists(executable));
    assertTrue(Files.exists(other));
    assertTrue(Files.notExists(folder.resolve("state")));
  }

  private static int status(int port, String path) throws IOException {
    var connection =
        (HttpURLConnection) URI.create("http://127.0.0.1:" + port + path).toURL().openConnection();
    try {
      return connection.getResponseCode();
    } finally {
      connection.disconnect();
    }
  }

  @Test
  void start_withAHealthPort_answersProbes() throws IOException {
    int port;
    try (var free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    try (var _ = Daemon.start(settings("--agent-health-port=" + port))) {
      assertEquals(200, status(port, "/livez"));
      assertEquals(200, status(port, "/healthz"));
    }
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  @Test
  void probe_beforeTheAgentServes_saysThatItIsAliveAndNotReady() throws IOException {
    try (var probes = ProbeServer.start(0)) {
      assertEquals(200, status(probes.port(), "/livez"));
      assertEquals(503, status(probes.port(), "/healthz"));
      probes.ready();
      assertEquals(200, status(probes.port(), "/healthz"));
    }
  }

  @Test
  void configuration_thatChanges_isReported() throws IOException {
    Path config = Files.createDirectories(folder.resolve("config"));
    Files.writeString(config.resolve("mtu"), "1500");
    List<String> words = List.of("--config-dir=" + config);
    var settings = DaemonSettings.read(words, Map.of());
    try (var watch =
        ConfigWatch.start(settings.values(), () -> DaemonSettings.read(words, Map.of()).values())) {
      watch.look();
      assertEquals(0, delta(watch));
      Files.writeString(config.resolve("mtu"), "1400");
      watch.look();
      assertEquals(1, delta(watch));
      Files.writeString(config.resolve("mtu"), "large");
      watch.look();
      assertEquals(1, delta(watch), "what cannot be read ends nothing");
      Files.writeString(config.resolve("mtu"), "1500");
      watch.look();
      assertEquals(0, delta(watch));
    }
  }

  private static double delta(ConfigWatch watch) {
    return watch.metrics().getFirst().samples().getFirst() instanceof Sample.Value value
        ? value.value()
        : -1;
  }

  @Test
  void start_withAChainOfNoNetwork_isRefused() {
    for (List<String> wrong :
        List.of(
            List.of("--cni-chaining-mode=generic-veth", "--write-cni-conf-when-ready=/x"),
            List.of("--cni-chaining-target=x"),
            List.of("--cni-chaining-mode=aws-cni"))) {
      assertThrows(
          OptionException.class,
          () -> Daemon.start(settings(wrong.toArray(String[]::new))).close(),
          wrong.toString());
    }
  }

  @Test
  void start_withSeamsByName_usesThem() throws IOException {
    try (var _ =
        Daemon.start(
            settings(
                "--ipam=static",
                "--identity-allocation-mode=memory",
                "--identity-options=rest-seconds=60",
                "--flow-sink=file",
                "--flow-sink-options=path=" + folder.resolve("flows"),
                "--kubernetes-source=directory",
                "--kubernetes-options=path=" + folder))) {
      assertTrue(Files.exists(folder.resolve("flows")));
    }
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  @Test
  void start_withASeamThatIsNotInstalled_saysWhatIs() {
    for (Map.Entry<String, String> wrong :
        Map.of(
                "--ipam=eni",
                "there are cluster-pool, kubernetes, multi-pool, static",
                "--identity-allocation-mode=kvstore",
                "there are crd, memory",
                "--flow-sink=hubble",
                "there are file, log",
                "--kubernetes-source=etcd",
                "there are api-server, directory",
                "--ipam-options=x",
                "wanted KEY=VALUE;KEY=VALUE")
            .entrySet()) {
      var e =
          assertThrows(
              RuntimeException.class, () -> Daemon.start(settings(wrong.getKey())).close());
      assertTrue(String.valueOf(e.getMessage()).contains(wrong.getValue()), e.getMessage());
    }
  }

  @Test
  void start_withANodeOfItsOwn_isReached() throws IOException {
    Files.createDirectory(folder.resolve("manifests"));
    Files.writeString(
        folder.resolve("manifests/node.yaml"),
        """
        apiVersion: cilium.io/v2
        kind: CiliumNode
        metadata: {name: n1}
        spec: {addresses: [{type: InternalIP, ip: 127.0.0.1}]}
        """);
    int port;
    try (var free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    try (var _ =
        Daemon.start(
            settings(
                "--static-cnp-path=" + folder.resolve("manifests"),
                "--node-name=n1",
                "--cluster-health-port=" + port,
                "--health-socket-path=" + folder.resolve("h.sock")))) {
      var client = ApiClient.ofHealth(folder.resolve("h.sock"), Duration.ofSeconds(40));
      HealthStatusResponse health;
      long end = System.nanoTime() + Duration.ofSeconds(40).toNanos();
      do {
        assertTrue(System.nanoTime() < end, "the node is known in time");
        health = client.call("PUT", "/status/probe", null).as(HealthStatusResponse.class);
      } while (health.nodes().isEmpty());
      var path = Objects.requireNonNull(health.nodes().getFirst().host()).primaryAddress();
      assertEquals("", Objects.requireNonNull(Objects.requireNonNull(path).http()).status());
    }
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  @Test
  void start_withoutHealthChecking_probesNobody() throws IOException {
    try (var _ = Daemon.start(settings("--enable-health-checking=false"))) {
      assertTrue(Files.notExists(folder.resolve("health.sock")));
      var status =
          new ApiClient(folder.resolve("api.sock"), Duration.ofSeconds(10))
              .get("/healthz", StatusResponse.class);
      var health = Objects.requireNonNull(Objects.requireNonNull(status.cluster()).ciliumHealth());
      assertEquals("Disabled", health.state());
    }
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  private List<String> cleanup() {
    return List.of("-f", "--instance=daemont", "--state-dir=" + folder.resolve("state"));
  }

  @Test
  void start_besideAnAgentOfTheSameInstance_isRefused() throws IOException {
    try (var _ = Daemon.start(settings())) {
      var refused = assertThrows(RuntimeException.class, () -> Daemon.start(settings()));
      assertTrue(String.valueOf(refused.getMessage()).contains("daemont"), refused + "");
      assertTrue(Files.exists(folder.resolve("api.sock")));
    }
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  /** Something that is no socket, in the place of the one that is opened last. */
  private void takeSocket() throws IOException {
    Files.createDirectories(folder.resolve("api.sock/taken"));
  }

  @Test
  void start_thatFailsAtItsEndTheFirstTime_leavesNothing() throws IOException {
    takeSocket();
    assertThrows(Exception.class, () -> Daemon.start(settings()));
    assertTrue(Files.notExists(folder.resolve("state")));
    assertTrue(Files.notExists(folder.resolve("monitor.sock")));
    assertTrue(Files.notExists(folder.resolve("health.sock")));
  }

  @Test
  void start_thatFailsAtItsEndLater_leavesWhatWasThere() throws IOException {
    try (var _ = Daemon.start(settings())) {
      assertTrue(Files.exists(folder.resolve("state")));
    }
    takeSocket();
    assertThrows(Exception.class, () -> Daemon.start(settings()));
    assertTrue(Files.exists(folder.resolve("state/datapath-name")));
    assertTrue(Files.notExists(folder.resolve("monitor.sock")));
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  @ParameterizedTest
  @CsvSource({
    "ipv4-range, 127.0.0.0/24, loopback",
    "ipv4-range, 126.0.0.0/7, loopback",
    "ipv4-range, 169.254.9.0/24, link-local",
    "ipv4-range, 224.1.0.0/24, multicast",
    "ipv4-range, 255.255.255.252/30, class E",
    "ipv4-range, 240.0.0.0/8, class E",
    "ipv4-range, 0.1.0.0/16, this network",
    "ipv4-range, 0.0.0.0/0, this network",
    "ipv4-range, 10.0.0.0/31, at most 30",
    "ipv4-range, 10.0.0.7/24, wanted 10.0.0.0/24",
    "ipv4-range, fd00::/64, other address family",
    "ipv6-range, ::/64, unspecified",
    "ipv6-range, fe80::/64, link-local",
    "ipv6-range, ff02::/64, multicast",
    "ipv6-range, fd00::/127, at most 126",
    "ipv6-range, fd00::7/64, wanted fd00::/64",
    "ipv6-range, 10.0.0.0/24, other address family"
  })
  void agent_prefixThatPodsCannotHave_isRefusedByName(String option, String prefix, String why) {
    var refused =
        assertThrows(
            OptionException.class,
            () -> Daemon.agent(settings("--" + option + "=" + prefix)),
            prefix);
    String text = String.valueOf(refused.getMessage());
    assertTrue(text.startsWith(option + ": ") && text.contains(why), text);
  }

  /** One request, no keep-alive; both ways of asking must show the very same. */
  @Test
  void metrics_ofPrometheusAndOfTheApi_areTheSame() throws Exception {
    try (var agent = Daemon.agent(settings())) {
      agent.start();
      assertTrue(agent.nodeHealth().orElseThrow().probeAll(Duration.ofSeconds(30)));
      try (var _ =
              Monitors.start(folder.resolve("m.sock"), folder.resolve("json.sock"), agent, 10);
          var rest = RestServer.start(agent, RestConfig.at(folder.resolve("api.sock")))) {
        List<Metric> listed =
            new ApiClient(rest.socket(), Duration.ofSeconds(10)).list("/metrics/", Metric.class);
        String text = new PrometheusText(agent.metrics()).scrape();
        for (Metric metric : listed) {
          String name = metric.name();
          assertTrue(text.contains("\n" + name + "{") || text.contains("\n" + name + " "), name);
        }
        Set<String> names = listed.stream().map(Metric::name).collect(Collectors.toSet());
        for (String line : text.lines().filter(each -> each.startsWith("cilium_")).toList()) {
          String name = line.split("[{ ]", 2)[0];
          // Asking the API was itself the first request that was measured.
          assertTrue(
              names.contains(name) || name.endsWith("_bucket") || name.contains("api_process"),
              line);
        }
        for (String wanted :
            List.of(
                "cilium_endpoint_state{endpoint_state=\"ready\"} 0.0",
                "cilium_endpoint_regenerations_total{outcome=\"success\"} 0.0",
                "cilium_policy_change_total{outcome=\"fail\"} 0.0",
                "cilium_policy_endpoint_enforcement_status{enforcement=\"both\"} 0.0",
                "cilium_identity{type=\"node_local\"} 0.0",
                "cilium_ipam_capacity{family=\"ipv4\"} 253.0",
                "cilium_ipam_events_total{action=\"allocate\",family=\"ipv6\"} 0.0",
                "cilium_monitor_events_lost_total 0.0",
                "cilium_node_health_connectivity_status{status=\"unreachable\",type=\"node\"} ",
                "cilium_unreachable_nodes ",
                "cilium_agent_api_process_time_seconds_count{method=\"GET\",path=\"/v1/metrics\","
                    + "return_code=\"200\"} 1",
                "jvm_memory_used_bytes")) {
          assertTrue(text.contains(wanted), wanted + " in\n" + text);
        }
      }
      agent.destroy();
    }
  }
}
