// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.AgentNotes;
import io.cilium4j.datapath.observer.FlowJson;
import io.cilium4j.datapath.observer.ObserverConfig;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.it.Requests.Client;
import io.cilium4j.it.Requests.Recorder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** From packets to flows to policies, with the command line. */
class SuggestKernelIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  @TempDir Path folder;

  /** What a command said. */
  private record Said(int code, String out, String err) {}

  private Said cilium(String... words) throws IOException, InterruptedException {
    Path out = folder.resolve("out");
    Path err = folder.resolve("err");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-p", System.getProperty("jdk.module.path")));
    command.addAll(List.of("-m", "io.cilium4j.cli/io.cilium4j.cli.Main"));
    command.addAll(List.of(words));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    assertTrue(process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS), "it does not end");
    return new Said(process.exitValue(), Files.readString(out), Files.readString(err));
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void suggest_flowsOfRealPackets_deniesNothingSeenAndNoRuleOfItCanGo(String datapath)
      throws Exception {
    Path flows = folder.resolve("flows.json");
    try (var lab = new Lab("itx", datapath, 63)) {
      lab.agent().start();
      lab.pod("tiefighter");
      Endpoint xwing = lab.pod("xwing");
      Endpoint deathstar = lab.pod("deathstar");
      for (IpFamily family : IpFamily.values()) {
        connect(lab, "tiefighter", "deathstar", deathstar, family, 80);
        connect(lab, "xwing", "deathstar", deathstar, family, 443);
        connect(lab, "deathstar", "xwing", xwing, family, 8080);
      }
      Files.write(flows, export(lab));
    }
    Said suggested = cilium("policy", "suggest", flows.toString());
    assertEquals(0, suggested.code(), suggested::err);
    Path policies = Files.writeString(folder.resolve("suggested.yaml"), suggested.out());
    Said valid = cilium("policy", "validate", policies.toString());
    assertEquals(0, valid.code(), valid::err);
    Said replayed = cilium("policy", "replay", flows.toString(), "--policies", policies.toString());
    assertEquals(0, replayed.code(), replayed::out);
    assertTrue(replayed.out().contains("3 flows: 3 as they were, 0 not"), replayed.out());
    assertNoRuleCanGo(DocumentReader.read(suggested.out()), flows);
  }

  /** One connection, and its flows. */
  private static void connect(
      Lab lab, String from, String to, Endpoint server, IpFamily family, int port)
      throws IOException {
    try (var _ = new Recorder(lab.netns(to), port);
        var client = Client.open(lab.netns(from), server.address(family).orElseThrow(), port)) {
      assertEquals(200, client.ask("GET", "/"));
    }
    Instant end = Instant.now().plus(PATIENCE);
    while (lab.agent().flows().stream().noneMatch(each -> begins(each, server, family, port))) {
      assertTrue(Instant.now().isBefore(end), () -> "no flow to " + port);
      Thread.onSpinWait();
    }
  }

  private static boolean begins(ReportedFlow flow, Endpoint server, IpFamily family, int port) {
    return flow.flow().trace().filter(each -> each.life() == Life.NEW).isPresent()
        && flow.destination().endpointId() == server.id()
        && flow.flow().destination().family() == family
        && flow.flow().destinationPort() == port;
  }

  /** The flows of its pods' connections; what their kernels say on their own account is none. */
  private static List<String> export(Lab lab) {
    var config =
        new ObserverConfig(
            lab.agent().flowLog(),
            new AgentNotes(),
            Map::of,
            "node1",
            "default",
            "",
            Instant.now(),
            0,
            false);
    return new FlowJson(config)
        .read(0, lab.agent().flowLog().capacity()).flows().stream()
            .filter(each -> each.contains("\"TCP\""))
            .toList();
  }

  @SuppressWarnings("unchecked")
  private void assertNoRuleCanGo(List<?> policies, Path flows) throws Exception {
    int rules = 0;
    for (int at = 0; at < policies.size(); at++) {
      var policy = (Map<String, Object>) Objects.requireNonNull(policies.get(at));
      var spec = (Map<String, Object>) Objects.requireNonNull(policy.get("spec"));
      for (String direction : List.of("ingress", "egress")) {
        var all = (List<Object>) spec.getOrDefault(direction, List.of());
        for (Object rule : all) {
          rules++;
          List<Object> others = new ArrayList<>(all);
          others.remove(rule);
          // One without a peer restricts, too; no rule at all does not.
          Object left = others.isEmpty() ? List.of(Map.of()) : others;
          List<Object> changed = new ArrayList<>(policies);
          changed.set(at, with(policy, "spec", with(spec, direction, left)));
          assertDeniesSomething(changed, flows, rule);
        }
      }
    }
    assertFalse(rules < 4, "of three pods that ask and are asked: " + rules);
  }

  private static Map<String, Object> with(Map<String, Object> map, String key, Object value) {
    Map<String, Object> changed = new LinkedHashMap<>(map);
    changed.put(key, value);
    return changed;
  }

  private void assertDeniesSomething(List<Object> policies, Path flows, Object rule)
      throws Exception {
    Path without = folder.resolve("without.yaml");
    Files.write(without, policies.stream().map(each -> "---\n" + JsonWriter.write(each)).toList());
    Said said = cilium("policy", "replay", flows.toString(), "--policies", without.toString());
    assertEquals(1, said.code(), () -> "needless: " + rule + "\n" + said);
    assertTrue(said.out().contains("was allowed and would be dropped"), said.out());
  }
}
