// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.feature;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.core.state.ManualScheduler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NatCapacityFeatureTest {

  private static final String HEADER =
      "entries  clashres found new invalid ignore delete chainlength insert insert_failed drop"
          + " early_drop icmp_error  expect_new expect_create expect_delete search_restart\n";

  @TempDir private Path proc;
  private final ManualScheduler time = new ManualScheduler();

  @BeforeEach
  void makeFolders() throws IOException {
    Files.createDirectories(proc.resolve("sys/net/netfilter"));
    Files.createDirectories(proc.resolve("net/stat"));
    Files.writeString(proc.resolve("sys/net/netfilter/nf_conntrack_max"), "1000\n");
  }

  /** Two processors count. */
  private void count(int entries, int taken, int dropped) throws IOException {
    Files.writeString(proc.resolve("sys/net/netfilter/nf_conntrack_count"), entries + "\n");
    String line = "000000ff" + " 00000000".repeat(8) + " %08x %08x 00000000 00000000\n";
    Files.writeString(
        proc.resolve("net/stat/nf_conntrack"),
        HEADER + line.formatted(taken, dropped) + line.formatted(0x10, 0x20));
  }

  private NatCapacityFeature start(boolean isUsed) {
    var feature = new NatCapacityFeature(proc, time, () -> isUsed);
    var lifecycle = new Lifecycle();
    feature.join(lifecycle);
    lifecycle.start();
    var _ = time.runDue();
    return feature;
  }

  private List<String> problems(NatCapacityFeature feature) {
    var _ = time.advance(Duration.ofSeconds(5));
    return List.copyOf(feature.problems().values());
  }

  @Test
  void look_portsTakenSince_isToldUntilThereAreNoMore() throws IOException {
    count(10, 7, 0);
    NatCapacityFeature feature = start(true);
    assertEquals(List.of(), problems(feature));
    count(10, 27, 0);
    assertEquals(
        List.of(
            "20 new connections to or from the outside were dropped within 5 s: their ports are"
                + " taken"),
        problems(feature));
    count(10, 30, 0);
    assertEquals(List.of(), problems(feature));
    assertEquals(3, feature.metrics().size());
  }

  @Test
  void look_tableFull_isTold() throws IOException {
    count(949, 0, 0);
    NatCapacityFeature feature = start(true);
    assertEquals(List.of(), problems(feature));
    count(950, 0, 0);
    String line =
        "the kernel tracks 950 connections of at most 1,000 (net.netfilter.nf_conntrack_max): new"
            + " ones to the outside and from the outside are dropped when it is full";
    assertEquals(List.of(line), problems(feature));
    count(500, 0, 0);
    assertEquals(List.of(), problems(feature));
  }

  @Test
  void look_nothingTranslatedOrCounted_isNoProblem() throws IOException {
    NatCapacityFeature feature = start(true);
    assertEquals(List.of(), problems(feature));
    assertEquals(List.of(), feature.metrics());
    count(1000, 0, 0);
    assertEquals(Map.of(), start(false).problems());
  }
}
