// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.it.TestCluster.Node;
import io.cilium4j.it.TestCluster.Pod;
import io.cilium4j.it.TestCluster.Routing;
import io.cilium4j.it.Traffic.EchoServer;
import java.io.Closeable;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Two nodes under traffic while agents, the operator and the folder that they share go away and
 * come back.
 *
 * <p>{@code -Dcluster.kills=N} says how often somebody is killed with each routing, {@code
 * -Dcluster.seed=N} repeats a run as far as the clock allows, {@code -Dcluster.away.seconds=N} says
 * how long the folder is away.
 */
class ClusterKernelIT {

  private static final int KILLS = Integer.getInteger("cluster.kills", 5);
  private static final long SEED = Long.getLong("cluster.seed", System.nanoTime());
  private static final long AWAY_NANOS = 1_000_000_000L * Long.getLong("cluster.away.seconds", 0);

  /** One kill in so many is followed by another while the next process starts. */
  private static final int START_KILLS = 4;

  /** How long a start takes about. */
  private static final long START_NANOS = 1_500_000_000L;

  private static final int PORT = 8080;

  /** What pods of the one kind may do, and others may not, on either node. */
  private static final String FROM_ALICE =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata:
        name: from-alice
        namespace: default
      spec:
        endpointSelector:
          matchLabels: {app: bob}
        ingress:
        - fromEndpoints:
          - matchLabels: {app: alice}
      """;

  private static final String TCP_FROM_MALLORY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata:
        name: tcp-from-mallory
        namespace: default
      spec:
        endpointSelector:
          matchLabels: {app: bob}
        ingress:
        - fromEndpoints:
          - matchLabels: {app: mallory}
          toPorts:
          - ports:
            - {port: "8080", protocol: TCP}
      """;

  /** Streams that must not break, and an intruder on either node who must not get in. */
  private static final class Scene implements AutoCloseable {
    private final TestCluster cluster;
    private final Pod alice;
    private final List<Pod> bobs;
    private final List<Pod> pods;
    private final List<Closeable> open = new ArrayList<>();
    private final List<PolicedPods> traffic = new ArrayList<>();
    private final List<CountedStream> streams = new ArrayList<>();
    private final List<CountedDatagrams> datagrams = new ArrayList<>();
    private final Map<Node, Map<Long, Endpoint>> endpoints = new HashMap<>();
    private final Map<String, String> objects;

    /** How many of the intruders' packets came in before there was a policy. */
    private final long lettingIn;

    Scene(TestCluster cluster) throws Exception {
      this.cluster = cluster;
      cluster.start();
      this.alice = cluster.pod(cluster.first, "app=alice");
      this.bobs =
          List.of(cluster.pod(cluster.first, "app=bob"), cluster.pod(cluster.second, "app=bob"));
      Pod eve = cluster.pod(cluster.first, "app=eve");
      Pod mallory = cluster.pod(cluster.second, "app=mallory");
      this.pods = List.of(alice, bobs.getFirst(), bobs.getLast(), eve, mallory);
      cluster.awaitKnown(pods);
      for (Pod intruder : List.of(eve, mallory)) {
        var tries = new PolicedPods(alice.netns(), intruder.netns());
        traffic.add(tries);
        open.add(tries::close);
        for (Pod bob : bobs) {
          bob.addresses().forEach(tries::target);
        }
      }
      for (Pod bob : bobs) {
        traffic.getFirst().receiveIn(bob.netns());
        open.add(new EchoServer(bob.netns(), PORT)::close);
      }
      cluster.await(
          "intruders get in while no policy is there", () -> traffic.getFirst().intrusions() > 0);
      cluster.write("from-alice.yaml", FROM_ALICE);
      for (Pod bob : bobs) {
        cluster.await("the policy is enforced", () -> bob.node().enforces(bob, "ingress"));
      }
      cluster.await(
          "what was under way has come",
          () -> {
            long before = intrusions();
            traffic.forEach(each -> each.awaitTries(20));
            return intrusions() == before;
          });
      this.lettingIn = intrusions();
      Pod bob = bobs.getLast();
      for (IpFamily family : IpFamily.values()) {
        IpAddress address = bob.address(family);
        Socket socket = alice.netns().call(() -> new Socket(address.toInetAddress(), PORT));
        open.add(socket);
        streams.add(new CountedStream(socket));
        datagrams.add(new CountedDatagrams(alice.netns(), address, PORT));
      }
      cluster.nodes().forEach(node -> endpoints.put(node, node.endpoints()));
      this.objects = objects();
      goesOn();
    }

