// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.datapath.net.DuplicateCheck;
import io.cilium4j.datapath.net.InterfaceAddress;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PodConnector;
import io.cilium4j.datapath.net.Route;
import io.cilium4j.datapath.net.VethPair;
import io.cilium4j.it.CniRuntime.Outcome;
import io.cilium4j.it.Traffic.EchoServer;
import io.cilium4j.it.Traffic.Way;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pods that a container runtime joins by CNI, with real network namespaces and packets. */
class CniKernelIT {

  private static final int PORT = 8080;

  private static final long PATIENCE_NANOS = 20_000_000_000L;

  private static String pod(String name) {
    return """
    apiVersion: v1
    kind: Pod
    metadata: {name: %s, namespace: default, labels: {app: %s}}
    spec: {nodeName: node, containers: [{name: c}]}
    """
        .formatted(name, name);
  }

  /** A lab whose agent answers CNI. */
  private static final class Scene implements AutoCloseable {
    final Lab lab;
    final CniRuntime runtime;
    private final RestServer cni;

    Scene(String instance, String datapath, int octet) throws Exception {
      lab = new Lab(instance, datapath, octet);
      lab.agent().start();
      runtime = new CniRuntime(lab.folder());
      cni = RestServer.startCni(lab.agent(), RestConfig.at(runtime.socket()));
    }

    /** Has Kubernetes know of pods with a label {@code app=NAME}. */
    void know(String... pods) throws Exception {
      for (String pod : pods) {
        Files.writeString(lab.folder().resolve("manifests/" + pod + ".yaml"), pod(pod));
      }
      for (String pod : pods) {
        long end = System.nanoTime() + PATIENCE_NANOS;
        while (lab.agent().pod("default", pod).isEmpty()) {
          assertTrue(System.nanoTime() < end, pod);
          LockSupport.parkNanos(1_000_000);
        }
      }
    }

    Path netns(String pod) {
      return lab.netns(pod).path();
    }

    Outcome call(String command, String pod) {
      return runtime.call(command, pod, netns(pod));
    }

    Outcome add(String pod) {
      Outcome outcome = call("ADD", pod);
      assertEquals(0, outcome.error(), outcome.output());
      return outcome;
    }

    List<Endpoint> endpoints() {
      return lab.agent().endpoints().snapshot().stream().map(row -> row.value()).toList();
    }

    @Override
    public void close() throws IOException {
      cni.close();
      lab.close();
    }
  }

