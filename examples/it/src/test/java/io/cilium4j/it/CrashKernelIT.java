// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiException;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.it.Traffic.EchoServer;
import java.net.Socket;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * Kills the agent at random moments while it makes and ends endpoints, and looks at what the next
 * one makes of it. {@code -Dcrash.kills=N} says how often, 15 times if not, {@code -Dcrash.seed=N}
 * repeats a run as far as the clock allows.
 */
class CrashKernelIT {

  private static final int KILLS = Integer.getInteger("crash.kills", 15);

  private static final long SEED = Long.getLong("crash.seed", System.nanoTime());

  /** Namespaces for pods; a pod has one of them for its life. */
  private static final int SLOTS = 7;

  /** Most pods that come at once; as many slots are free at the beginning of each round. */
  private static final int MAX_COMING = 3;

  /** One kill in so many is followed by another while the next agent starts. */
  private static final int START_KILLS = 5;

  /** How long a start takes about. */
  private static final long START_NANOS = 1_500_000_000L;

  private static final long PATIENCE_NANOS = 20_000_000_000L;

  private static final long LOOK_NANOS = 10_000_000L;

  private static final int STREAM_PORT = 8080;

  // The pods that stay all the time.
  private static final int ALICE = 1;
  private static final int EVE = 2;
  private static final int BOB = 3;

  /** Rules as a user gives them to the API; alice may, eve may not. */
  private static final String RULES =
      """
      [{"endpointSelector": {"matchLabels": {"app": "bob"}},
        "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "alice"}}]}]},
       {"endpointSelector": {"matchLabels": {"app": "load"}},
        "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "alice"}}]}]}]
      """;

  private final Random random = new Random(SEED);
  private final Deque<String> freeSlots = new ArrayDeque<>();

  /** The namespaces of the pods that are, were to be, or are to be no more. */
  private final Map<Integer, String> slots = new HashMap<>();

  /** The pods that must be there, as they were told when they were made. */
  private final Map<Integer, Endpoint> standing = new TreeMap<>();

  private int lastPod = BOB;

  /** Longest that a creation took lately. */
  private long creationNanos = 200_000_000L;

  private int kills;
  private int whole;
  private int absent;
  private int acknowledged;
  private int deletionsCut;

  /** What one client did while the agent was killed. */
  private enum Act {
    ADD,
    DELETE
  }

  /** The outcomes that clients were told; a pod that is missing here was cut off. */
  private final Map<Integer, Endpoint> made = new ConcurrentHashMap<>();

  private final Map<Integer, Act> done = new ConcurrentHashMap<>();

  /** What clients were told that a killed agent does not explain. */
  private final Queue<Throwable> refused = new ConcurrentLinkedQueue<>();

  @Test
  void kill_whileEndpointsComeAndGo_leavesEachWholeOrNotAtAll() throws Exception {
    System.out.printf("crash test: seed %d, %d kills%n", SEED, KILLS);
    try (var lab = new Lab("itk", "ebpf", 60);
        var traffic = new PolicedPods(lab.netns("alice"), lab.netns("eve"))) {
      for (int i = 0; i < SLOTS; i++) {
        traffic.receiveIn(lab.netns("slot" + i));
        freeSlots.add("slot" + i);
      }
      traffic.receiveIn(lab.netns("bob"));
      try (var run = new Run(lab, traffic)) {
        run.prepare();
        try (var _ = new EchoServer(lab.netns("bob"), STREAM_PORT);
            Socket socket =
                lab.netns("alice").call(() -> new Socket(run.bob.toInetAddress(), STREAM_PORT))) {
          var stream = new CountedStream(socket);
          stream.awaitProgress();
          for (kills = 0; kills < KILLS; ) {
            run.round();
            stream.awaitProgress();
          }
          assertTrue(whole + absent > 0, "a creation was cut off");
          System.out.printf(
              "crash test: %d kills; %d creations acknowledged; of those cut off %d whole, %d"
                  + " absent; %d deletions cut off; stream of %d bytes; %d tries denied%n",
              kills, acknowledged, whole, absent, deletionsCut, stream.end(), traffic.tries());
        }
        run.deleteAll();
      }
      assertEquals(0, traffic.intrusions() - lettingIn, "packets past the policy");
    }
  }

  /** How many of the intruder's packets came in before there was a policy. */
  private long lettingIn;

  /** The test with its parts at hand. */
  private final class Run implements AutoCloseable {
    private final Lab lab;
    private final PolicedPods traffic;
    private final CniPlugin plugin;
    private AgentProcess agent;
    private IpAddress bob = IpAddress.parse("0.0.0.0");