    private long intrusions() {
      return traffic.getFirst().intrusions();
    }

    /** Streams go on, who may get in does, who may not does not. */
    void goesOn() throws Exception {
      streams.forEach(CountedStream::awaitProgress);
      datagrams.forEach(CountedDatagrams::awaitProgress);
      for (Pod bob : bobs) {
        for (IpAddress address : bob.addresses()) {
          assertTrue(traffic.getFirst().friendReaches(address), () -> address + log());
        }
      }
      traffic.forEach(each -> each.awaitTries(2));
      assertEquals(lettingIn, intrusions(), () -> "packets past the policy" + log());
    }

    /** Everything is as it was before anybody was killed. */
    void isAsBefore() throws Exception {
      for (Node node : cluster.nodes()) {
        cluster.await(
            node.name() + " has its endpoints, ready",
            () -> {
              Map<Long, Endpoint> now = node.endpoints();
              return now.size() == endpoints(node).size()
                  && now.values().stream().allMatch(ClusterKernelIT::isReady);
            });
        node.endpoints().forEach((id, now) -> assertSame(endpoints(node).get(id), now));
      }
      cluster.awaitKnown(pods);
      Map<String, String> now = objects();
      objects.forEach((name, before) -> assertEquals(before, now.get(name), () -> name + log()));
    }

    private Map<Long, Endpoint> endpoints(Node node) {
      return Objects.requireNonNull(endpoints.get(node));
    }

    private void assertSame(@Nullable Endpoint before, Endpoint now) {
      Endpoint was = Objects.requireNonNull(before, () -> now.id() + " is new" + log());
      assertEquals(Inventory.addresses(was), Inventory.addresses(now), this::log);
      assertEquals(TestCluster.identityOf(was), TestCluster.identityOf(now), this::log);
    }

    /** What the cluster agreed on, as the store has it. */
    private Map<String, String> objects() throws IOException {
      Map<String, String> all = new TreeMap<>();
      try (ClusterStore store = cluster.openStore()) {
        store
            .nodes()
            .list()
            .forEach(node -> all.put(node.value().name(), node.value().podCidrs().toString()));
        store
            .identities()
            .list()
            .forEach(each -> all.put(each.value().key(), each.value().labels().toString()));
        store
            .endpoints()
            .list()
            .forEach(each ->
                all.put(
                    each.value().key(),
                    each.value().identity()
                        + " "
                        + each.value().addresses()
                        + " "
                        + each.value().node()));
      }
      return all;
    }

    String log() {
      return ", seed " + SEED + ":\n" + cluster.logs();
    }

    /** Ends the streams, of which nothing may be missing. */
    void end(String what) {
      long bytes = streams.stream().mapToLong(CountedStream::end).sum();
      long packets = datagrams.stream().mapToLong(CountedDatagrams::end).sum();
      assertEquals(lettingIn, intrusions(), () -> "packets past the policy" + log());
      System.out.printf(
          "cluster test: %s, seed %d; streams of %d bytes and %d datagrams, nothing lost; %d tries"
              + " denied%n",
          what, SEED, bytes, packets, traffic.stream().mapToLong(PolicedPods::tries).sum());
    }

    @Override
    public void close() throws IOException {
      for (Closeable each : open) {
        each.close();
      }
    }
  }

  private static boolean isReady(Endpoint endpoint) {
    return Objects.requireNonNull(endpoint.status()).state().equals("ready");
  }

  /** Who is killed at a time. */
  private enum Victims {
    FIRST,
    SECOND,
    OPERATOR,
    AGENTS,
    ALL
  }

