// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probe;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.net.Netns;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code ./demo --nodes 2}, as the script starts it: from the jars, with real processes. */
class TwoNodesKernelIT {

  /** What a busy machine may take; a quiet one takes less than 20 s for both routings. */
  private static final long PATIENCE_SECONDS = 180;

  private static final String ALL = "All 20 pairs as expected.";

  @BeforeEach
  void requireKernel() {
    Probe probe = Probes.of(Feature.BPF);
    boolean required = System.getProperty("kernel.tests", "optional").equals("required");
    assertTrue(probe.isSupported() || !required, () -> "kernel tests are required: " + probe);
    Assumptions.assumeTrue(probe.isSupported(), () -> "no kernel tests here: " + probe);
  }

  @AfterEach
  void clean() throws Exception {
    assertEquals("", run("--clean"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void nodes2_bothRoutings_tablesAsExpectedAndNothingLeft(String datapath) throws Exception {
    String said = run("--nodes", "2", "--datapath", datapath);
    assertTrue(said.startsWith("Two nodes. Datapath " + datapath + ": "), said);
    for (Routing routing : Routing.values()) {
      String part = said.substring(said.indexOf("\nRouting " + routing + ": "));
      assertTrue(part.contains("20 of 20 pairs reach each other, over IPv4 and IPv6."), said);
      assertTrue(
          part.contains("  tiefighter  node1  deathstar   node2  allowed   allowed  allowed\n"),
          said);
      assertTrue(
          part.contains("  xwing       node1  deathstar   node2  dropped   dropped  dropped\n"),
          said);
      assertTrue(
          part.contains("  httpbin     node2  deathstar   node2  dropped   dropped  dropped\n"),
          said);
    }
    assertEquals(2, said.lines().filter(ALL::equals).count(), said);
    assertNothingLeft();
  }

  /** With the proxy, on whose native code the launching command has a say. */
  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void demo_ofOneNode_showsPoliciesAndRequestsAsExpected(String datapath) throws Exception {
    String said = run("--datapath", datapath);
    assertTrue(said.contains("All 20 pairs as expected."), said);
    assertTrue(said.contains("each decided by the proxy"), said);
  }

  @Test
  void nodes2_toldToEnd_leavesNothing() throws Exception {
    Process demo = startUntilPodsReachEachOther("--routing", "vxlan");
    demo.destroy();
    assertTrue(demo.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
    assertNothingLeft();
  }

  @Test
  void clean_afterKill_leavesNothing() throws Exception {
    Process demo = startUntilPodsReachEachOther("--routing", "native");
    demo.destroyForcibly().waitFor();
    assertTrue(Netns.exists(DemoNode.netnsPath(DemoFolder.ofRoot(), 1)), "there is what to clean");
    assertEquals(3, processes().size(), "an operator and two agents");
    assertEquals("", run("--clean"));
    assertNothingLeft();
  }

  private static Process startUntilPodsReachEachOther(String... options) throws IOException {
    List<String> all = new ArrayList<>(List.of("--nodes", "2"));
    all.addAll(List.of(options));
    Process demo = start(all);
    BufferedReader out = demo.inputReader(UTF_8);
    var said = new StringBuilder();
    String line = out.readLine();
    while (line != null && !line.startsWith("Before the policy 20 of 20")) {
      said.append(line).append('\n');
      line = out.readLine();
    }
    assertTrue(line != null, () -> "the demo has ended:\n" + said);
    return demo;
  }

  /** Gives what it said; it must be content. */
  private static String run(String... options) throws Exception {
    Process demo = start(List.of(options));
    String said = new String(demo.getInputStream().readAllBytes(), UTF_8);
    assertTrue(demo.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS));
    assertEquals(0, demo.exitValue(), said);
    return said;
  }

  private static Process start(List<String> options) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // As the script does, with the native code of the proxy's sockets.
    String architecture = System.getProperty("os.arch").equals("aarch64") ? "aarch_64" : "x86_64";
    command.add("--add-modules=io.netty.transport.epoll.linux." + architecture);
    command.addAll(List.of("--enable-native-access=io.cilium4j.datapath", "-p", jars()));
    command.addAll(List.of("-m", "io.cilium4j.demo/" + Demo.class.getName()));
    command.addAll(options);
    return new ProcessBuilder(command).redirectErrorStream(true).start();
  }

  /** What the build packaged, from which the script runs as well. */
  private static String jars() throws IOException {
    try (Stream<Path> own = Files.list(Path.of("target"));
        Stream<Path> libraries = Files.list(Path.of("target", "lib"))) {
      return Stream.concat(own, libraries)
          .filter(file -> file.toString().endsWith(".jar"))
          .map(file -> file.toAbsolutePath().toString())
          .collect(Collectors.joining(":"));
    }
  }

  private static List<ProcessHandle> processes() {
    return Program.all(DemoFolder.ofRoot().clusterOption());
  }

  private static void assertNothingLeft() throws IOException {
    DemoFolder folder = DemoFolder.ofRoot();
    assertEquals(List.of(), processes());
    assertFalse(Files.exists(folder.root()), folder.root().toString());
    try (Stream<Path> names = Files.list(folder.netns())) {
      assertEquals(
          List.of(),
          names
              .filter(name -> name.getFileName().toString().startsWith(Pod.NETNS_PREFIX))
              .toList());
    }
    try (Stream<Path> pins = Files.list(BpfFs.DEFAULT_MOUNT)) {
      assertEquals(
          List.of(), pins.filter(pin -> pin.getFileName().toString().contains("demo")).toList());
    }
  }
}
