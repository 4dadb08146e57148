// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.demo.Script.Line;
import io.cilium4j.demo.Script.Outcome;
import io.cilium4j.demo.Script.Pair;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ScriptTest {

  @Test
  void expected_everyOrderedPair_onceAndThreeDropped() {
    Set<Pair> wanted = new HashSet<>();
    for (Role from : Role.values()) {
      for (Role to : Role.values()) {
        if (from != to) {
          wanted.add(new Pair(from, to));
        }
      }
    }
    Set<Pair> written = new HashSet<>();
    Script.EXPECTED.stream().map(Line::pair).forEach(pair -> assertTrue(written.add(pair)));
    assertEquals(wanted, written);
    assertEquals(
        3, Script.EXPECTED.stream().filter(line -> line.expected() == Outcome.DROPPED).count());
  }

  @Test
  void policy_rule1_isReadable() {
    assertEquals(
        "[CiliumNetworkPolicy/default/rule1]", Policy.read(Optional.empty()).objects().toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"--nonsense", "--policy", "--datapath", "--datapath=ebpf"})
  void parse_wrongOption_isOneLine(String option) {
    var refusal = assertThrows(DemoException.class, () -> Options.parse(option));
    assertTrue(String.valueOf(refusal.getMessage()).startsWith("option "), refusal.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--nodes 3",
        "--nodes two",
        "--routing native",
        "--nodes 2 --routing geneve",
        "--nodes 2 --keep",
        "--nodes 2 --policy /some"
      })
  void parse_wrongNodes_isOneLine(String line) {
    var refusal = assertThrows(DemoException.class, () -> Options.parse(line.split(" ", -1)));
    assertTrue(String.valueOf(refusal.getMessage()).startsWith("option "), refusal.getMessage());
  }

  @Test
  void parse_twoNodes_everyRoutingUnlessOneIsNamed() {
    assertEquals(1, Options.parse().nodes().count());
    var both = Options.parse("--nodes", "2").nodes();
    assertEquals(2, both.count());
    assertEquals(List.of(Routing.VXLAN, Routing.NATIVE), both.routings());
    assertEquals(
        List.of(Routing.NATIVE),
        Options.parse("--routing", "native", "--nodes", "2").nodes().routings());
  }

  @Test
  void node_ofEachPod_bothVerdictsAcrossNodesAndOnOne() {
    for (Outcome outcome : Outcome.values()) {
      for (boolean across : new boolean[] {true, false}) {
        assertTrue(
            Script.EXPECTED.stream()
                .filter(line -> line.expected() == outcome)
                .map(Line::pair)
                .anyMatch(pair -> across == (pair.from().node() != pair.to().node())),
            outcome + " across=" + across);
      }
    }
  }

  @Test
  void read_missingFile_isOneLine() {
    var refusal =
        assertThrows(DemoException.class, () -> Policy.read(Optional.of(Path.of("/no/such"))));
    assertTrue(
        String.valueOf(refusal.getMessage()).startsWith("read policy /no/such"),
        refusal.getMessage());
  }
}
