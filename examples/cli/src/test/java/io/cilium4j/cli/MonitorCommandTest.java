// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.cli.command.ExitCode;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MonitorCommandTest extends CommandTest {
  private static final String EVENTS =
      """
      {"type":"drop","reason":"Policy denied","direction":"ingress","verdict":"denied","endpoint":7,"source":{"endpoint":5,"identity":2,"address":"10.0.0.5:1234","labels":["reserved:world"]},"destination":{"endpoint":7,"identity":1234,"address":"10.0.0.7:80","labels":["k8s:a=b"]},"protocol":"TCP","rule":"default/deny-all"}
      {"type":"policy-verdict","direction":"egress","verdict":"allowed","endpoint":5,"source":{"endpoint":5,"identity":2,"address":"10.0.0.5:1234"},"destination":{"endpoint":9,"identity":3,"address":"10.0.0.9:80"},"protocol":"TCP"}
      {"type":"agent","subtype":"Endpoint regenerated","endpoint":9,"time":"2026-01-02T03:04:05Z","message":{"id":9,"labels":["k8s:a=b"]}}
      {"type":"agent","subtype":"Policy updated","time":"2026-01-02T03:04:05Z","message":{"labels":[],"revision":3,"rule_count":1}}
      {"type":"lost","count":12}
      """;

  /** Serves the events once, then closes. */
  private List<String> monitor(String... options) throws IOException {
    return monitorOf(EVENTS, options);
  }

  private List<String> monitorOf(String events, String... options) throws IOException {
    Path path = folder.resolve("monitor.sock");
    java.nio.file.Files.deleteIfExists(path);
    try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      Thread.ofVirtual()
          .start(() -> {
            try (var client = server.accept()) {
              client.write(ByteBuffer.wrap(events.getBytes(StandardCharsets.UTF_8)));
            } catch (IOException e) {
              // The test sees that events are missing.
            }
          });
      List<String> words = new ArrayList<>(List.of("monitor", "--monitor-socket", path.toString()));
      words.addAll(List.of(options));
      // The end of the stream is the agent's end, and a failure.
      assertEquals(ExitCode.FAILED, run(words.toArray(String[]::new)));
      return out().lines().toList();
    }
  }

  @Test
  void socket_isThatBesideTheAgentsUnlessTheEnvironmentSaysOtherwise() {
    assertEquals(ExitCode.FAILED, run("monitor"));
    String beside = folder.resolve("monitor-json.sock").toString();
    assertTrue(err().contains("monitor at unix://" + beside + ": no such socket"), err());
    Path other = folder.resolve("other.sock");
    var environment = Map.of("CILIUM_MONITOR_SOCK", "unix://" + other);
    assertEquals(ExitCode.FAILED, runAs(environment, "", "monitor"));
    assertTrue(err().contains("monitor at unix://" + other + ": no such socket"), err());
  }

  @Test
  void events_asText_areALineEach() throws IOException {
    assertEquals(
        List.of(
            "xx drop (Policy denied) identity world->1234: 10.0.0.5:1234 -> 10.0.0.7:80 TCP",
            "Policy verdict log: local EP ID 5, egress, action allowed, "
                + "identity 2->3: 10.0.0.5:1234 -> 10.0.0.9:80 TCP",
            ">> Endpoint regenerated: {\"id\":9,\"labels\":[\"k8s:a=b\"]}",
            ">> Policy updated: {\"labels\":[],\"revision\":3,\"rule_count\":1}",
            ">> 12 events lost: this reader is too slow"),
        monitor());
  }

  @Test
  void request_asText_isALineWithItsStatusAndVerdict() throws IOException {
    String event =
        """
        {"type":"l7","direction":"ingress","verdict":"denied","endpoint":7,"source":{"endpoint":5,"identity":2,"address":"10.0.0.5:1234"},"destination":{"endpoint":7,"identity":3,"address":"10.0.0.7:80"},"protocol":"TCP","http":{"protocol":"HTTP/1.1","method":"PUT","path":"/v1/exhaust-port","host":"deathstar","status":403,"latency-ns":0}}
        """;
    String line =
        "-> Request HTTP/1.1 PUT deathstar/v1/exhaust-port => 403, verdict denied, "
            + "identity 2->3: 10.0.0.5:1234 -> 10.0.0.7:80 TCP";
    assertEquals(List.of(line), monitorOf(event, "--type", "l7"));
    assertEquals(List.of(), monitorOf(event, "--type", "drop"));
  }

  @Test
  void events_verbose_haveRuleAndLabels() throws IOException {
    assertTrue(monitor("-v").contains("   rule: default/deny-all"), out());
    assertTrue(out().contains("identity world->"), out());
    assertTrue(monitor("-n").getFirst().contains("identity 2->1234"), out());
  }

  @Test
  void filters_leaveOutWhatIsNotAskedFor() throws IOException {
    // The line about lost events concerns everybody.
    assertEquals(1 + 1, monitor("--to", "7").size(), out());
    assertEquals(2 + 1, monitor("--from", "5").size(), out());
    assertEquals(2 + 1, monitor("--from", "3,5").size(), out());
    assertEquals(1 + 1, monitor("--from", "5", "--to", "9").size(), out());
    // The flow to it and its own event, in either way of naming two endpoints.
    assertEquals(2 + 1, monitor("--related-to", "9").size(), out());
    assertEquals(3 + 1, monitor("--related-to", "9,7").size(), out());
    assertEquals(3 + 1, monitor("--related-to", "9", "--related-to", "7").size(), out());
    assertEquals(2 + 1, monitor("-t", "agent").size(), out());
    assertEquals(3 + 1, monitor("--type", "agent", "--type", "drop").size(), out());
    assertEquals(2 + 1, monitor("--type", "policy-verdict,drop", "-j").size(), out());
  }

  @Test
  void typesThatNeverCome_areToldAtOnce() throws IOException {
    assertEquals(ExitCode.FAILED, run("monitor", "--type", "debug", "--type", "capture"));
    assertEquals(
        "cilium: monitor --type capture,debug: not supported; this version sends agent, drop, l7,"
            + " policy-verdict, trace\n",
        err());
    assertEquals(1 + 1, monitor("--type", "drop,debug").size(), out());
    assertTrue(err().contains("monitor --type debug: not supported"), err());
  }

  @Test
  void hex_ofEventsWithoutPayload_isTold() throws IOException {
    assertEquals(5, monitor("--hex").size(), out());
    assertTrue(
        err().contains("monitor --hex: not supported, the datapath does not record payloads"),
        err());
  }

  @Test
  void wrongOptions_areMisuse() {
    assertEquals(ExitCode.MISUSED, run("monitor", "--type", "nonsense"));
    assertEquals(ExitCode.MISUSED, run("monitor", "--from", "1,x"));
    assertTrue(err().contains("option --from 1,x: wanted numbers of endpoints"), err());
  }
}