    Run(Lab lab, PolicedPods traffic) throws Exception {
      this.lab = lab;
      this.traffic = traffic;
      this.agent = AgentProcess.start(lab);
      this.plugin = new CniPlugin(this::client, "itk-");
    }

    private ApiClient client() {
      return agent.client();
    }

    void prepare() throws Exception {
      standing.put(ALICE, plugin.add(ALICE, "alice", lab.netns("alice")));
      standing.put(EVE, plugin.add(EVE, "eve", lab.netns("eve")));
      Endpoint made = plugin.add(BOB, "bob", lab.netns("bob"));
      standing.put(BOB, made);
      bob = Inventory.addresses(made).getFirst();
      Inventory.addresses(made).forEach(traffic::target);
      await("the intruder gets in while no policy is there", () -> traffic.intrusions() > 0);
      var _ = client().call("PUT", "/policy", RULES).orThrow();
      await(
          "the policy is enforced",
          () -> {
            long before = traffic.intrusions();
            traffic.awaitTries(20);
            return traffic.intrusions() == before;
          });
      lettingIn = traffic.intrusions();
      // How long it takes in a process that has done it before.
      add(++lastPod);
    }

    void round() throws Exception {
      Map<Integer, Act> plan = plan();
      made.clear();
      done.clear();
      var begin = new CyclicBarrier(plan.size() + 1);
      var clients = new ArrayList<Thread>();
      plan.forEach(
          (pod, act) -> clients.add(Thread.ofPlatform().start(() -> perform(pod, act, begin))));
      // Several at once take longer than the one that was measured.
      long delay = random.nextLong(creationNanos * 5 / 2);
      begin.await();
      LockSupport.parkNanos(delay); // No synchronisation: the moment is meant to be any.
      agent.kill();
      kills++;
      for (Thread each : clients) {
        each.join();
      }
      assertEquals(List.of(), List.copyOf(refused), "seed " + SEED + ", kill " + kills);
      if (random.nextInt(START_KILLS) == 0) {
        AgentProcess starting = AgentProcess.launch(lab);
        LockSupport.parkNanos(random.nextLong(START_NANOS));
        starting.kill();
      }
      agent = AgentProcess.start(lab);
      settle(plan);
    }

    /** Some pods to make, now and then one to end. */
    private Map<Integer, Act> plan() {
      Map<Integer, Act> plan = new TreeMap<>();
      List<Integer> removable = standing.keySet().stream().filter(slots::containsKey).toList();
      if (!removable.isEmpty() && random.nextBoolean()) {
        plan.put(removable.get(random.nextInt(removable.size())), Act.DELETE);
      }
      int wanted = 1 + random.nextInt(MAX_COMING);
      for (int i = 0; i < wanted; i++) {
        plan.put(++lastPod, Act.ADD);
        slots.put(lastPod, freeSlots.remove());
      }
      return plan;
    }

    private void perform(int pod, Act act, CyclicBarrier begin) {
      try {
        begin.await();
        switch (act) {
          case ADD -> made.put(pod, plugin.add(pod, "load", lab.netns(slot(pod))));
          case DELETE -> plugin.delete(pod);
        }
        done.put(pod, act);
      } catch (ApiException e) {
        if (e.status() != ApiException.NO_ANSWER) {
          refused.add(e);
        }
      } catch (Exception e) {
        refused.add(e);
      }
    }

    private String slot(int pod) {
      return Objects.requireNonNull(slots.get(pod));
    }

