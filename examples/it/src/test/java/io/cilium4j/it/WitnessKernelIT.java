// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.datapath.memory.Decision;
import io.cilium4j.policy.naive.NaiveEvaluator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Four witnesses of the same random flows under the same random rules: the naive evaluator over the
 * raw policies, the compiled map looked up in Java, the eBPF programs run over real frames, and the
 * memory datapath. They share no code that decides, and they must agree.
 *
 * <p>Every flow has a tuple of its own, so that no witness answers from what it remembers; replies,
 * where it must, are sent separately.
 */
class WitnessKernelIT {

  /** To be set where two runs of these tests share a machine. */
  private static final String INSTANCE = System.getProperty("kernel.tests.instance", "witness");

  private static final int WORLDS = Integer.getInteger("witness.worlds", 60);
  private static final int FLOWS_A_STATE = 110;
  private static final int[] PORTS = {
    80, 80, 64, 90, 91, 127, 8080, 8081, 1, 7, 443, 20_000, 50_000, 65_535
  };
  private static final int[] ICMP_TYPES = {8, 8, 8, 0, 0, 13, 17, 42};
  private static final int[] ICMPV6_TYPES = {128, 128, 128, 130, 144, 200};

  @TempDir Path folder;

  private final long seed = Long.getLong("witness.seed", System.nanoTime());
  private final Random random = new Random(seed);

  /** Flows without ports that were there already: conntrack knows them. */
  private final Set<Set<Object>> anonymous = new HashSet<>();

  private int sourcePort = 1024;
  private int rules;
  private int flows;
  private int allowed;
  private int replies;
  private final List<String> disagreements = new ArrayList<>();

  /** Who decides a packet, as seen from outside. */
  private enum Outcome {
    DROPPED,
    DELIVERED,
    TO_STACK
  }

  @Test
  void randomFlows_underRandomRules_areDecidedAlikeByFourWitnesses() throws Exception {
    Kernel.assumeUsable();
    System.out.println("witnesses: seed " + seed + " (-Dwitness.seed)");
    try (var bench = new TestBench(INSTANCE, folder)) {
      for (int i = 0; i < WORLDS && disagreements.isEmpty(); i++) {
        world(bench, seed + i);
      }
    }
    System.out.printf(
        "witnesses: rules %d, flows %d (%d allowed, and %d replies), disagreements %d%n",
        rules, flows, allowed, replies, disagreements.size());
    assertTrue(disagreements.isEmpty(), () -> String.join("\n", disagreements));
    assertTrue(allowed > flows / 20 && allowed < flows - flows / 20, "both verdicts occur");
  }

  /** One set of identities, under four states that follow each other. */
  private void world(TestBench bench, long worldSeed) {
    var cluster = new RandomCluster(worldSeed);
    List<Integer> pods = new ArrayList<>();
    for (int i = 0; i < bench.endpoints().size(); i++) {
      // Pods of one identity share a policy; some have no labels yet, some are the node's own.
      List<Integer> known = cluster.pods();
      pods.add(
          random.nextInt(8) == 0 ? 4 + random.nextInt(2) : known.get(random.nextInt(known.size())));
    }
    state(bench, cluster, pods);
    cluster.forget(cluster.expendable(pods));
    state(bench, cluster, pods);
    cluster = new RandomCluster(worldSeed);
    state(bench, cluster, pods);
    cluster.changePolicies();
    rules += cluster.rules();
    state(bench, cluster, pods);
  }

  private void state(TestBench bench, RandomCluster cluster, List<Integer> pods) {
    rules += cluster.rules();
    Map<Integer, PolicyMapState> policies = cluster.compiled(pods);
    Map<IpAddress, Integer> local = new HashMap<>();
    List<EndpointRow> rows = new ArrayList<>();
    for (int i = 0; i < pods.size(); i++) {
      int identity = pods.get(i);
      TestBench.Pod pod = bench.endpoints().get(i);
      rows.add(
          new EndpointRow(pod.as(identity), Objects.requireNonNull(policies.get(identity)), 1));
      pod.addresses().forEach(address -> local.put(address, identity));
    }
    bench.apply(rows, cluster.ipcache());
    var state = new State(bench, cluster, cluster.naive(), policies, local);
    for (int i = 0; i < FLOWS_A_STATE && disagreements.isEmpty(); i++) {
      flow(state);
    }
  }

  /** What flows are decided under, and by whom. */
  private record State(
      TestBench bench,
      RandomCluster cluster,
      NaiveEvaluator naive,
      Map<Integer, PolicyMapState> policies,
      Map<IpAddress, Integer> local) {

    int identityOf(IpAddress address) {
      Integer own = local.get(address);
      return own != null ? own : cluster.identityOf(address);
    }

    /** The first witness. What would go to a proxy is dropped, since none is there. */
    boolean naive(TestPacket packet, boolean fromPod) {
      int from = identityOf(packet.source());
      int to = identityOf(packet.destination());
      return (!fromPod
              || naive.decide(false, from, to, packet.protocol(), packet.port()).equals("ALLOWED"))
          && (!local.containsKey(packet.destination())
              || naive.decide(true, to, from, packet.protocol(), packet.port()).equals("ALLOWED"));
    }

    /** The second. */
    boolean compiled(TestPacket packet, boolean fromPod) {
      int from = identityOf(packet.source());
      int to = identityOf(packet.destination());
      return (!fromPod || compiled(TrafficDirection.EGRESS, from, to, packet))
          && (!local.containsKey(packet.destination())
              || compiled(TrafficDirection.INGRESS, to, from, packet));
    }

    private boolean compiled(TrafficDirection direction, int subject, int peer, TestPacket packet) {
      PolicyMapState policy = policies.get(subject);
      return policy != null
          && policy.verdict(direction, peer, packet.protocol(), packet.port()) == Verdict.ALLOWED;
    }
  }

