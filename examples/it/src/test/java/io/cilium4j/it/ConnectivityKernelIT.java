// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.Policy;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The scenarios of {@code connectivity.txt} on two nodes, with real packets. */
class ConnectivityKernelIT {

  private static final int PORT = 8080;

  /** How often somebody who is to be reached is tried; each try takes up to two seconds. */
  private static final int TRIES = 15;

  /** How long an answer is waited for that must not come. */
  private static final int DROPPED_MILLIS = 500;

  /**
   * One scenario.
   *
   * @param policy its manifest; empty for none
   * @param cells expected, by sender and receiver
   */
  private record Scenario(String name, String policy, Map<String, Map<String, String>> cells) {

    /** Both forms of what stands between two {@code ==}. */
    static List<Scenario> parse(String text) {
      List<String> lines = text.lines().toList();
      String name = lines.getFirst().strip();
      List<String> spec = lines.stream().skip(1).filter(line -> !line.startsWith("|")).toList();
      List<List<String>> table =
          lines.stream()
              .filter(line -> line.startsWith("|"))
              .map(line -> List.of(line.substring(1).strip().split(" +", -1)))
              .toList();
      List<String> receivers = table.getFirst();
      Map<String, Map<String, String>> cells = new LinkedHashMap<>();
      for (List<String> row : table.subList(1, table.size())) {
        Map<String, String> columns = new LinkedHashMap<>();
        for (int i = 1; i < receivers.size(); i++) {
          if (!row.get(i).equals(".")) {
            columns.put(receivers.get(i), row.get(i));
          }
        }
        cells.put(row.getFirst(), columns);
      }
      String body = "spec:\n" + String.join("\n", spec).indent(2);
      if (String.join("", spec).isBlank()) {
        return List.of(new Scenario(name, "", cells));
      }
      String clusterwide = name + "-ccnp";
      return List.of(
          new Scenario(
              name,
              "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: "
                  + name
                  + ", namespace: default}\n"
                  + body,
              cells),
          new Scenario(
              clusterwide,
              "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: "
                  + clusterwide
                  + "}\n"
                  + body,
              cells));
    }

    static List<Scenario> all() throws IOException {
      try (InputStream in = ConnectivityKernelIT.class.getResourceAsStream("/connectivity.txt")) {
        String text = new String(Objects.requireNonNull(in).readAllBytes(), UTF_8);
        List<Scenario> all = new ArrayList<>();
        String[] parts = text.split("\n== ", -1);
        for (int i = 1; i < parts.length; i++) {
          all.addAll(parse(parts[i]));
        }
        return all;
      }
    }
  }

  /** Somebody who sends and is sent to. */
  private record Party(String name, Netns netns, Map<IpFamily, IpAddress> addresses) {
    Party(String name, Pod pod) {
      this(
          name,
          pod.netns(),
          Map.of(
              IpFamily.IPV4,
              pod.address(IpFamily.IPV4),
              IpFamily.IPV6,
              pod.address(IpFamily.IPV6)));
    }
  }

  @ParameterizedTest
  @EnumSource
  void scenarios_ofBothFamilies_areAsTheTableSays(Routing routing) throws Exception {
    try (var cluster = new TestCluster("itt", routing);
        ExecutorService attempts = Executors.newCachedThreadPool()) {
      cluster.start();
      Map<String, Pod> pods = new LinkedHashMap<>();
      pods.put("client", cluster.pod(cluster.first, "kind=client", "name=client"));
      pods.put("client2", cluster.pod(cluster.first, "kind=client", "other=client"));
      pods.put("client3", cluster.pod(cluster.second, "kind=client", "name=client3"));
      pods.put("echo-same-node", cluster.pod(cluster.first, "kind=echo", "name=echo-same-node"));
      pods.put("echo-other-node", cluster.pod(cluster.second, "kind=echo", "name=echo-other"));
      cluster.awaitKnown(pods.values());
      Map<String, Party> parties = new LinkedHashMap<>();
      pods.forEach((name, pod) -> parties.put(name, new Party(name, pod)));
      parties.put("world", new Party("world", cluster.world, TestCluster.WORLD));
      List<EchoServer> servers = new ArrayList<>();
      try {
        for (Party party : parties.values()) {
          servers.add(new EchoServer(party.netns(), PORT));
        }
        parties.put("node1", new Party("node1", cluster.first.netns, Map.of()));
        List<String> wrong = new ArrayList<>();
        for (Scenario scenario : Scenario.all()) {
          enforce(cluster, scenario);
          wrong.addAll(wrong(scenario, parties, attempts));
        }
        assertEquals(List.of(), wrong, cluster::logs);
      } finally {
        for (EchoServer server : servers) {
          server.close();
        }
      }
    }
  }

