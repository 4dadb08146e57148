// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.it.Requests.Client;
import io.cilium4j.it.Requests.Recorder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What rules on requests cost: a connection's set-up, and the agent's start. It prints figures for
 * the documents; {@code -Dfigures.connections=2000 -Dfigures.starts=11} makes them worth reading.
 */
@Timeout(600)
class HttpFiguresKernelIT {
  private static final int CONNECTIONS = Integer.getInteger("figures.connections", 50);
  private static final int STARTS = Integer.getInteger("figures.starts", 1);
  private static final int REDIRECTED = 8080;
  private static final int PLAIN = 8081;

  private static String policy(String rules) {
    return """
    endpointSelector:
      matchLabels: {app: bob}
    ingress:
    - fromEndpoints: [{matchLabels: {app: alice}}]
      toPorts:
      - ports: [{port: "8080", protocol: TCP}]
        %s
    - fromEndpoints: [{matchLabels: {app: alice}}]
      toPorts:
      - ports: [{port: "8081", protocol: TCP}]
    """
        .formatted(rules);
  }

  private static final String HTTP = "rules: {http: [{method: GET, path: /ok}]}";

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  @Test
  void connection_withOneRequest_costs() throws Exception {
    try (var lab = new Lab("itw", "ebpf", 38)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("requests", policy(HTTP));
      IpAddress to = bob.addresses().getFirst();
      double[][] micros = new double[2][CONNECTIONS];
      try (var _ = new Recorder(lab.netns("bob"), REDIRECTED);
          var _ = new Recorder(lab.netns("bob"), PLAIN)) {
        for (int i = -CONNECTIONS / 5; i < CONNECTIONS; i++) { // The first ones warm up.
          for (int port : new int[] {PLAIN, REDIRECTED}) {
            long begin = System.nanoTime();
            try (Client client = Client.open(lab.netns("alice"), to, port)) {
              assertEquals(200, client.ask("GET", "/ok"));
            }
            if (i >= 0) {
              micros[port == PLAIN ? 0 : 1][i] = (System.nanoTime() - begin) / 1e3;
            }
          }
        }
      }
      System.out.printf(
          "connection, request and end, us, least and median of %d: plain %.0f / %.0f,"
              + " redirected %.0f / %.0f%n",
          CONNECTIONS,
          Arrays.stream(micros[0]).min().orElse(0),
          median(micros[0]),
          Arrays.stream(micros[1]).min().orElse(0),
          median(micros[1]));
    }
  }

  @Test
  void agent_withRulesOnRequests_starts() throws Exception {
    try (var lab = new Lab("itv", "ebpf", 39)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("requests", policy(""));
      lab.agent().close();
      List<String> kinds = List.of("", HTTP);
      double[][] millis = new double[kinds.size()][STARTS];
      double[][] megabytes = new double[kinds.size()][STARTS];
      try (var _ = new Recorder(lab.netns("bob"), REDIRECTED)) {
        for (int i = 0; i < STARTS; i++) {
          for (int kind = 0; kind < kinds.size(); kind++) {
            String rules = kinds.get(kind);
            write(lab, policy(rules));
            long begin = System.nanoTime();
            try (AgentProcess agent = AgentProcess.start(lab)) {
              millis[kind][i] = (System.nanoTime() - begin) / 1e6;
              int expected = rules.isEmpty() ? 200 : 403;
              while (status(lab, bob.addresses().getFirst()) != expected) {
                // What changed while no agent ran is enforced a moment later.
              }
              megabytes[kind][i] = residentMegabytes(agent.program().pid());
            }
          }
        }
      }
      for (int kind = 0; kind < kinds.size(); kind++) {
        System.out.printf(
            "agent %s rules on requests, median of %d starts: ready after %.0f ms, %.0f MB%n",
            kind == 0 ? "without" : "with", STARTS, median(millis[kind]), median(megabytes[kind]));
      }
    }
  }

  /** Of a request on a new connection; 0 if that was cut off by a change of rules. */
  private static int status(Lab lab, IpAddress to) {
    try (Client client = Client.open(lab.netns("alice"), to, REDIRECTED)) {
      return client.ask("GET", "/no");
    } catch (IOException | RuntimeException e) {
      return 0;
    }
  }

  private static void write(Lab lab, String spec) throws IOException {
    Files.writeString(
        lab.folder().resolve("manifests/requests.yaml"),
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: requests, namespace: default}
        spec:
        %s
        """
            .formatted(spec.indent(2)));
  }

  private static double residentMegabytes(long process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToDouble(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024.0)
        .findFirst()
        .orElseThrow();
  }
}
