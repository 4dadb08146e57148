// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.util.JsonFormat;
import io.cilium4j.datapath.observer.proto.ExportEvent;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;

/** Flows in files. */
class FlowExporterTest extends ObserverTests {

  private FlowExporter start(ExportConfig config) throws IOException {
    return FlowExporter.start(
        config,
        new ObserverConfig(
            log, events, Map::of, "node1", "default", "test 1", Instant.now(), 4244, false));
  }

  private ExportConfig config(String allowed, String denied, List<String> fields) {
    return new ExportConfig(folder.resolve("flows.log"), 0, 0, false, allowed, denied, fields);
  }

  private static List<ExportEvent> events(Path file) throws IOException {
    List<ExportEvent> events = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      var event = ExportEvent.newBuilder();
      JsonFormat.parser().merge(line, event);
      events.add(event.build());
    }
    return events;
  }

  @Test
  void export_flows_areLinesThatClientsRead() throws Exception {
    allowed("10.0.0.1", "10.0.0.2", 79);
    try (var _ = start(config("", "", List.of()))) {
      allowed("10.0.0.1", "10.0.0.2", 80);
      denied("10.0.0.2", "10.0.0.1", 81);
    }
    List<ExportEvent> events = events(folder.resolve("flows.log"));
    assertEquals(3, events.size(), "what came before is not exported");
    assertEquals("tiefighter", events.getFirst().getFlow().getSource().getPodName());
    assertEquals("default/node1", events.getFirst().getNodeName());
    String text = Files.readString(folder.resolve("flows.log"));
    assertTrue(text.contains("\"pod_name\":\"tiefighter\""), text);
    assertTrue(text.contains("\"destination_port\":80"), text);
  }

  @Test
  void export_eventsOfTheAgent_areWrittenUnlessFiltersSayWhichFlows() throws Exception {
    events.add(new AgentNote.Started(Instant.EPOCH));
    try (var _ = start(config("", "{\"source_port\":[\"1\"]}", List.of()))) {
      events.add(new AgentNote.PolicyChanged(false, List.of("k8s:a=b"), 7, 2));
      allowed("10.0.0.1", "10.0.0.2", 80);
    }
    Path file = folder.resolve("flows.log");
    List<ExportEvent> written = events(file);
    assertEquals(2, written.size(), "what came before is not exported");
    ExportEvent event =
        written.stream().filter(ExportEvent::hasAgentEvent).findFirst().orElseThrow();
    assertEquals(7, event.getAgentEvent().getPolicyUpdate().getRevision());
    assertEquals("default/node1", event.getNodeName());
    assertTrue(event.hasTime());
    Files.delete(file);
    try (var _ = start(config("{\"verdict\":[\"DROPPED\"]}", "", List.of()))) {
      events.add(new AgentNote.Started(Instant.EPOCH));
      denied("10.0.0.1", "10.0.0.2", 80);
    }
    assertTrue(events(file).stream().allMatch(ExportEvent::hasFlow));
  }

  /** A device that is always full stands for a full disk, until it is replaced. */
  @Test
  void export_fullDisk_isAProblemUntilItIsWrittenAgain() throws Exception {
    Path file = folder.resolve("flows.log");
    Files.createSymbolicLink(file, Path.of("/dev/full"));
    try (var _ = start(config("", "", List.of()))) {
      allowed("10.0.0.1", "10.0.0.2", 80);
      awaitProblem(true);
      assertTrue(log.problems().toString().contains("No space left"), log.problems().toString());
      allowed("10.0.0.1", "10.0.0.2", 81);
      Files.delete(file);
      awaitProblem(false);
    }
    assertEquals(
        List.of(80, 81),
        events(file).stream()
            .map(each -> each.getFlow().getL4().getTCP().getDestinationPort())
            .toList());
  }

  /** As under systemd, where the standard output is a socket, which no name opens. */
  @Test
  void export_toTheStandardOutput_isWrittenWhereThatIsSocket() throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    try (var server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      server.setSoTimeout(60_000);
      Process process =
          new ProcessBuilder(
                  "bash",
                  "-c",
                  "exec \"$@\" > /dev/tcp/127.0.0.1/" + server.getLocalPort(),
                  "bash",
                  java,
                  "-cp",
                  classPath(),
                  Writer.class.getName())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      try (Socket output = server.accept()) {
        String text = new String(output.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
        assertEquals("one\ntwo\nthree\n", text);
      } finally {
        process.destroyForcibly().waitFor();
      }
    }
  }

  private static String classPath() {
    // Where tests are part of a module, their own folder is in neither path.
    String here = FlowExporterTest.class.getResource("FlowExporterTest.class").getPath();
    return String.join(
        File.pathSeparator,
        here.substring(0, here.indexOf("/io/cilium4j/")),
        System.getProperty("jdk.module.path", ""),
        System.getProperty("java.class.path", ""));
  }

  /** Writes lines to the standard output, each of which fills it. */
  static final class Writer {
    private Writer() {}

    /** The program. */
    public static void main(String[] args) throws IOException {
      var config = new ExportConfig(Path.of("/dev/stdout"), 1, 1, false, "", "", List.of());
      try (var file = new RotatedFile(config, Clock.systemUTC())) {
        file.write("one\n".getBytes(StandardCharsets.US_ASCII));
        file.flush();
        file.reopen();
        file.write("two\n".getBytes(StandardCharsets.US_ASCII));
      }
      System.out.print("three\n");
      System.out.flush();
    }
  }

  private void awaitProblem(boolean isWanted) {
    long end = System.nanoTime() + 30_000_000_000L;
    while (log.problems().isEmpty() == isWanted && System.nanoTime() - end < 0) {
      Thread.onSpinWait();
    }
    assertEquals(isWanted, !log.problems().isEmpty());
  }

  @Test
  void export_filtersAndFields_leaveOutTheOthers() throws Exception {
    var config =
        config(
            "{\"source_pod\":[\"default/tie\"]} {\"verdict\":[\"DROPPED\"]}",
            "{\"destination_port\":[\"82\"]}",
            List.of("verdict", "l4.TCP.destination_port"));
    try (var _ = start(config)) {
      allowed("10.0.0.1", "10.0.0.2", 80);
      allowed("10.0.0.2", "10.0.0.1", 81);
      denied("10.0.0.2", "10.0.0.1", 82);
      denied("10.0.0.2", "10.0.0.1", 83);
    }
    List<ExportEvent> events = events(folder.resolve("flows.log"));
    assertEquals(
        List.of(80, 83, 83),
        events.stream().map(each -> each.getFlow().getL4().getTCP().getDestinationPort()).toList());
    assertFalse(events.getFirst().getFlow().hasSource());
  }

  @Test
  void export_fullFile_isPutAsideAndTheOldestGo() throws Exception {
    var config =
        new ExportConfig(folder.resolve("flows.log"), 2_000, 2, true, "", "", List.of("l4"));
    try (var _ = start(config)) {
      for (int port = 1; port <= 200; port++) {
        allowed("10.0.0.1", "10.0.0.2", port);
        while (port % 10 == 0 && !isWritten(port)) {
          Thread.onSpinWait(); // The ring keeps fewer than all.
        }
      }
    }
    List<Path> aside;
    try (Stream<Path> files = Files.list(folder)) {
      aside = files.filter(each -> each.toString().endsWith(".log.gz")).sorted().toList();
    }
    assertEquals(2, aside.size(), aside::toString);
    for (Path each : List.of(folder.resolve("flows.log"), aside.getFirst(), aside.getLast())) {
      assertEquals("rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(each)));
    }
    assertTrue(
        aside.getFirst().getFileName().toString().matches("flows-20.*T.*\\.log\\.gz"),
        aside::toString);
    assertTrue(Files.size(folder.resolve("flows.log")) <= 2_000);
    try (InputStream in = new GZIPInputStream(Files.newInputStream(aside.getLast()))) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(text.length() <= 2_000 && text.endsWith("}\n"), text);
    }
  }

  private boolean isWritten(int port) throws IOException {
    Path file = folder.resolve("flows.log");
    try {
      return Files.readString(file).contains("\"destination_port\":" + port);
    } catch (NoSuchFileException e) {
      return false; // Not opened yet, or put aside at this moment.
    }
  }

  @Test
  void start_wrongFilterOrField_isRefused() {
    assertRefused("allowlist: ", config("{\"nothing\":1}", "", List.of()));
    assertRefused("\"verdict\": wanted objects of JSON", config("", "verdict", List.of()));
    assertRefused("\"{\": an object does not end", config("{", "", List.of()));
    assertRefused(
        "filter node_name: \"a/b/c\": wanted [CLUSTER/]NODE",
        config("{\"node_name\":[\"a/b/c\"]}", "", List.of()));
    assertRefused(
        "field_mask: nothing: no such field of a flow", config("", "", List.of("nothing")));
  }

  private void assertRefused(String message, ExportConfig config) {
    var e = assertThrows(IllegalArgumentException.class, () -> start(config));
    assertTrue(String.valueOf(e.getMessage()).startsWith(message), e.getMessage());
  }
}
