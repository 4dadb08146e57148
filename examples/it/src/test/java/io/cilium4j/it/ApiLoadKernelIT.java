// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.core.state.Row;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.VethPair;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
  private static final int MTU_BYTES = 1500;

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
        new Plugin(lab, client, 0).round(0); // What is made once, at the first use, is no leak.
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
      io.cilium4j.api.model.Endpoint made;
      try (var server =
          RestServer.start(lab.agent(), RestConfig.at(lab.folder().resolve("api.sock")))) {
        made = new Plugin(lab, new ApiClient(server.socket(), PATIENCE), 0).make(1);
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
      var plugin = new Plugin(lab, client, i);
      plugins.add(() -> {
        int made = 0;
        for (int n = next.getAndIncrement(); n <= ENDPOINTS; n = next.getAndIncrement()) {
          plugin.round(n);
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

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  /** A container runtime with one pod after the other, in one namespace. */
  private record Plugin(Lab lab, ApiClient client, int number) {

    void round(int n) throws Exception {
      var made = make(n);
      String pod = "pod-" + n;
      assertEquals("ready", Objects.requireNonNull(made.status()).state());
      assertEquals(
          made.id(),
          client
              .get("/endpoint/pod-name:default%2F" + pod, io.cilium4j.api.model.Endpoint.class)
              .id());
      var _ =
          client.call("DELETE", "/endpoint", Map.of("container-id", "container-" + pod)).orThrow();
    }

    io.cilium4j.api.model.Endpoint make(int n) throws Exception {
      String pod = "pod-" + n;
      IPAMResponse addresses =
          client
              .call("POST", "/ipam?owner=default%2F" + pod, Map.of("expiration", "true"), null)
              .as(IPAMResponse.class);
      Netns netns = lab.netns("c" + number);
      try (Netlink node = Netlink.open()) {
        Link host =
            node.createVeth(
                new VethPair(
                    "itl-" + n,
                    "eth0",
                    PodConnector.randomMac(),
                    PodConnector.randomMac(),
                    MTU_BYTES),
                netns);
        return client
            .call("PUT", "/endpoint/cilium-local:0", request(pod, host, addresses))
            .as(io.cilium4j.api.model.Endpoint.class);
      }
    }

    private static EndpointChangeRequest request(String pod, Link host, IPAMResponse addresses) {
      return EndpointChangeRequest.builder()
          .containerId("container-" + pod)
          .containerInterfaceName("eth0")
          .containerNetnsPath("/var/run/cilium/netns/elsewhere")
          .interfaceName(host.name())
          .interfaceIndex(host.index())
          .hostMac(host.mac().toString())
          .mac("02:00:00:00:00:02")
          .k8sPodName(pod)
          .k8sNamespace("default")
          .labels(List.of("k8s:app=load"))
          .state("waiting-for-identity")
          .syncBuildEndpoint(true)
          .addressing(addresses.address())
          .build();
    }
  }
}