    /** Looks at what there is after a start, and has the runtime do what it does then. */
    private void settle(Map<Integer, Act> plan) throws Exception {
      Map<Integer, Endpoint> there = awaitInLine();
      plan.forEach((pod, act) -> {
        if (act == Act.DELETE) {
          standing.remove(pod);
        } else if (made.containsKey(pod)) {
          standing.put(pod, made.get(pod));
          acknowledged++;
        }
      });
      standing.forEach((pod, before) -> assertSame(before, there.get(pod)));
      for (Endpoint each : there.values()) {
        Inventory.addresses(each).forEach(traffic::target);
      }
      for (var entry : there.entrySet()) {
        if (entry.getKey() != ALICE && entry.getKey() != EVE) {
          for (IpAddress address : Inventory.addresses(entry.getValue())) {
            assertTrue(traffic.friendReaches(address), "pod " + entry.getKey() + ", " + log());
          }
        }
      }
      traffic.awaitTries(2);
      assertEquals(lettingIn, traffic.intrusions(), () -> "packets past the policy, " + log());
      plan.forEach((pod, act) -> {
        boolean cutOff = !done.containsKey(pod);
        if (act == Act.ADD && cutOff && there.containsKey(pod)) {
          whole++;
        } else if (act == Act.ADD && cutOff) {
          absent++;
        } else if (cutOff) {
          deletionsCut++;
        } else if (act == Act.DELETE) {
          assertTrue(!there.containsKey(pod), "pod " + pod + " was deleted, " + log());
        }
      });
      for (var entry : plan.entrySet()) {
        int pod = entry.getKey();
        if (!done.containsKey(pod)) {
          plugin.delete(pod); // As a runtime does with what did not come about.
        }
        if (entry.getValue() == Act.DELETE) {
          freeSlots.add(Objects.requireNonNull(slots.remove(pod)));
        } else if (!done.containsKey(pod)) {
          add(pod);
        }
      }
      for (int pod : List.copyOf(standing.keySet())) {
        if (freeSlots.size() < MAX_COMING && slots.containsKey(pod)) {
          end(pod);
        }
      }
      var _ = awaitInLine();
    }

    private void end(int pod) {
      plugin.delete(pod);
      standing.remove(pod);
      freeSlots.add(Objects.requireNonNull(slots.remove(pod)));
    }

    private void add(int pod) {
      var _ = slots.computeIfAbsent(pod, _ -> freeSlots.remove());
      long begin = System.nanoTime();
      standing.put(pod, plugin.add(pod, "load", lab.netns(slot(pod))));
      creationNanos = Math.max(20_000_000L, System.nanoTime() - begin);
    }

    /** Waits until all endpoints are ready, and everything there is follows from their list. */
    private Map<Integer, Endpoint> awaitInLine() throws Exception {
      long end = System.nanoTime() + PATIENCE_NANOS;
      while (true) {
        List<Endpoint> endpoints = client().list("/endpoint", Endpoint.class);
        String unready = unready(endpoints);
        var wanted = Inventory.expected(lab, endpoints);
        var found = Inventory.found(lab, client());
        String missing = wanted.without(found);
        String surplus = found.without(wanted);
        if (unready.isEmpty() && missing.isEmpty() && surplus.isEmpty()) {
          Map<Integer, Endpoint> there = new TreeMap<>();
          endpoints.forEach(each -> there.put(podOf(each), each));
          return there;
        }
        if (System.nanoTime() - end > 0) {
          throw new AssertionError(
              "after kill %d, seed %d:\nmissing:%s\nleft:%s\nnot ready:%s\n%s"
                  .formatted(kills, SEED, missing, surplus, unready, log()));
        }
        LockSupport.parkNanos(LOOK_NANOS);
      }
    }

    private static String unready(Collection<Endpoint> endpoints) {
      var text = new StringBuilder();
      for (Endpoint each : endpoints) {
        String state = Objects.requireNonNull(each.status()).state();
        if (!state.equals("ready")) {
          text.append(" ").append(each.id()).append(" is ").append(state);
        }
      }
      return text.toString();
    }

    private static int podOf(Endpoint endpoint) {
      String name =
          Objects.requireNonNull(Objects.requireNonNull(endpoint.status()).externalIdentifiers())
              .k8sPodName();
      return Integer.parseInt(name.substring("pod-".length()));
    }

    private void assertSame(Endpoint before, @Nullable Endpoint found) {
      Endpoint after = Objects.requireNonNull(found, () -> before.id() + " is lost, " + log());
      assertEquals(before.id(), after.id(), () -> log());
      assertEquals(Inventory.addresses(before), Inventory.addresses(after), () -> log());
      assertEquals(
          Objects.requireNonNull(Objects.requireNonNull(before.status()).identity()).id(),
          Objects.requireNonNull(Objects.requireNonNull(after.status()).identity()).id(),
          () -> log());
    }

    private String log() {
      return "seed " + SEED + ", kill " + kills + ":\n" + agent.log();
    }

    void deleteAll() throws Exception {
      List.copyOf(standing.keySet()).forEach(plugin::delete);
      standing.clear();
      assertEquals(Map.of(), awaitInLine());
    }

    @Override
    public void close() {
      agent.close();
    }
  }

  private static void await(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + PATIENCE_NANOS;
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() - end < 0, what);
      LockSupport.parkNanos(LOOK_NANOS);
    }
  }
}