  @ParameterizedTest
  @EnumSource
  void kill_ofWhomeverUnderTraffic_losesNothingAndLetsNobodyIn(Routing routing) throws Exception {
    var random = new Random(SEED + routing.name().hashCode());
    try (var cluster = new TestCluster("itc", routing);
        var scene = new Scene(cluster)) {
      for (int kills = 0; kills < KILLS; kills++) {
        Victims victims = Victims.values()[random.nextInt(Victims.values().length)];
        LockSupport.parkNanos(random.nextLong(START_NANOS / 10)); // The moment is meant to be any.
        killAndStart(cluster, victims, random.nextLong(START_NANOS / 2));
        if (random.nextInt(START_KILLS) == 0) {
          killAndStart(cluster, victims, random.nextLong(START_NANOS));
          kills++;
        }
        for (Node node : cluster.nodes()) {
          node.agent().awaitReady();
        }
        scene.isAsBefore();
        scene.goesOn();
      }
      // What comes after all this finds its number and its way.
      Pod late = cluster.pod(cluster.second, "app=alice");
      assertEquals(scene.alice.identity(), late.identity(), scene::log);
      cluster.awaitKnown(List.of(late));
      for (Pod bob : scene.bobs) {
        for (IpAddress address : bob.addresses()) {
          cluster.await("a new pod reaches " + address, () -> reaches(late, address));
        }
      }
      scene.end(routing + ", " + KILLS + " kills");
    }
  }

  private static boolean reaches(Pod from, IpAddress address) {
    return Traffic.reaches(from.netns(), address, PORT, Traffic.Way.TCP);
  }

  private static void killAndStart(TestCluster cluster, Victims victims, long after)
      throws Exception {
    boolean first = victims != Victims.SECOND && victims != Victims.OPERATOR;
    boolean second = victims != Victims.FIRST && victims != Victims.OPERATOR;
    boolean operator = victims == Victims.OPERATOR || victims == Victims.ALL;
    if (first) {
      cluster.first.kill();
    }
    if (second) {
      cluster.second.kill();
    }
    if (operator) {
      cluster.killOperator();
    }
    LockSupport.parkNanos(after);
    if (operator) {
      cluster.launchOperator();
    }
    if (first) {
      cluster.first.launch();
    }
    if (second) {
      cluster.second.launch();
    }
  }

  @ParameterizedTest
  @EnumSource
  void store_thatIsAway_isNotMissedAndEverythingConvergesAfter(Routing routing) throws Exception {
    try (var cluster = new TestCluster("its", routing);
        var scene = new Scene(cluster)) {
      Path away = cluster.store().resolveSibling("away");
      Files.move(cluster.store(), away);
      for (Node node : cluster.nodes()) {
        cluster.await(
            node.name() + " says that the store is away",
            () -> node.status().contains("no such folder"));
      }
      // A pod comes about if this node uses its identity already; no other number can be agreed on.
      Pod late = cluster.pod(cluster.second, "app=bob");
      assertEquals(scene.bobs.getFirst().identity(), late.identity(), scene::log);
      ApiException refused =
          assertThrows(ApiException.class, () -> cluster.pod(cluster.second, "app=alice"));
      assertTrue(
          String.valueOf(refused.getMessage()).endsWith(cluster.store() + ": no such folder"),
          String.valueOf(refused.getMessage()));
      // Policy is enforced for it, and changes of policy are.
      Pod mallory = scene.pods.getLast();
      try (var _ = new EchoServer(late.netns(), PORT)) {
        for (IpAddress address : late.addresses()) {
          assertFalse(reaches(mallory, address), scene::log);
        }
        cluster.write("tcp.yaml", TCP_FROM_MALLORY);
        for (IpAddress address : late.addresses()) {
          cluster.await("a change of policy is enforced", () -> reaches(mallory, address));
        }
      }
      scene.goesOn();
      LockSupport.parkNanos(AWAY_NANOS); // The longest that it is to be away; 0 in a usual build.
      scene.goesOn();
      assertFalse(Files.exists(cluster.store()), "nobody makes another store");

      Files.move(away, cluster.store());
      cluster.awaitKnown(List.of(late));
      for (Node node : cluster.nodes()) {
        cluster.await(node.name() + " is well again", () -> node.status().startsWith("Ok "));
      }
      try (var _ = new EchoServer(late.netns(), PORT)) {
        for (IpAddress address : late.addresses()) {
          cluster.await("it is reached from the other node", () -> reaches(scene.alice, address));
        }
      }
      Pod again = cluster.pod(cluster.second, "app=alice");
      assertEquals(scene.alice.identity(), again.identity(), scene::log);
      scene.goesOn();
      scene.end(routing + ", store away");
    }
  }
}
