// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probe;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.net.Netns;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code cilium debug pod}, against an agent with eBPF. */
class DebugPodKernelIT {
  private static final Path SHIP = Netns.DEFAULT_FOLDER.resolve("cilium-fleet-ship");

  @TempDir private Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  @Test
  void podAdd_thenDelete_isAnEndpointThatReachesTheNodeMeanwhile() throws Exception {
    Probe probe = Probes.of(Feature.BPF);
    boolean required = System.getProperty("kernel.tests", "optional").equals("required");
    assertTrue(probe.isSupported() || !required, () -> "kernel tests are required: " + probe);
    Assumptions.assumeTrue(probe.isSupported(), () -> "no kernel tests here: " + probe);
    try (var agent = new TourAgent(folder)) {
      assertEquals(
          0, run(agent, "pod", "add", "ship", "-n", "fleet", "-l", "org=alliance"), this::said);
      String text = out.toString(UTF_8);
      assertTrue(text.matches("(?s)Endpoint [0-9]+ is ready: fleet/ship 10\\.77\\..*"), text);
      assertTrue(text.contains("nsenter --net=" + SHIP + " COMMAND"), text);
      List<String> labels = new ArrayList<>();
      agent
          .client()
          .get("/endpoint")
          .items()
          .getFirst()
          .get("status", "labels", "security-relevant")
          .items()
          .forEach(label -> labels.add(label.text()));
      assertTrue(labels.contains("k8s:org=alliance"), labels.toString());
      assertTrue(labels.contains("k8s:io.kubernetes.pod.namespace=fleet"), labels.toString());
      assertEquals(0, ping("10.77.0.1"));

      assertEquals(
          ExitCode.FAILED, run(agent, "pod", "add", "ship", "-n", "fleet"), "there is one");
      assertEquals(0, run(agent, "pod", "delete", "ship", "-n", "fleet"), this::said);
      assertEquals(List.of(), agent.client().get("/endpoint").items());
      assertTrue(!Netns.exists(SHIP));
      assertEquals(ExitCode.FAILED, run(agent, "pod", "delete", "ship", "-n", "fleet"));
    } finally {
      Netns.delete(SHIP);
    }
  }

  private int run(TourAgent agent, String... words) {
    List<String> line = new ArrayList<>(List.of("debug"));
    line.addAll(List.of(words));
    line.addAll(List.of("-H", "unix://" + agent.socket()));
    var console =
        new Console(
            InputStream.nullInputStream(),
            new PrintStream(out, true, UTF_8),
            new PrintStream(err, true, UTF_8));
    return new Cli(console, Map.of()).run(line);
  }

  private String said() {
    return err.toString(UTF_8);
  }

  private int ping(String address) throws Exception {
    return new ProcessBuilder("nsenter", "--net=" + SHIP, "ping", "-c", "1", "-W", "5", address)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("ping").toFile())
        .start()
        .waitFor();
  }
}
