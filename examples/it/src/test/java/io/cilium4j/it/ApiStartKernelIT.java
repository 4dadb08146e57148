// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.IPListEntry;
import io.cilium4j.api.model.Metric;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * How soon an agent knows a cluster that an API server keeps, and what it then takes, which it
 * prints; in a usual build few objects, to see that the figures can be taken. {@code
 * -Dfigures.endpoints=20000 -Dfigures.identities=5000 -Dfigures.policies=2000} are those of {@code
 * docs/performance.md}.
 */
class ApiStartKernelIT {
  private static final int ENDPOINTS = Integer.getInteger("figures.endpoints", 200);
  private static final int IDENTITIES = Integer.getInteger("figures.identities", 50);
  private static final int POLICIES = Integer.getInteger("figures.policies", 20);

  private static final int NODES = 200;
  private static final int NAMESPACES = 100;
  private static final int FIRST_IDENTITY = 1_000;
  private static final String INSTANCE = "itap";

  /** Writers that wait for the server at once. */
  private static final int WRITERS = 16;

  @TempDir private Path folder;

  @Test
  void start_intoACluster_knowsItAll() throws Exception {
    try (ApiLab lab = ApiLab.start(folder)) {
      lab.define();
      fill(lab);
      try {
        start(lab);
        // With what it has in the kernel already.
        start(lab);
      } finally {
        Agent.builder()
            .instance(INSTANCE)
            .stateFolder(folder.resolve(INSTANCE + "/state"))
            .podCidrs("10.96.255.0/24", "fd96::/112")
            .build()
            .destroy();
      }
    }
  }

  private static void start(ApiLab lab) throws Exception {
    long begin = System.nanoTime();
    try (AgentProcess agent = lab.agent(INSTANCE, lab.kubeconfig(), Map.of("datapath", "ebpf"))) {
      agent.awaitReady();
      long ready = System.nanoTime();
      ApiLab.await("all is known", () -> isAllKnown(agent));
      long known = System.nanoTime();
      long resident = residentMegabytes(agent.program().pid());
      assertEquals(2L * ENDPOINTS, addresses(agent));
      System.out.printf(
          "start with %,d endpoints, %,d identities and %,d policies in the API: ready %,d ms, all"
              + " known %,d ms, resident %d MB%n",
          ENDPOINTS,
          IDENTITIES,
          POLICIES,
          (ready - begin) / 1_000_000,
          (known - begin) / 1_000_000,
          resident);
    }
  }

  /** The cheap question first: the list of addresses has 40,000 rows. */
  private static boolean isAllKnown(AgentProcess agent) {
    return POLICIES
            == agent.client().list("/metrics/", Metric.class).stream()
                .filter(each -> "cilium_policy".equals(each.name()))
                .mapToDouble(Metric::value)
                .sum()
        && addresses(agent) == 2L * ENDPOINTS;
  }

  /** How many addresses of other nodes' pods an agent knows. */
  private static long addresses(AgentProcess agent) {
    return agent.client().list("/ip", IPListEntry.class).stream()
        .filter(entry ->
            entry.identity() >= FIRST_IDENTITY && entry.identity() < FIRST_IDENTITY + IDENTITIES)
        .count();
  }

  private static long residentMegabytes(long process) throws IOException {
    return Files.readAllLines(Path.of("/proc/" + process + "/status")).stream()
        .filter(line -> line.startsWith("VmRSS:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024)
        .findFirst()
        .orElseThrow();
  }

  // ---- the cluster ----

  private static void fill(ApiLab lab) throws Exception {
    for (int i = 0; i < NAMESPACES; i++) {
      lab.create("{apiVersion: v1, kind: Namespace, metadata: {name: " + namespace(i) + "}}");
    }
    try (ClusterStore store = lab.openStore()) {
      assertTrue(
          store
              .nodes()
              .create(
                  new ClusterNode(
                      INSTANCE,
                      List.of(),
                      List.of(IpPrefix.parse("10.97.0.0/24"), IpPrefix.parse("fd97::/112"))),
                  ApiLab.soon())
              .isPresent());
      each(NODES, i -> store.nodes().create(node(i), ApiLab.soon()).isPresent());
      each(IDENTITIES, i -> store.identities().create(identity(i), ApiLab.soon()).isPresent());
      each(ENDPOINTS, i -> store.endpoints().create(endpoint(i), ApiLab.soon()).isPresent());
      each(
          POLICIES,
          i -> {
            String path =
                "/apis/cilium.io/v2/namespaces/" + namespace(i) + "/ciliumnetworkpolicies";
            try {
              byte[] object = policy(i).getBytes(StandardCharsets.UTF_8);
              return lab.admin.post(path, object, ApiLab.soon()).length > 0;
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          });
    }
  }

  /** Makes so many of something, several at once. */
  private static void each(int many, IntFunction<Boolean> make)
      throws InterruptedException, ExecutionException {
    try (var writers = Executors.newFixedThreadPool(WRITERS)) {
      List<Future<Boolean>> made =
          IntStream.range(0, many).mapToObj(i -> writers.submit(() -> make.apply(i))).toList();
      for (Future<Boolean> one : made) {
        assertTrue(one.get());
      }
    }
  }

  private static ClusterNode node(int i) {
    return new ClusterNode(
        "far-" + i,
        List.of(
            new Address(AddressType.INTERNAL_IP, nodeAddress(i)),
            new Address(AddressType.CILIUM_INTERNAL_IP, address("10.128.0.0", 256L * i + 1))),
        List.of(
            new IpPrefix(address("10.128.0.0", 256L * i), 24),
            new IpPrefix(address("fd00:128::", 65_536L * i), 112)));
  }

  private static ClusterIdentity identity(int i) {
    return new ClusterIdentity(FIRST_IDENTITY + i, labels(i));
  }

  private static PublishedEndpoint endpoint(int i) {
    int node = i % NODES;
    int number = 2 + i / NODES;
    int identity = i % IDENTITIES;
    return new PublishedEndpoint(
        namespace(identity),
        "far-" + i,
        number,
        Optional.of(new Identity(FIRST_IDENTITY + identity, labels(identity))),
        List.of(
            address("10.128.0.0", 256L * node + number),
            address("fd00:128::", 65_536L * node + number)),
        Optional.of(nodeAddress(node)),
        Map.of(),
        EndpointState.READY);
  }

  private static String policy(int i) {
    return """
    {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "policy-%1$d"},
     "spec": {"endpointSelector": {"matchLabels": {"app": "far-%1$d"}},
      "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "far-%2$d"}}],
                   "toPorts": [{"ports": [{"port": "8080", "protocol": "TCP"}]}]},
                  {"fromEntities": ["host"]}],
      "egress": [{"toEndpoints": [{"matchLabels": {"app": "far-%2$d"}}]}, {"toCIDR": ["192.0.2.%3$d/32"]}]}}
    """
        .formatted(i, i + NAMESPACES, i % 256);
  }

  private static String namespace(int i) {
    return "team-" + i % NAMESPACES;
  }

  private static Labels labels(int identity) {
    return Labels.parse(
        "k8s:app=far-" + identity, "k8s:io.kubernetes.pod.namespace=" + namespace(identity));
  }

  private static IpAddress nodeAddress(int node) {
    return address("198.18.0.0", 1 + node);
  }

  private static IpAddress address(String base, long number) {
    return IpAddress.parse(base).plus(number);
  }
}
