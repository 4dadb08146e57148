// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.cni.CniBench.Outcome;
import io.cilium4j.cni.CniCall;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.Row;
import io.cilium4j.k8s.DirectorySourceProvider;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What container runtimes do with an agent, in every order, by the executable itself. */
class CniNetworkTest {

  private static final Duration PATIENCE = Duration.ofSeconds(40);

  @TempDir private Path folder;
  private CniBench bench;

  @BeforeEach
  void start() throws Exception {
    bench = new CniBench(folder);
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  private static void await(BooleanSupplier condition, String what) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(1_000_000);
    }
  }

  private List<Endpoint> endpoints() {
    return bench.agent().endpoints().snapshot().stream().map(Row::value).toList();
  }

  private Endpoint only() {
    List<Endpoint> all = endpoints();
    assertEquals(1, all.size(), all.toString());
    return all.getFirst();
  }

  // ---- ADD and DEL ----

  @Test
  void socket_ofThePlugin_isRootsAlone() throws Exception {
    assertEquals(
        "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(bench.socket())));
  }

  @Test
  void add_ofAPod_isAnEndpointInForceWithItsAddresses() {
    Outcome outcome = bench.call("ADD", "a");
    assertEquals(0, outcome.error(), outcome.output());
    Endpoint endpoint = only();
    assertEquals(EndpointState.READY, endpoint.state());
    assertEquals("default/a", endpoint.podName());
    assertEquals(endpoint.addresses().getFirst() + "/32", outcome.address());
    assertTrue(bench.datapath.endpoints.containsKey(endpoint.id()));
    assertEquals("", endpoint.device().netns(), "another agent may not see the runtime's path");
    var names = bench.agent().endpointDetails().get(endpoint.id()).orElseThrow().names();
    assertEquals("a:eth0", names.attachment().orElseThrow());
    assertEquals("u-a", names.podUid());
    assertEquals("cilium", names.dockerNetworkId());
  }

  @Test
  void add_twice_isTheSameEndpoint() {
    Outcome first = bench.call("ADD", "a");
    Outcome second = bench.call("ADD", "a");
    assertEquals(first, second);
    assertEquals(1, endpoints().size());
  }

  @Test
  void add_ofAnAttachmentThatLostItsDevice_isMadeAnew() {
    assertEquals(0, bench.call("ADD", "a").error());
    int before = only().id();
    bench.datapath.loseDevice(only().device().hostIfindex());
    Outcome again = bench.call("ADD", "a");
    assertEquals(0, again.error(), again.output());
    assertNotEquals(before, only().id());
  }

  @Test
  void add_thatTheDatapathRefuses_leavesNothingAndMayBeTriedAgain() {
    bench.datapath.refusedDevices.add(1);
    Outcome refused = bench.call("ADD", "a");
    assertEquals(11, refused.error(), refused.output());
    assertEquals(List.of(), endpoints());
    assertEquals(0, bench.call("ADD", "a").error());
  }

  @Test
  void del_inEveryOrder_succeedsAndLeavesNothing() {
    assertEquals(0, bench.call("DEL", "a").error(), "before ADD");
    assertEquals(0, bench.call("ADD", "a").error());
    assertEquals(0, bench.call("DEL", "a").error());
    assertEquals(0, bench.call("DEL", "a").error(), "twice");
    assertEquals(List.of(), endpoints());
    assertEquals(Set.of(), bench.datapath.devices);
    assertEquals(0, bench.call("ADD", "a").error(), "again");
    assertEquals(1, endpoints().size());
  }

  @Test
  void del_ofOneDevice_leavesTheOthersOfThePod() {
    assertEquals(0, bench.call("ADD", "a").error());
    var second = CniBench.variables("ADD", "a", "net1");
    assertEquals(0, bench.call(second, "").error());
    assertEquals(
        Set.of("default/a", "default/a:net1"),
        new HashSet<>(endpoints().stream().map(Endpoint::podName).toList()));
    assertEquals(0, bench.call("DEL", "a").error());
    assertEquals("default/a:net1", only().podName());
  }

  @Test
  void add_ofAnotherSandboxOfThePod_standsBesideTheFirst() {
    assertEquals(0, bench.call("ADD", "a").error());
    var next = CniBench.variables("ADD", "b", "eth0");
    next.put("CNI_ARGS", "K8S_POD_NAMESPACE=default;K8S_POD_NAME=a");
    assertEquals(0, bench.call(next, "").error());
    assertEquals(0, bench.call("DEL", "a").error());
    assertEquals("default/a", only().podName());
  }

  @Test
  void add_ofAContainerWithoutAPod_isNamedByItsId() {
    var variables = CniBench.variables("ADD", "c-1.x_y", "eth0");
    variables.remove("CNI_ARGS");
    assertEquals(0, bench.call(variables, "").error());
    assertEquals("/c-1.x_y", only().podName());
    variables.put("CNI_COMMAND", "DEL");
    assertEquals(0, bench.call(variables, "").error());
    assertEquals(List.of(), endpoints());
  }

  @Test
  void add_ofAPodThatCannotBe_isRefused() {
    for (String args :
        List.of(
            "K8S_POD_NAMESPACE=default",
            "K8S_POD_NAME=a",
            "K8S_POD_NAMESPACE=..;K8S_POD_NAME=a",
            "K8S_POD_NAMESPACE=default;K8S_POD_NAME=a/b",
            "K8S_POD_NAMESPACE=default;K8S_POD_NAME=a;K8S_POD_UID=a b")) {
      var variables = CniBench.variables("ADD", "a", "eth0");
      variables.put("CNI_ARGS", args);
      assertEquals(4, bench.call(variables, "").error(), args);
    }
    assertEquals(List.of(), endpoints());
  }

  // ---- at once ----

  @Test
  void add_ofThirtyAtOnce_areThirtyEndpoints() throws Exception {
    List<Future<Outcome>> calls = new ArrayList<>();
    try (var pool = Executors.newFixedThreadPool(30)) {
      for (int i = 0; i < 30; i++) {
        String container = "c" + i;
        calls.add(pool.submit(() -> bench.call("ADD", container)));
      }
      Set<String> addresses = new HashSet<>();
      for (Future<Outcome> call : calls) {
        assertEquals(0, call.get().error(), call.get().output());
        addresses.add(call.get().address());
      }
      assertEquals(30, addresses.size());
      assertEquals(30, endpoints().size());
      List<Future<Outcome>> ends = new ArrayList<>();
      for (int i = 0; i < 30; i++) {
        String container = "c" + i;
        ends.add(pool.submit(() -> bench.call("DEL", container)));
        ends.add(pool.submit(() -> bench.call("DEL", container)));
      }
      for (Future<Outcome> end : ends) {
        assertEquals(0, end.get().error());
      }
    }
    assertEquals(List.of(), endpoints());
    assertEquals(Set.of(), bench.datapath.devices);
  }

  @Test
  void calls_ofOneAttachmentAtOnce_areCarriedOutOneByOne() throws Exception {
    try (var pool = Executors.newFixedThreadPool(10)) {
      for (int round = 0; round < 3; round++) {
        List<Future<Outcome>> adds = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
          adds.add(pool.submit(() -> bench.call("ADD", "a")));
        }
        Set<Outcome> outcomes = new HashSet<>();
        for (Future<Outcome> add : adds) {
          outcomes.add(add.get());
        }
        assertEquals(1, outcomes.size(), outcomes.toString());
        assertEquals(1, endpoints().size());
        assertEquals(0, bench.call("DEL", "a").error());
      }
    }
  }

  @Test
  void del_whileAddIsAtWork_waitsAndLeavesNothing() throws Exception {
    bench.datapath.gate = new CountDownLatch(1);
    bench.datapath.arrived = new CountDownLatch(1);
    var add = CompletableFuture.supplyAsync(() -> bench.call("ADD", "a"));
    bench.datapath.arrived.await();
    var del = CompletableFuture.supplyAsync(() -> bench.call("DEL", "a"));
    bench.datapath.gate.countDown();
    assertEquals(0, add.get().error());
    assertEquals(0, del.get().error());
    assertEquals(0, bench.call("DEL", "a").error());
    assertEquals(List.of(), endpoints());
  }

  @Test
  void add_whoseRuntimeIsGone_isUndone() throws Exception {
    bench.datapath.gate = new CountDownLatch(1);
    bench.datapath.arrived = new CountDownLatch(1);
    byte[] call =
        new CniCall(
                CniBench.variables("ADD", "a", "eth0"),
                "{\"cniVersion\": \"1.0.0\", \"name\": \"cilium\"}")
            .toBytes();
    try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(UnixDomainSocketAddress.of(bench.socket()));
      String head = "POST /cni HTTP/1.1\r\nHost: x\r\nContent-Length: " + call.length + "\r\n\r\n";
      channel.write(ByteBuffer.wrap(head.getBytes(StandardCharsets.US_ASCII)));
      channel.write(ByteBuffer.wrap(call));
      bench.datapath.arrived.await();
    }
    bench.datapath.gate.countDown();
    await(() -> bench.datapath.devices.isEmpty() && endpoints().isEmpty(), "nothing is left");
    assertEquals(0, bench.call("ADD", "a").error());
  }

  // ---- CHECK, GC, STATUS ----

  private static String previous(Outcome added) {
    return ", \"prevResult\": " + added.output();
  }

  @Test
  void check_ofWhatStands_succeeds() {
    Outcome added = bench.call("ADD", "a");
    for (int i = 0; i < 2; i++) {
      Outcome checked = bench.call("CHECK", "a", previous(added));
      assertEquals(0, checked.error(), checked.output());
      assertEquals("", checked.output());
    }
  }

  @Test
  void check_ofWhatIsGoneOrAnother_fails() {
    Outcome added = bench.call("ADD", "a");
    Outcome other = bench.call("ADD", "b");
    assertEquals(3, bench.call("CHECK", "c", previous(added)).error(), "never joined");
    assertEquals(100, bench.call("CHECK", "a", previous(other)).error(), "another's address");
    Endpoint a = bench.agent().endpoint("default", "a").orElseThrow();
    bench.datapath.loseDevice(a.device().hostIfindex());
    assertEquals(100, bench.call("CHECK", "a", previous(added)).error(), "device lost");
    assertEquals(0, bench.call("DEL", "a").error());
    assertEquals(3, bench.call("CHECK", "a", previous(added)).error(), "deleted");
  }

  @Test
  void gc_ofAList_removesTheRestOfItsNetworkAndNothingElse() {
    for (String container : List.of("a", "b", "c")) {
      assertEquals(0, bench.call("ADD", container).error());
    }
    var elsewhere = CniBench.variables("ADD", "d", "eth0");
    assertEquals(0, bench.call(elsewhere, "other", "").error());
    int made =
        bench
            .agent()
            .createEndpoint(
                new io.cilium4j.agent.EndpointRequest(
                    "default", "program", Map.of(), "/run/netns/p"))
            .id();
    String valid =
        ", \"cni.dev/valid-attachments\": [{\"containerID\": \"a\", \"ifname\": \"eth0\"},"
            + " {\"containerID\": \"d\", \"ifname\": \"eth0\"}]";
    for (int i = 0; i < 2; i++) {
      Outcome outcome = bench.call("GC", "x", valid);
      assertEquals(0, outcome.error(), outcome.output());
      assertEquals(
          Set.of("default/a", "default/d", "default/program"),
          new HashSet<>(endpoints().stream().map(Endpoint::podName).toList()));
    }
    assertTrue(bench.agent().endpoints().get(made).isPresent());
    assertEquals(0, bench.call("DEL", "b").error(), "after GC");
  }

  @Test
  void status_withFreeAddresses_succeeds() {
    assertEquals(0, bench.call("STATUS", "x").error());
  }

  @Test
  void status_withoutAFreeAddress_isAvailableAndThePodIsTold(@TempDir Path other) throws Exception {
    try (var small =
        new CniBench(other, builder -> builder.podCidrs("10.2.0.0/30").instance("s"))) {
      int joined = 0;
      while (small.call("ADD", "c" + joined).error() == 0) {
        assertTrue(++joined < 10);
      }
      assertTrue(joined > 0);
      // Else the kubelet calls the node not ready, and all its pods are evicted.
      assertEquals(0, small.call("STATUS", "x").error());
      assertEquals(11, small.call("ADD", "more").error());
      assertEquals(0, small.call("DEL", "c0").error());
      assertEquals(0, small.call("ADD", "more").error());
    }
  }

  // ---- an agent that comes and goes ----

  @Test
  void add_afterARestart_isTheSameEndpoint() throws Exception {
    Outcome before = bench.call("ADD", "a");
    bench.stopAgent();
    assertEquals(11, bench.call("ADD", "b").error());
    assertEquals(50, bench.call("STATUS", "x").error());
    bench.startAgent();
    Outcome after = bench.call("ADD", "a");
    assertEquals(before, after);
    assertEquals(1, endpoints().size());
    assertEquals(0, bench.call("CHECK", "a", previous(before)).error());
  }

  @Test
  void del_whileNoAgentRan_isCarriedOutAtItsStart() throws Exception {
    assertEquals(0, bench.call("ADD", "a").error());
    assertEquals(0, bench.call("ADD", "b").error());
    assertEquals(0, bench.call(CniBench.variables("ADD", "b", "net1"), "").error());
    bench.stopAgent();
    for (int i = 0; i < 2; i++) {
      assertEquals(0, bench.call("DEL", "a").error());
      assertEquals(0, bench.call(CniBench.variables("DEL", "b", "net1"), "").error());
      assertEquals(0, bench.call("DEL", "unknown").error());
    }
    bench.startAgent();
    assertEquals("default/b", only().podName());
    try (var left = Files.list(bench.folder().resolve("deleteQueue"))) {
      assertEquals(List.of("lockfile"), left.map(f -> f.getFileName().toString()).toList());
    }
  }

  // ---- a kubelet that is quicker than the watch ----

  /** A folder that is said to have every pod, as the API server has. */
  private static KubernetesSourceProvider complete() {
    var directory = new DirectorySourceProvider();
    return new KubernetesSourceProvider() {
      @Override
      public String name() {
        return "complete";
      }

      @Override
      public KubernetesSource open(Config config) {
        KubernetesSource source = directory.open(config);
        return (KubernetesSource)
            Proxy.newProxyInstance(
                KubernetesSource.class.getClassLoader(),
                new Class<?>[] {KubernetesSource.class},
                (_, method, arguments) -> {
                  if (method.getName().equals("hasEveryPod")) {
                    return true;
                  }
                  try {
                    return method.invoke(source, arguments);
                  } catch (InvocationTargetException e) {
                    throw e.getCause();
                  }
                });
      }
    };
  }

  @Test
  void add_beforeItsPodIsKnown_waitsForItsLabels(@TempDir Path other) throws Exception {
    Path manifests = other.resolve("manifests");
    try (var late =
        new CniBench(
            other,
            builder ->
                builder.instance("l").source(complete(), Map.of("path", manifests.toString())))) {
      var add = CompletableFuture.supplyAsync(() -> late.call("ADD", "a"));
      write(manifests, "old", "u-before", "old");
      write(manifests, "ns", "", "");
      write(manifests, "a", "u-a", "web");
      assertEquals(0, add.get().error(), add.get().output());
      Endpoint endpoint = late.agent().endpoint("default", "a").orElseThrow();
      assertTrue(endpoint.labels().toString().contains("k8s:app=web"), endpoint.toString());
    }
  }

  private static void write(Path manifests, String name, String uid, String app) throws Exception {
    String text =
        uid.isEmpty()
            ? "{apiVersion: v1, kind: Namespace, metadata: {name: default}}"
            : """
            apiVersion: v1
            kind: Pod
            metadata: {name: %s, namespace: default, uid: %s, labels: {app: %s}}
            spec: {nodeName: node, containers: [{name: c}]}
            """
                .formatted(name, uid, app);
    Path unfinished = manifests.resolve("." + name);
    Files.writeString(unfinished, text);
    Files.move(unfinished, manifests.resolve(name + ".yaml"), StandardCopyOption.ATOMIC_MOVE);
  }
}