  private static String previous(Outcome added) {
    return ", \"prevResult\": " + added.output();
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void add_ofPods_joinsThemUnderTheirPolicy(String datapath) throws Exception {
    try (var scene = new Scene("itcn", datapath, 70)) {
      scene.know("alice", "bob", "eve");
      scene.lab.apply(
          "only-alice",
          """
          endpointSelector:
            matchLabels: {app: bob}
          ingress:
          - fromEndpoints:
            - matchLabels: {app: alice}
          """);
      scene.add("alice");
      scene.add("eve");
      Outcome bob = scene.add("bob");
      assertEquals(2, bob.addresses().size());
      try (var _ = new EchoServer(scene.lab.netns("bob"), PORT)) {
        for (String address : bob.addresses()) {
          IpAddress to = IpAddress.parse(address);
          // In force when ADD returns: the first packets are decided.
          assertTrue(Traffic.reaches(scene.lab.netns("alice"), to, PORT, Way.TCP), address);
          assertFalse(Traffic.reaches(scene.lab.netns("eve"), to, PORT, Way.TCP), address);
        }
      }
      assertEquals(
          0, scene.runtime.call("CHECK", "bob", scene.netns("bob"), previous(bob)).error());
      for (String pod : List.of("alice", "bob", "eve")) {
        assertEquals(0, scene.call("DEL", pod).error());
        assertEquals(0, scene.call("DEL", pod).error(), "twice");
        try (Netlink inside = Netlink.open(scene.lab.netns(pod))) {
          assertTrue(inside.linkByName("eth0").isEmpty(), pod);
        }
      }
      assertEquals(List.of(), scene.endpoints());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void add_againInTheSameNamespace_isTheSame(String datapath) throws Exception {
    try (var scene = new Scene("itcn", datapath, 70)) {
      Outcome first = scene.add("alice");
      assertEquals(first, scene.add("alice"));
      assertEquals(1, scene.endpoints().size());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void add_whereTheNamespaceIsAnotherByNow_isMadeAnew(String datapath) throws Exception {
    try (var scene = new Scene("itcn", datapath, 70)) {
      Path path = scene.netns("alice");
      scene.add("alice");
      int before = scene.endpoints().getFirst().id();
      // The old one lives on, as long as somebody has it open.
      try (Netns old = Netns.open(path)) {
        Netns.delete(path);
        Netns.create(path.getFileName().toString()).close();
        scene.add("alice");
        assertEquals(1, scene.endpoints().size());
        assertNotEquals(before, scene.endpoints().getFirst().id());
        try (Netlink inside = Netlink.open(old);
            Netns present = Netns.open(path);
            Netlink there = Netlink.open(present)) {
          assertTrue(inside.linkByName("eth0").isEmpty());
          assertTrue(there.linkByName("eth0").isPresent());
        }
      }
    }
  }

  @Test
  void add_intoANamespaceThatIsNone_leavesNothing() throws Exception {
    try (var scene = new Scene("itcn", "ebpf", 70);
        var node = Netlink.open()) {
      Outcome gone = scene.runtime.call("ADD", "alice", Path.of("/run/netns/nobody"));
      assertEquals(11, gone.error(), gone.output());
      Outcome own = scene.runtime.call("ADD", "alice", Path.of("/proc/self/ns/net"));
      assertEquals(11, own.error(), own.output());
      assertTrue(own.output().contains("it is the node's own"), own.output());
      assertEquals(List.of(), scene.endpoints());
      assertEquals(
          List.of(),
          node.listLinks("itcn_").stream()
              .map(Link::name)
              .filter(name -> !List.of("itcn_host", "itcn_net", "itcn_proxy").contains(name))
              .toList());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void check_ofWhatThePodChanged_fails(String datapath) throws Exception {
    try (var scene = new Scene("itcn", datapath, 70)) {
      Outcome added = scene.add("alice");
      Supplier<Outcome> check =
          () -> scene.runtime.call("CHECK", "alice", scene.netns("alice"), previous(added));
      try (Netlink inside = Netlink.open(scene.lab.netns("alice"))) {
        int eth0 = inside.linkByName("eth0").orElseThrow().index();
        var address = InterfaceAddress.host(IpAddress.parse(added.addresses().getFirst()));
        inside.deleteAddress(eth0, address);
        assertEquals(100, check.get().error(), check.get().output());
        inside.addAddress(eth0, address, DuplicateCheck.SKIP);
        assertEquals(0, check.get().error(), check.get().output());
        inside.setDown(eth0);
        assertEquals(100, check.get().error(), check.get().output());
        inside.setUp(eth0);
        inside.deleteLink(eth0);
        assertEquals(100, check.get().error(), check.get().output());
      }
      assertEquals(0, scene.call("DEL", "alice").error());
    }
  }

  @Test
  void loopback_ofAPod_isSetUp() throws Exception {
    try (var scene = new Scene("itcn", "ebpf", 70);
        Netlink inside = Netlink.open(scene.lab.netns("alice"))) {
      assertFalse(inside.linkByName("lo").orElseThrow().isUp());
      Path netns = scene.netns("alice");
      assertEquals(100, scene.runtime.callLoopback("CHECK", "alice", netns).error());
      for (int i = 0; i < 2; i++) {
        Outcome added = scene.runtime.callLoopback("ADD", "alice", netns);
        assertEquals(0, added.error(), added.output());
        assertTrue(inside.linkByName("lo").orElseThrow().isUp());
      }
      assertEquals(0, scene.runtime.callLoopback("CHECK", "alice", netns).error());
      assertEquals(0, scene.runtime.callLoopback("DEL", "alice", netns).error());
    }
  }

  // ---- behind another plugin ----

  /** Joins a pod as the plugin ptp does, and gives its result. */
  private static String pointToPoint(Scene scene, String pod, IpAddress address) {
    IpAddress gateway = IpAddress.parse("10.77.0.1");
    try (Netlink node = Netlink.open();
        Netlink inside = Netlink.open(scene.lab.netns(pod))) {
      var pair =
          new VethPair(
              "ptp" + pod, "eth0", PodConnector.randomMac(), PodConnector.randomMac(), 1500);
      Link host = node.createVeth(pair, scene.lab.netns(pod));
      int eth0 = host.peerIndex();
      inside.setUp(eth0);
      node.setUp(host.index());
      inside.ensureAddress(eth0, InterfaceAddress.host(address), DuplicateCheck.SKIP);
      inside.setNeighbour(eth0, gateway, host.mac());
      inside.replaceRoute(Route.to(IpPrefix.host(gateway), eth0));
      inside.replaceRoute(Route.to(IpPrefix.parse("0.0.0.0/0"), eth0).via(gateway));
    }
    return ", \"prevResult\": {\"cniVersion\": \"1.1.0\", \"interfaces\": [{\"name\": \"ptp"
        + pod
        + "\"}, {\"name\": \"eth0\", \"sandbox\": \""
        + scene.netns(pod)
        + "\"}], \"ips\": [{\"address\": \""
        + address
        + "/32\", \"gateway\": \"10.77.0.1\", \"interface\": 1}], \"dns\": {}}";
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void add_behindAnotherPlugin_takesOverWhatItMade(String datapath) throws Exception {
    try (var scene = new Scene("itcn", datapath, 70);
        var node = Netlink.open()) {
      scene.know("alice", "bob");
      IpAddress alice = IpAddress.parse("10.77.0.2");
      IpAddress bob = IpAddress.parse("10.77.0.3");
      String ofAlice = pointToPoint(scene, "alice", alice);
      String ofBob = pointToPoint(scene, "bob", bob);
      for (int i = 0; i < 2; i++) {
        Outcome added = scene.runtime.call("ADD", "alice", scene.netns("alice"), ofAlice);
        assertEquals(0, added.error(), added.output());
        assertTrue(ofAlice.endsWith(", \"dns\": {}}"));
        assertEquals(List.of("10.77.0.2"), added.addresses());
      }
      assertEquals(0, scene.runtime.call("ADD", "bob", scene.netns("bob"), ofBob).error());
      assertEquals(0, scene.runtime.call("CHECK", "bob", scene.netns("bob"), ofBob).error());
      assertEquals(2, scene.endpoints().size());
      assertEquals(
          bob,
          scene
              .lab
              .agent()
              .endpoint("default", "bob")
              .orElseThrow()
              .address(IpFamily.IPV4)
              .orElseThrow());
      try (var _ = new EchoServer(scene.lab.netns("bob"), PORT)) {
        assertTrue(Traffic.reaches(scene.lab.netns("alice"), bob, PORT, Way.TCP));
        scene.lab.apply(
            "nobody",
            """
            endpointSelector: {}
            ingress:
            - fromEndpoints:
              - matchLabels: {app: nobody}
            """);
        assertFalse(Traffic.reaches(scene.lab.netns("alice"), bob, PORT, Way.TCP));
      }
      assertEquals(0, scene.call("DEL", "alice").error());
      assertEquals(0, scene.call("DEL", "bob").error());
      assertTrue(node.linkByName("ptpalice").isEmpty());
    }
  }

  @Test
  void add_behindAPluginWhoseDeviceIsNoPair_isRefused() throws Exception {
    try (var scene = new Scene("itcn", "ebpf", 70)) {
      Outcome refused =
          scene.runtime.call(
              "ADD",
              "alice",
              scene.netns("alice"),
              ", \"prevResult\": {\"ips\": [{\"address\": \"10.77.0.2/32\"}]}");
      assertEquals(7, refused.error(), refused.output());
    }
  }

  // ---- figures ----

  private static final int SEQUENTIAL = 50;
  private static final int AT_ONCE = 30;
  private static final Duration ALL_AT_ONCE = Duration.ofSeconds(20);

  private static long medianMicros(List<Long> nanos) {
    return nanos.stream().sorted().toList().get(nanos.size() / 2) / 1000;
  }

  /** The bound is a busy machine's; the figures are printed, and in docs/performance.md. */
  @Test
  void add_ofManyAtOnce_isSoonDone() throws Exception {
    try (var scene = new Scene("itcn", "ebpf", 70)) {
      List<Long> adds = new ArrayList<>();
      scene.add("warm");
      for (int i = 0; i < SEQUENTIAL; i++) {
        scene.netns("s" + i);
        long begin = System.nanoTime();
        scene.add("s" + i);
        adds.add(System.nanoTime() - begin);
      }
      long versionNanos = scene.runtime.shellNanos("VERSION", 5, 100);
      long statusNanos = scene.runtime.shellNanos("STATUS", 5, 100);
      for (int i = 0; i < AT_ONCE; i++) {
        scene.netns("p" + i);
      }
      var start = new CountDownLatch(1);
      List<Future<Outcome>> calls = new ArrayList<>();
      try (var pool = Executors.newFixedThreadPool(AT_ONCE)) {
        for (int i = 0; i < AT_ONCE; i++) {
          String pod = "p" + i;
          calls.add(
              pool.submit(() -> {
                start.await();
                return scene.call("ADD", pod);
              }));
        }
        long begin = System.nanoTime();
        start.countDown();
        for (Future<Outcome> call : calls) {
          assertEquals(0, call.get().error(), call.get().output());
        }
        Duration took = Duration.ofNanos(System.nanoTime() - begin);
        System.out.printf(
            "CNI: ADD median %d us, the executable alone (VERSION) %d us, with the agent's answer"
                + " (STATUS) %d us, %d at once %d ms%n",
            medianMicros(adds), versionNanos / 1000, statusNanos / 1000, AT_ONCE, took.toMillis());
        assertTrue(took.compareTo(ALL_AT_ONCE) < 0, took.toString());
      }
      assertEquals(1 + SEQUENTIAL + AT_ONCE, scene.endpoints().size());
    }
  }
}
