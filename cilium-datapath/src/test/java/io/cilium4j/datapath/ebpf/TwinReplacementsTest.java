// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static io.cilium4j.datapath.ebpf.PacketsUnderChange.A;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.datapath.ebpf.ConversationsUnderChange.Speaker;
import io.cilium4j.datapath.memory.Decision;
import io.cilium4j.datapath.memory.Origin;
import io.cilium4j.datapath.memory.Twin;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** {@link ReplacementsKernelIT}'s conversations, decided in user space. */
class TwinReplacementsTest {

  private static final int CHANGES = Integer.getInteger("consistency.changes", 10_000);
  private static final int POD_A = 2;
  private static final int POD_B = 3;

  private final Twin twin = new Twin(Limits.DEFAULT);
  private volatile int begun;
  private volatile int done;

  @Test
  void tenThousandReplacements_underConversations_neverReviveWhatWasCut() throws Exception {
    long seed = Long.getLong("consistency.seed", System.nanoTime());
    List<RandomState> states = RandomState.walk(CHANGES, seed);
    var failure = new AtomicReference<String>();
    var talks =
        new ConversationsUnderChange(
            this::passes,
            new ConversationsUnderChange.Versions(states, () -> done, () -> begun),
            TwinReplacementsTest::addressOf,
            seed);
    apply(states.getFirst(), states.getFirst());
    Thread reader =
        Thread.ofPlatform()
            .start(() -> {
              while (done < CHANGES && failure.get() == null) {
                talks.step().ifPresent(failure::set);
              }
            });
    for (int i = 1; i < states.size() && failure.get() == null; i++) {
      begun = i;
      apply(states.get(i - 1), states.get(i));
      done = i;
    }
    reader.join();
    assertEquals(null, failure.get(), "seed " + seed);
    talks.assertCovered();
  }

  private void apply(RandomState from, RandomState to) {
    twin.apply(
        to.since(from, row(POD_A, A, to.policyA()), row(POD_B, to.identityB(), to.policyB())));
  }

  private boolean passes(Speaker from, byte[] frame) {
    Origin origin =
        switch (from) {
          case A -> new Origin(device(POD_A));
          case B -> new Origin(device(POD_B));
          case NODE -> Origin.NODE;
        };
    return !(twin.decide(frame, origin).decision() instanceof Decision.Drop);
  }

  private static IpAddress addressOf(Speaker speaker, boolean v4) {
    return switch (speaker) {
      case A -> address(POD_A, v4);
      case B -> address(POD_B, v4);
      case NODE -> PacketsUnderChange.remote(v4);
    };
  }

  private static IpAddress address(int pod, boolean v4) {
    return IpAddress.parse((v4 ? "10.9.0." : "fd00:9::") + pod);
  }

  private static int device(int pod) {
    return 100 + pod;
  }

  private static EndpointRow row(int pod, int identity, PolicyMapState policy) {
    return new EndpointRow(
        new Endpoint(
            pod,
            "default",
            "pod" + pod,
            Labels.EMPTY,
            identity,
            List.of(address(pod, true), address(pod, false)),
            new EndpointInterface(
                "lxc" + pod,
                device(pod),
                new MacAddress(0x0200_0000_1000L + pod),
                new MacAddress(0x0200_0000_2000L + pod),
                "/run/netns/pod" + pod),
            Map.of(),
            EndpointState.READY),
        policy,
        1);
  }
}
