// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Watch;
import io.cilium4j.k8s.api.ApiClient;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.api.ApiStoreProvider;
import io.cilium4j.k8s.crd.CustomResourceInstaller;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** A cluster that a real API server keeps, with our definitions installed and nothing else. */
abstract class ApiCluster {
  static final Duration PATIENCE = Duration.ofMinutes(5);

  @TempDir private Path folder;
  private KubernetesApiServer server;
  ClusterStore store;
  final List<OperatorProcess> operators = new ArrayList<>();

  @BeforeEach
  void startServer() throws Exception {
    server = KubernetesApiServer.start(folder);
    try (ApiClient client = ApiOptions.read(options(), Set.of()).connect()) {
      var installer = new CustomResourceInstaller(client);
      installer.install();
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (!installer.areServed()) {
        assertTrue(System.nanoTime() < end, "the definitions are served");
      }
    }
    store = new ApiStoreProvider().open(options());
  }

  @AfterEach
  void end() {
    operators.forEach(OperatorProcess::kill);
    if (store != null) {
      store.close();
    }
    if (server != null) {
      server.close();
    }
  }

  /** Of whoever uses the server, at up to 500 requests a second. */
  Map<String, String> options() {
    return Map.of(
        ApiOptions.KUBECONFIG,
        server.kubeconfig().toString(),
        ApiOptions.QPS,
        "500",
        ApiOptions.BURST,
        "1000",
        ApiOptions.NAMESPACE,
        "kube-system");
  }

  /**
   * Starts an operator.
   *
   * @param parts how many IPv4 CIDRs it may give, a power of two
   */
  OperatorProcess start(int parts) throws IOException {
    OperatorProcess started =
        OperatorProcess.start(
            "--k8s-kubeconfig-path=" + server.kubeconfig(),
            "--k8s-namespace=kube-system",
            "--k8s-client-qps=" + Integer.getInteger("operator.qps", 100),
            "--cluster-pool-ipv4-cidr=10.0.0.0/" + (24 - Integer.numberOfTrailingZeros(parts)),
            "--cluster-pool-ipv6-cidr=fd00::/96",
            "--leader-election-lease-duration=3s",
            "--leader-election-renew-deadline=2s",
            "--leader-election-retry-period=1s");
    operators.add(started);
    return started;
  }

  /** A node that has no CIDRs. */
  void join(String name) {
    var node = new ClusterNode(name, List.of(), List.of());
    assertTrue(store.nodes().create(node, Deadline.in(PATIENCE)).isPresent());
  }

  /** Waits until there are so many nodes, each with a CIDR of both families. */
  void awaitServed(int many) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<String, Stored<ClusterNode>> watch = store.nodes().table().watch()) {
      while (true) {
        var now = watch.take(Duration.ofNanos(Math.max(0, end - System.nanoTime()))).snapshot();
        long served =
            now.stream().filter(row -> row.value().value().podCidrs().size() == 2).count();
        if (served == many && now.size() == many) {
          return;
        }
        assertTrue(System.nanoTime() < end, () -> served + " of " + many + " nodes are served");
      }
    }
  }
}
