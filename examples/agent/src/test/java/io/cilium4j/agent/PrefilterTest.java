// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Row.RowKind;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The list of prefixes whose packets the datapath drops. */
class PrefilterTest extends AgentFixture {
  private static final IpPrefix ONE = IpPrefix.parse("192.0.2.0/24");
  private static final IpPrefix TWO = IpPrefix.parse("2001:db8::/32");

  private final RecordingDatapath datapath = new RecordingDatapath();
  private boolean isEnabled = true;

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder().prefilter(isEnabled);
  }

  @Test
  void change_carriedOut_isRealisedWhenItIsAnswered() throws Exception {
    assertEquals(2, agent.prefilter().add(1, List.of(ONE, TWO)).revision());
    assertEquals(Set.of(ONE, TWO), datapath.prefilter);
    assertEquals(agent.prefilter().wanted(), agent.prefilter().realised());
    assertEquals(3, agent.prefilter().remove(0, List.of(ONE)).revision());
    assertEquals(Set.of(TWO), datapath.prefilter);
    assertEquals(List.of("2001:db8::/32"), agent.prefilter().realised().deny());
    assertEquals(4, agent.prefilter().remove(3, List.of(TWO)).revision());
    assertEquals(Set.of(), datapath.prefilter);
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void change_ofAnotherRevisionOrOfNothing_changesNothing() throws Exception {
    agent.prefilter().add(1, List.of(ONE));
    assertThrows(
        IllegalArgumentException.class, () -> agent.prefilter().add(1, List.of(TWO)), "revision");
    assertThrows(
        IllegalArgumentException.class, () -> agent.prefilter().remove(2, List.of(ONE, TWO)));
    assertEquals(List.of("192.0.2.0/24"), agent.prefilter().wanted().deny());
    assertEquals(2, agent.prefilter().wanted().revision());
    assertEquals(Set.of(ONE), datapath.prefilter);
  }

  @Test
  void list_afterARestart_isCarriedOut() throws Exception {
    agent.prefilter().add(1, List.of(ONE));
    agent.stop();
    datapath.prefilter = Set.of();
    agent = newAgent();
    agent.start();
    agent.prefilter().add(2, List.of(TWO));
    assertEquals(Set.of(ONE, TWO), datapath.prefilter);
    assertEquals(3, agent.prefilter().realised().revision());
  }

  @Test
  void change_thatTheDatapathRefuses_isKeptAndTold() {
    datapath.prefilterRefusal = Optional.of("no prefilter at eth0: it has another program");
    var refusal = assertThrows(AgentException.class, () -> agent.prefilter().add(1, List.of(ONE)));
    assertEquals(
        "the list is kept, and not carried out yet: no prefilter at eth0: it has another program",
        refusal.getMessage());
    assertEquals(List.of("192.0.2.0/24"), agent.prefilter().wanted().deny());
    assertEquals(List.of(), agent.prefilter().realised().deny());
    assertEquals(
        "prefilter: no prefilter at eth0: it has another program",
        agent.problems().get("prefilter"));
  }

  @Test
  void list_whereItIsNotEnabled_isKeptAndNotCarriedOut() throws Exception {
    agent.prefilter().add(1, List.of(ONE));
    isEnabled = false;
    restart();
    assertThrows(IllegalArgumentException.class, () -> agent.prefilter().add(2, List.of(TWO)));
    assertEquals(
        "prefilter: 1 prefixes are kept and not dropped:"
            + " Prefilter is not enabled in daemon (enable-xdp-prefilter)",
        agent.problems().get("prefilter"));
    assertEquals(3, agent.prefilter().remove(2, List.of(ONE)).revision());
    assertEquals(Set.of(), datapath.prefilter);
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void change_withADatapathThatCannot_isRefused() {
    datapath.rowKinds = EnumSet.complementOf(EnumSet.of(RowKind.PREFILTER));
    restart();
    var refusal =
        assertThrows(IllegalArgumentException.class, () -> agent.prefilter().add(1, List.of(ONE)));
    assertEquals("the datapath recording has no prefilter", refusal.getMessage());
    assertEquals(List.of(), agent.prefilter().wanted().deny());
  }
}
