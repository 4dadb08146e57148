// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.cli.command.AgentClient;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonReader;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * An agent as a process of its own, of the instance {@code tour}, and the pods of the tour, which
 * it gets as it would from a CNI plugin. Nothing is left when it is closed.
 */
final class TourAgent implements AutoCloseable {
  static final String INSTANCE = "tour";

  /** What the build put together for ./cilium, which is what runs here. */
  private static final String MODULES = "../agent/daemon/target/classes:../agent/daemon/target/lib";

  private static final long PATIENCE_MILLIS = 60_000;

  private final Path folder;
  private final Process process;
  private final List<String> pods = new ArrayList<>();

  /** Starts the agent and waits until it serves. */
  TourAgent(Path folder) throws IOException {
    this.folder = folder;
    // What an aborted run left would be taken over otherwise.
    cleanUp();
    Path log = folder.resolve("agent.log");
    process =
        java(
                "agent",
                "--instance=" + INSTANCE,
                "--datapath=ebpf",
                "--state-dir=" + folder.resolve("state"),
                "--socket-path=" + socket(),
                "--monitor-socket=" + folder.resolve("monitor.sock"),
                "--node-name=node1",
                "--mtu=1500",
                // Whether or not nft is installed.
                "--kube-proxy-replacement=false",
                "--enable-xdp-prefilter=true",
                "--enable-ipv4-masquerade=false",
                "--enable-ipv6-masquerade=false",
                "--ipv4-range=10.77.0.0/24",
                "--ipv6-range=fd77::/120")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    // The socket is the last thing that an agent makes.
    while (!Files.exists(socket())) {
      if (ends(process, 10)) {
        throw new IllegalStateException("the agent ended:\n" + Files.readString(log));
      }
    }
    // So that what the tour shows of the node's health is known.
    while (!isProbed()) {
      if (ends(process, 10)) {
        throw new IllegalStateException("the agent ended:\n" + Files.readString(log));
      }
    }
  }

  Path socket() {
    return folder.resolve("api.sock");
  }

  Path monitorSocket() {
    return folder.resolve("monitor-json.sock");
  }

  private ProcessBuilder java(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=io.cilium4j.datapath");
    command.addAll(List.of("-p", MODULES));
    command.addAll(List.of("-m", "io.cilium4j.daemon/io.cilium4j.daemon.Main"));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command);
  }

  /** The API. */
  AgentClient client() {
    return new AgentClient(socket());
  }

  /** How many read the monitor, as the agent counts them. */
  long monitorReaders() throws IOException {
    return metric("cilium_monitor_readers", Json.absent());
  }

  /** Whether the node has been probed at its address of each family. */
  private boolean isProbed() throws IOException {
    Json reachable = Json.object("status", Json.of("reachable")).with("type", Json.of("node"));
    return metric("cilium_node_health_connectivity_status", reachable) == 2;
  }

  private long metric(String name, Json labels) throws IOException {
    for (Json metric : client().get("/metrics/").items()) {
      if (metric.get("name").text().equals(name)
          && (labels.isAbsent() || metric.get("labels").equals(labels))) {
        Json value = metric.get("value"); // The API leaves out a 0.
        return value.isPresent() ? Math.round(Double.parseDouble(value.text())) : 0;
      }
    }
    throw new IllegalStateException("the agent does not measure " + name);
  }

  static String netns(String pod) {
    return "/run/netns/" + INSTANCE + "-" + pod;
  }

  /**
   * Makes a pod: addresses from the agent, a namespace with a pair of devices, an endpoint.
   *
   * @param number tells its devices from those of other pods
   */
  void makePod(String pod, int number) throws IOException {
    pods.add(pod);
    Json taken = reply("POST", "/ipam?owner=default%2F" + pod, Json.absent());
    String device = "tourlxc" + number;
    String podMac = "02:00:00:00:77:0" + number;
    String hostMac = "02:00:00:00:78:0" + number;
    bash(
        """
        ip netns del tour-$pod 2>/dev/null || true
        ip link del $device 2>/dev/null || true
        ip netns add tour-$pod
        ip link add $device address $host_mac type veth peer name eth0 address $pod_mac \
          netns tour-$pod
        ip link set $device up
        ip -n tour-$pod link set lo up
        ip -n tour-$pod link set eth0 up
        ip -n tour-$pod addr add $address4/32 dev eth0
        ip -n tour-$pod addr add $address6/128 dev eth0 nodad
        ip -n tour-$pod neigh add 10.77.0.1 lladdr $host_mac dev eth0
        ip -n tour-$pod route add 10.77.0.1 dev eth0
        ip -n tour-$pod route add default via 10.77.0.1
        """,
        Map.of(
            "pod", pod,
            "device", device,
            "host_mac", hostMac,
            "pod_mac", podMac,
            "address4", taken.get("address", "ipv4").text(),
            "address6", taken.get("address", "ipv6").text()));
    String index = Files.readString(Path.of("/sys/class/net", device, "ifindex")).strip();
    var _ =
        reply(
            "PUT",
            "/endpoint/cilium-local:0",
            JsonReader.parse(
                """
                {"container-id": "container-%1$s", "container-interface-name": "eth0",
                 "interface-name": "%2$s", "interface-index": %3$s, "mac": "%4$s",
                 "host-mac": "%5$s", "k8s-pod-name": "%1$s", "k8s-namespace": "default",
                 "labels": ["k8s:app=%1$s"], "state": "waiting-for-identity",
                 "sync-build-endpoint": true, "addressing": %6$s}\
                """
                    .formatted(
                        pod,
                        device,
                        index,
                        podMac,
                        hostMac,
                        JsonWriter.compact(taken.get("address")))));
  }

  private Json reply(String method, String path, Json body) throws IOException {
    return client().call(method, path, body);
  }

  /** Runs a command inside a pod; gives what it says, errors included, and its exit code. */
  Said inPod(String pod, String command) throws IOException {
    return finish(new ProcessBuilder("nsenter", "--net=" + netns(pod), "bash", "-c", command));
  }

  /**
   * What a program said.
   *
   * @param text its output and its errors, as they came
   */
  record Said(String text, int exitCode) {}

  private static void bash(String script, Map<String, String> variables) throws IOException {
    var builder = new ProcessBuilder("bash", "-euc", script);
    builder.environment().putAll(variables);
    Said said = finish(builder);
    if (said.exitCode() != 0) {
      throw new IllegalStateException(said.text());
    }
  }

  private static Said finish(ProcessBuilder builder) throws IOException {
    Process process = builder.redirectErrorStream(true).redirectInput(Redirect.PIPE).start();
    process.getOutputStream().close();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (!ends(process, PATIENCE_MILLIS)) {
      throw new IOException("it does not end: " + builder.command());
    }
    return new Said(text, process.exitValue());
  }

  private static boolean ends(Process process, long withinMillis) throws IOException {
    try {
      return process.waitFor(withinMillis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private void cleanUp() throws IOException {
    Said said =
        finish(java("cleanup", "-f", "--instance=" + INSTANCE, "--state-dir=" + stateFolder()));
    if (said.exitCode() != 0) {
      throw new IllegalStateException(said.text());
    }
  }

  private Path stateFolder() {
    return folder.resolve("state");
  }

  @Override
  public void close() throws IOException {
    process.destroy();
    if (!ends(process, PATIENCE_MILLIS)) {
      process.destroyForcibly();
    }
    cleanUp();
    for (String pod : pods) {
      bash("ip netns del tour-$pod", Map.of("pod", pod));
    }
  }
}