  private void flow(State state) {
    boolean v4 = random.nextBoolean();
    List<TestBench.Pod> pods = state.bench().endpoints();
    TestBench.Pod first = pods.get(random.nextInt(pods.size()));
    TestBench.Pod second = pods.get(random.nextInt(pods.size()));
    // From pod to pod, from pod to elsewhere, from elsewhere through the node to a pod.
    int way = random.nextInt(5);
    if (way < 2 && first.equals(second)) {
      return;
    }
    IpAddress elsewhere = state.cluster().address(v4);
    TestPacket packet =
        way == 4
            ? packet(elsewhere, first.address(v4))
            : packet(first.address(v4), way < 2 ? second.address(v4) : elsewhere);
    if (packet.isAnonymous()
        && !anonymous.add(
            Set.of(packet.source(), packet.destination(), packet.protocol(), -packet.port()))) {
      return;
    }
    flows++;
    check(state, packet, way == 4 ? null : first, way == 4 ? first : way < 2 ? second : null);
  }

  private TestPacket packet(IpAddress source, IpAddress destination) {
    // Every port once: no two flows of a run are the same.
    sourcePort = sourcePort == 65_000 ? 10_000 : sourcePort + 1;
    boolean v4 = source.isV4();
    int[] types = v4 ? ICMP_TYPES : ICMPV6_TYPES;
    int type = types[random.nextInt(types.length)];
    int icmp = v4 ? TestPacket.ICMP : TestPacket.ICMPV6;
    int port = PORTS[random.nextInt(PORTS.length)];
    return switch (random.nextInt(10)) {
      case 0 -> new TestPacket(source, destination, TestPacket.SCTP, sourcePort, port);
      case 1, 2 -> new TestPacket(source, destination, TestPacket.UDP, sourcePort, port);
      case 3 -> new TestPacket(source, destination, icmp, sourcePort, type);
      case 4 -> new TestPacket(source, destination, TestPacket.GRE, 0, 0);
      default -> new TestPacket(source, destination, TestPacket.TCP, sourcePort, port);
    };
  }

  private void check(
      State state, TestPacket packet, TestBench.@Nullable Pod from, TestBench.@Nullable Pod to) {
    boolean naive = state.naive(packet, from != null);
    boolean compiled = state.compiled(packet, from != null);
    Outcome passes = to == null ? Outcome.TO_STACK : Outcome.DELIVERED;
    Outcome expected = naive ? passes : Outcome.DROPPED;
    Outcome ebpf = ebpf(state.bench(), packet.frame(), from);
    Outcome memory = memory(state.bench(), packet.frame(), from, to);
    if (compiled != naive || ebpf != expected || memory != expected) {
      disagree(state, "first packet", packet, expected, compiled, ebpf, memory);
      return;
    }
    if (!naive) {
      return;
    }
    allowed++;
    if (random.nextInt(4) != 0 || (packet.isAnonymous() && packet.protocol() != TestPacket.GRE)) {
      return;
    }
    // The answer needs no rule, whatever the policies say of its direction.
    replies++;
    Outcome back = from == null ? Outcome.TO_STACK : Outcome.DELIVERED;
    ebpf = ebpf(state.bench(), packet.reply(), to);
    memory = memory(state.bench(), packet.reply(), to, from);
    if (ebpf != back || memory != back) {
      disagree(state, "reply", packet, back, true, ebpf, memory);
    }
  }

  private void disagree(
      State state,
      String what,
      TestPacket packet,
      Outcome expected,
      boolean compiled,
      Outcome ebpf,
      Outcome memory) {
    disagreements.add(
        "seed %d, %s of %s (identity %d to %d): naive %s, compiled %s, ebpf %s, memory %s%n%s%n%s"
            .formatted(
                seed,
                what,
                packet,
                state.identityOf(packet.source()),
                state.identityOf(packet.destination()),
                expected,
                compiled ? "ALLOWED" : "DENIED",
                ebpf,
                memory,
                state.cluster().ipcache(),
                state.cluster().rulesAsJson()));
  }

  private static Outcome ebpf(TestBench bench, byte[] frame, TestBench.@Nullable Pod from) {
    int returned = bench.run(frame, from);
    return switch (returned) {
      case 0 -> Outcome.TO_STACK;
      case 2 -> Outcome.DROPPED;
      case 7 -> Outcome.DELIVERED;
      default -> throw new AssertionError("the program returned " + returned);
    };
  }

  private static Outcome memory(
      TestBench bench, byte[] frame, TestBench.@Nullable Pod from, TestBench.@Nullable Pod to) {
    return switch (bench.decide(frame, from)) {
      case Decision.Drop drop -> Outcome.DROPPED;
      case Decision.ToStack stack -> Outcome.TO_STACK;
      case Decision.ToNode node -> throw new AssertionError("there is no tunnel: " + node);
      case Decision.ToProxy proxy -> throw new AssertionError("there is no proxy: " + proxy);
      case Decision.ToEndpoint receiver -> {
        if (to == null || receiver.endpoint().id() != to.id()) {
          throw new AssertionError("to the wrong endpoint: " + receiver);
        }
        yield Outcome.DELIVERED;
      }
    };
  }
}
