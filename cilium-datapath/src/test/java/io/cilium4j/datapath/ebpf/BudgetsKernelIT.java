// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.KernelTest;
import io.cilium4j.datapath.net.InstanceNames;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the programs cost before they have seen a packet: instructions that the verifier follows,
 * which is the time of a start, and bytes of machine code. {@code budgets.txt} holds both by
 * program; whoever makes a program a fifth larger writes the new number there, and why it is worth
 * that into the commit.
 */
@KernelTest
class BudgetsKernelIT {

  /** In parts of the budget. */
  private static final double ALLOWED = 1.2;

  /** Whatever a budget says: beyond it a start takes too long. */
  private static final int MAX_VERIFIED_INSTRUCTIONS = 40_000;

  @TempDir Path folder;
  private TestNode node;

  private record Size(int verifiedInstructions, int jitedBytes) {

    static Size of(BpfProgram program) {
      return new Size(program.verifiedInstructions(), program.jitedBytes());
    }
  }

  @BeforeEach
  void start() {
    // With all programs; at a port that nobody else has.
    var tunnel = new Tunnel(18_472, IpFamily.IPV4);
    node = new TestNode(folder, Recording.OFF, Routing.through(tunnel), Meeting.LISTENERS);
  }

  @AfterEach
  void stop() {
    node.close();
  }

  @Test
  void programs_areNoMoreThanAFifthLargerThanTheirBudgets() throws IOException {
    Map<String, Size> sizes = pinned();
    sizes.putAll(notPinned());
    assertWithin(sizes, budgets("budgets.txt"));
  }

  @Test
  void programs_withAHostFirewall_areNoMoreThanAFifthLargerThanTheirBudgets() throws IOException {
    node.close();
    var tunnel = new Tunnel(18_472, IpFamily.IPV4);
    node = new TestNode(folder, Recording.OFF, Routing.through(tunnel), Meeting.LISTENERS, true);
    assertWithin(pinned(), budgets("budgets-host-firewall.txt"));
  }

  private static void assertWithin(Map<String, Size> sizes, Map<String, Size> budgets) {
    sizes.forEach((name, size) ->
        System.out.printf("budget: %s %d %d%n", name, size.verifiedInstructions, size.jitedBytes));
    assertEquals(budgets.keySet(), sizes.keySet());
    assertAll(
        sizes.entrySet().stream()
            .map(entry -> () -> assertWithin(entry.getKey(), entry.getValue(), budgets)));
  }

  private static void assertWithin(String name, Size size, Map<String, Size> budgets) {
    Size budget = budgets.getOrDefault(name, new Size(0, 0));
    assertTrue(
        size.verifiedInstructions <= MAX_VERIFIED_INSTRUCTIONS
            && size.verifiedInstructions <= budget.verifiedInstructions * ALLOWED
            && size.jitedBytes <= budget.jitedBytes * ALLOWED,
        name + " is " + size + ", its budget " + budget);
  }

  private static BpfFs pins() {
    return BpfFs.open(new InstanceNames(TestNode.INSTANCE).pinFolder());
  }

  private static Map<String, Size> pinned() {
    Map<String, Size> sizes = new TreeMap<>();
    for (Path pin : pins().subfolder("programs").list()) {
      try (BpfProgram program = BpfProgram.openPinned(pin)) {
        sizes.put(pin.getFileName().toString(), Size.of(program));
      }
    }
    return sizes;
  }

  /** They come with the first service and the first prefix to drop, and nobody pins them. */
  private static Map<String, Size> notPinned() {
    Map<String, Size> sizes = new TreeMap<>();
    for (String file : List.of("bpf_sock", "bpf_xdp")) {
      try (BpfObject object = Programs.openBeside(file, pins()).load()) {
        for (String name : object.programNames()) {
          try (BpfProgram program = object.program(name)) {
            sizes.put(name, Size.of(program));
          }
        }
      }
    }
    return sizes;
  }

  private static Map<String, Size> budgets(String file) throws IOException {
    try (InputStream in = Objects.requireNonNull(BudgetsKernelIT.class.getResourceAsStream(file))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.startsWith("#"))
          .map(line -> line.split(" +", -1))
          .collect(
              Collectors.toMap(
                  words -> words[0],
                  words -> new Size(Integer.parseInt(words[1]), Integer.parseInt(words[2])),
                  (a, _) -> a,
                  TreeMap::new));
    }
  }
}
