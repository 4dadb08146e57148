// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.ebpf.ConversationsUnderChange.Speaker;
import io.cilium4j.datapath.ebpf.RandomState.Way;
import io.cilium4j.datapath.memory.Frames;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Ten thousand random changes, and packets all the while: each verdict is held against the versions
 * that may have been in force.
 */
class ReplacementsKernelIT extends PacketsUnderChange {

  private static final int CHANGES = Integer.getInteger("consistency.changes", 10_000);

  /** A flow that is asked about again and again, with one source port or with a fresh one. */
  private record Flow(Way way, boolean v4, int port, boolean fresh, ByteBuffer frame) {

    void nextSource(int sourcePort) {
      int offset = v4 ? 34 : 54;
      frame.putShort(offset, (short) sourcePort);
    }
  }

  /** Counts of what was held against the versions, to show that something was. */
  private static final class Tally {
    long runs;
    long mustPass;
    long mustDrop;
    long acrossChanges;
  }

  private final List<RandomState> states = new ArrayList<>();
  private volatile int begun;
  private volatile int done;

  /** Whether changes of single addresses may be near ones, or all are whole. */
  enum Changes {
    NEAR_OR_WHOLE,
    ONLY_WHOLE
  }

  @ParameterizedTest
  @EnumSource
  void tenThousandReplacements_underPackets_neverShowWhatNoVersionSays(Changes changes)
      throws Exception {
    long nearBefore = node.datapath.nearChanges();
    long seed = begin(changes);
    var failure = new AtomicReference<String>();
    var tally = new Tally();
    Thread reader = Thread.ofPlatform().start(() -> ask(failure, tally));
    change(failure);
    reader.join();
    long near = node.datapath.nearChanges() - nearBefore;
    System.out.printf(
        "consistency: seed %d, changes %d (%d near), packets %d, %d had to pass, %d had to drop,"
            + " %d while a change was on its way%n",
        seed, done, near, tally.runs, tally.mustPass, tally.mustDrop, tally.acrossChanges);
    assertEquals(null, failure.get(), "seed " + seed);
    if (changes == Changes.ONLY_WHOLE) {
      assertEquals(0, near);
    } else {
      assertTrue(near > 500);
    }
    assertTrue(tally.mustPass > 100 && tally.mustDrop > 100 && tally.acrossChanges > 100);
  }

  /** The same of conversations, of which the server often says the first word after a change. */
  @ParameterizedTest
  @EnumSource
  void tenThousandReplacements_underConversations_neverReviveWhatWasCut(Changes changes)
      throws Exception {
    long seed = begin(changes);
    var failure = new AtomicReference<String>();
    var talks =
        new ConversationsUnderChange(
            this::passes,
            new ConversationsUnderChange.Versions(states, () -> done, () -> begun),
            this::addressOf,
            seed);
    Thread reader =
        Thread.ofPlatform()
            .start(() -> {
              while (done < CHANGES && failure.get() == null) {
                talks.step().ifPresent(failure::set);
              }
            });
    change(failure);
    reader.join();
    assertEquals(null, failure.get(), "seed " + seed);
    talks.assertCovered();
  }

  private boolean passes(Speaker from, byte[] frame) {
    return switch (from) {
          case A -> fromPod(a, frame);
          case B -> fromPod(b, frame);
          case NODE -> fromNode(frame);
        }
        != DROPPED;
  }

  private IpAddress addressOf(Speaker speaker, boolean v4) {
    return switch (speaker) {
      case A -> address(a, v4);
      case B -> address(b, v4);
      case NODE -> remote(v4);
    };
  }

  /** Makes the states, all of them beforehand, so that the reader needs no lock. */
  private long begin(Changes changes) {
    if (changes == Changes.ONLY_WHOLE) {
      node.datapath.onlyWholeChanges();
    }
    long seed = Long.getLong("consistency.seed", System.nanoTime());
    states.addAll(RandomState.walk(CHANGES, seed));
    return seed;
  }

  private void change(AtomicReference<String> failure) {
    for (int i = 1; i < states.size() && failure.get() == null; i++) {
      begun = i;
      apply(states.get(i - 1), states.get(i));
      done = i;
    }
  }

  private void apply(RandomState from, RandomState to) {
    node.datapath.apply(
        to.since(from, row(a, A, to.policyA()), row(b, to.identityB(), to.policyB())));
  }

  /** Runs packets until the last change is made, each between two looks at where the writer is. */
  private void ask(AtomicReference<String> failure, Tally tally) {
    List<Flow> flows = flows();
    int sourcePort = 1024;
    for (int i = 0; done < CHANGES && failure.get() == null; i++) {
      Flow flow = flows.get(i % flows.size());
      if (flow.fresh) {
        if (sourcePort == 65_535) {
          // A tuple that comes a second time is not fresh; from here on the kept ones are asked.
          continue;
        }
        flow.nextSource(++sourcePort);
      }
      int oldest = done;
      int result = run(flow);
      int newest = begun;
      boolean allAllow = true;
      boolean allDeny = true;
      for (int version = oldest; version <= newest; version++) {
        boolean allowed = states.get(version).allows(flow.way, flow.v4, UDP, flow.port);
        allAllow &= allowed;
        allDeny &= !allowed;
      }
      boolean passed = result != DROPPED;
      tally.runs++;
      tally.mustPass += allAllow ? 1 : 0;
      tally.mustDrop += allDeny ? 1 : 0;
      tally.acrossChanges += newest > oldest && (allAllow || allDeny) ? 1 : 0;
      if ((allAllow && !passed) || (allDeny && passed)) {
        failure.set(
            "%s, IPv%d, port %d, %s tuple: versions %d to %d all %s, and it %s"
                .formatted(
                    flow.way,
                    flow.v4 ? 4 : 6,
                    flow.port,
                    flow.fresh ? "fresh" : "same",
                    oldest,
                    newest,
                    allAllow ? "allow" : "deny",
                    passed ? "passed" : "was dropped"));
      }
    }
  }

  private List<Flow> flows() {
    List<Flow> flows = new ArrayList<>();
    for (Way way : Way.values()) {
      for (boolean v4 : List.of(true, false)) {
        for (int port : List.of(80, 81, 9)) {
          for (boolean fresh : List.of(true, false)) {
            IpAddress source = way == Way.REMOTE_TO_POD ? remote(v4) : address(a, v4);
            IpAddress destination = way == Way.POD_TO_REMOTE ? remote(v4) : address(b, v4);
            flows.add(
                new Flow(
                    way,
                    v4,
                    port,
                    fresh,
                    ByteBuffer.wrap(Frames.bytes(udp(source, destination, 1000, port)))));
          }
        }
      }
    }
    return flows;
  }

  private int run(Flow flow) {
    return flow.way == Way.REMOTE_TO_POD
        ? fromNode(Frames.bytes(flow.frame))
        : fromPod(a, Frames.bytes(flow.frame));
  }
}