  /** Puts its policy in place of the one before, and waits until every endpoint has it. */
  private static void enforce(TestCluster cluster, Scenario scenario) throws IOException {
    if (scenario.policy().isEmpty()) {
      return; // The first: nothing is there.
    }
    cluster.write("scenario.yaml", scenario.policy());
    for (Node node : cluster.nodes()) {
      cluster.await(
          scenario.name() + " is enforced on " + node.name(),
          () -> {
            Policy rules = node.client().get("/policy", Policy.class);
            return rules.policy().contains('"' + scenario.name() + '"')
                && node.endpoints().values().stream()
                    .allMatch(each -> revision(each) >= rules.revision());
          });
    }
  }

  private static long revision(Endpoint endpoint) {
    var policy =
        Objects.requireNonNull(Objects.requireNonNull(endpoint.status()).policy()).realized();
    return policy == null ? 0 : policy.policyRevision();
  }

  /** The cells that are not as expected, a line each. */
  private static List<String> wrong(
      Scenario scenario, Map<String, Party> parties, ExecutorService attempts) throws Exception {
    Map<String, Future<Boolean>> asked = new LinkedHashMap<>();
    scenario
        .cells()
        .forEach((from, row) ->
            row.forEach((to, cell) -> {
              for (IpFamily family : IpFamily.values()) {
                ask(parties, asked, attempts, scenario.name(), from, to, family, cell);
              }
            }));
    List<String> wrong = new ArrayList<>();
    for (Map.Entry<String, Future<Boolean>> each : asked.entrySet()) {
      if (!each.getValue().get()) {
        wrong.add(each.getKey());
      }
    }
    return wrong;
  }

  private static void ask(
      Map<String, Party> parties,
      Map<String, Future<Boolean>> asked,
      ExecutorService attempts,
      String scenario,
      String from,
      String to,
      IpFamily family,
      String cell) {
    Party sender = party(parties, from);
    IpAddress address = Objects.requireNonNull(party(parties, to).addresses().get(family));
    Way[] ways = {Way.TCP, Way.ICMP};
    for (int i = 0; i < ways.length; i++) {
      Way way = ways[i];
      boolean expected = cell.charAt(i) == '+';
      asked.put(
          "%s: %s to %s, %s %s: expected %s"
              .formatted(scenario, from, to, family, way, expected ? "allowed" : "dropped"),
          attempts.submit(() -> isAsExpected(sender.netns(), address, way, expected)));
    }
  }

  private static Party party(Map<String, Party> parties, String name) {
    return Objects.requireNonNull(parties.get(name), name);
  }

  private static boolean isAsExpected(Netns from, IpAddress to, Way way, boolean expected) {
    if (!expected) {
      return !Traffic.reaches(from, to, PORT, way, DROPPED_MILLIS);
    }
    // A machine that is busy may lose time, and nothing else: once is enough.
    for (int i = 0; i < TRIES; i++) {
      if (Traffic.reaches(from, to, PORT, way)) {
        return true;
      }
    }
    return false;
  }
}
