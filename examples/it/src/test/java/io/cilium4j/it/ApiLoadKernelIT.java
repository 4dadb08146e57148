// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.core.state.Row;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Many clients at once that make and delete endpoints through the API, as a CNI plugin does. */
class ApiLoadKernelIT {

  private static final int CLIENTS = 16;
  private static final int ENDPOINTS = 200;

  /** What a busy machine may take for one answer. */
  private static final Duration PATIENCE = Duration.ofSeconds(90);

  @ParameterizedTest
  @ValueSource(strings = {"memory", "ebpf"})
  void endpoints_twoHundredBySixteenClients_leaveNothing(String datapath) throws Exception {
    try (var lab = new Lab("itl", datapath, 40)) {
      lab.agent().start();
      try (var server =
          RestServer.start(lab.agent(), RestConfig.at(lab.folder().resolve("api.sock")))) {
        var client = new ApiClient(server.socket(), PATIENCE);
        for (int i = 0; i < CLIENTS; i++) {
          var _ = lab.netns("c" + i);
        }
        round(lab, client, 0, 0); // What is made once, at the first use, is no leak.
        long descriptors = descriptors();
        run(lab, client);
        assertEquals(List.of(), client.list("/endpoint", Object.class));
        assertEquals(0, lab.agent().addresses().allocations().snapshot().size());
        assertEquals(0, lab.agent().endpointDetails().snapshot().size());
        try (Netlink node = Netlink.open()) {
          assertEquals(List.of(), node.listLinks("itl-").stream().map(Link::name).toList());
        }
        long left = descriptors();
        assertTrue(left <= descriptors, left + " descriptors, " + descriptors + " before");
      }
    }
  }

  /**
   * The plugin's namespaces may lie elsewhere than the agent sees them; the pod is there all the
   * same.
   */
  @ParameterizedTest
  @ValueSource(strings = {"memory", "ebpf"})
  void endpoint_whoseNamespaceHasAnotherPathHere_staysOverARestart(String datapath)
      throws Exception {
    try (var lab = new Lab("itl", datapath, 40)) {
      lab.agent().start();
      Endpoint made;
      try (var server =
          RestServer.start(lab.agent(), RestConfig.at(lab.folder().resolve("api.sock")))) {
        made = plugin(new ApiClient(server.socket(), PATIENCE)).add(1, "load", lab.netns("c"));
      }
      lab.agent().stop();
      lab.agent().start();
      assertEquals(
          List.of((int) made.id()),
          lab.agent().endpoints().snapshot().stream().map(Row::key).toList());
      assertTrue(lab.agent().deleteEndpoint((int) made.id()));
    }
  }

  private static void run(Lab lab, ApiClient client) throws Exception {
    var next = new AtomicInteger(1);
    List<Callable<Integer>> plugins = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      int runtime = i;
      plugins.add(() -> {
        int made = 0;
        for (int n = next.getAndIncrement(); n <= ENDPOINTS; n = next.getAndIncrement()) {
          round(lab, client, runtime, n);
          made++;
        }
        return made;
      });
    }
    int made = 0;
    try (var threads = Executors.newFixedThreadPool(CLIENTS)) {
      for (Future<Integer> each : threads.invokeAll(plugins)) {
        made += each.get();
      }
    }
    assertEquals(ENDPOINTS, made);
  }

  private static CniPlugin plugin(ApiClient client) {
    return new CniPlugin(() -> client, "itl-");
  }

  /** One pod of a container runtime, which has one after the other in one namespace. */
  private static void round(Lab lab, ApiClient client, int runtime, int n) {
    CniPlugin plugin = plugin(client);
    Endpoint made = plugin.add(n, "load", lab.netns("c" + runtime));
    assertEquals("ready", Objects.requireNonNull(made.status()).state());
    assertEquals(
        made.id(),
        client.get("/endpoint/pod-name:default%2F" + CniPlugin.podName(n), Endpoint.class).id());
    plugin.delete(n);
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }
}
