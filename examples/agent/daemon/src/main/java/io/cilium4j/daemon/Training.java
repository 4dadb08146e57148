// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.ApiClient;
import io.cilium4j.daemon.log.LogSetup;
import io.cilium4j.datapath.observer.FlowsCommand;
import io.cilium4j.policy.PolicyTraining;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Run once when the package is built, with {@code -XX:AOTCacheOutput}: starts an agent on the
 * datapath that it would run on here, asks it what clients ask first, and removes it, so that the
 * classes of a start are in the cache and need not be read and verified at each. The policy engine
 * is trained at length: a restarted agent compiles all policies before it is warm.
 */
public final class Training {
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  private static final String RULES =
      """
      [{"endpointSelector": {"matchLabels": {"app": "a"}},
        "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "b"}}],
                     "toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}]}]}]}]
      """;

  /** What a restarted agent finds: to read it is the first work of its engine. */
  private static final String MANIFEST =
      """
      apiVersion: v1
      kind: Namespace
      metadata: {name: shop, labels: {team: a}}
      ---
      apiVersion: v1
      kind: Pod
      metadata: {name: web, namespace: shop, labels: {app: web}}
      ---
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: web, namespace: shop}
      spec:
        endpointSelector: {matchLabels: {app: web}}
        ingress:
        - fromEndpoints: [{matchLabels: {app: client}}]
          toPorts: [{ports: [{port: "80", protocol: TCP}]}]
        egress:
        - toCIDR: [198.51.100.0/24]
      ---
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: closed, namespace: shop}
      spec: {podSelector: {}}
      """;

  private Training() {}

  /** Starts, asks and removes; throws if one of them fails. */
  public static void main(String[] args) throws IOException {
    Path folder = Files.createTempDirectory("cilium-training");
    Path socket = folder.resolve("agent.sock");
    Path hubble = folder.resolve("hubble.sock");
    Path manifests = Files.createDirectory(folder.resolve("manifests"));
    DaemonSettings settings =
        DaemonSettings.read(
            List.of(
                // Not to meet anybody's agent, devices or addresses: documentation has these.
                "--instance=training",
                "--ipv4-range=" + freePrefix(),
                "--ipv6-range=2001:db8::/112",
                "--state-dir=" + folder.resolve("state"),
                "--socket-path=" + socket,
                "--monitor-socket=" + folder.resolve("monitor.sock"),
                "--static-cnp-path=" + manifests,
                "--enable-hubble",
                "--hubble-socket-path=" + hubble,
                "--prometheus-serve-addr=127.0.0.1:0"),
            Map.of());
    Files.writeString(manifests.resolve("shop.yaml"), MANIFEST);
    LogSetup.use("text", "info");
    PolicyTraining.run();
    try (Daemon _ = Daemon.start(settings)) {
      var client = new ApiClient(socket, PATIENCE);
      var _ = client.call("PUT", "/policy", Map.of(), RULES).orThrow();
      for (String path : List.of("/healthz", "/config", "/endpoint", "/metrics/", "/policy")) {
        var _ = client.call("GET", path, Map.of(), null).orThrow();
      }
      // Its first reader would wait for the classes of both ends, and "cilium flows" each time.
      var out = new PrintStream(OutputStream.nullOutputStream());
      for (String form : List.of("json", "compact")) {
        int code =
            FlowsCommand.run(List.of("--all", "-o", form), "unix://" + hubble, out, System.err);
        if (code != 0) {
          throw new IOException("flows cannot be read");
        }
      }
    } finally {
      try (Agent agent = Daemon.agent(settings)) {
        agent.destroy();
      }
      remove(folder);
    }
  }

  /** One of the three prefixes of documentation, in which the machine has no address. */
  private static String freePrefix() throws IOException {
    List<String> own =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .map(InetAddress::getHostAddress)
            .toList();
    return Stream.of("192.0.2.", "198.51.100.", "203.0.113.")
        .filter(prefix -> own.stream().noneMatch(each -> each.startsWith(prefix)))
        .map(prefix -> prefix + "0/24")
        .findFirst()
        .orElseThrow(() -> new IOException("an address in each prefix of documentation"));
  }

  private static void remove(Path folder) throws IOException {
    List<Path> all;
    try (Stream<Path> found = Files.walk(folder)) {
      all = found.toList();
    }
    for (Path each : all.reversed()) {
      Files.delete(each);
    }
  }
}
