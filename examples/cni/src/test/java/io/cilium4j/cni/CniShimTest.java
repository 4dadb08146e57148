// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The executable itself, against agents that answer, that do not, and that are not there. */
class CniShimTest {

  private static final String CONFIG = "{\"cniVersion\": \"1.0.0\", \"name\": \"cilium\"}";

  /** What an agent that is not there may cost, with what a busy machine takes for a process. */
  private static final Duration AT_ONCE = Duration.ofSeconds(1);

  @TempDir private Path folder;
  private Path shim;

  private record Outcome(int code, String output, Duration took) {
    int error() {
      return Trees.at(DocumentReader.readJson(output), "code") instanceof Integer code ? code : 0;
    }
  }

  @BeforeEach
  void install() throws IOException {
    shim = folder.resolve(CniShim.NAME);
    Files.write(shim, CniShim.executable());
    Files.setPosixFilePermissions(shim, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private Path queue() {
    return folder.resolve("deleteQueue");
  }

  private List<String> queued() throws IOException {
    try (Stream<Path> files = Files.list(queue())) {
      return files.map(each -> each.getFileName().toString()).sorted().toList();
    }
  }

  private Outcome call(Map<String, String> variables, byte[] input) throws Exception {
    var builder = new ProcessBuilder(shim.toString());
    builder.environment().clear();
    builder.environment().put("CILIUM_SOCK", "unix://" + folder.resolve("cilium.sock"));
    builder.environment().put("SECRET", "not for the agent");
    builder.environment().putAll(variables);
    long begin = System.nanoTime();
    Process process = builder.start();
    var output =
        CompletableFuture.supplyAsync(() -> {
          try {
            return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
          } catch (IOException e) {
            return e.toString();
          }
        });
    try (var in = process.getOutputStream()) {
      in.write(input);
    } catch (IOException _) {
      // It has read enough.
    }
    assertTrue(process.waitFor(60, TimeUnit.SECONDS));
    return new Outcome(
        process.exitValue(), output.get(), Duration.ofNanos(System.nanoTime() - begin));
  }

  private Outcome call(String command) throws Exception {
    return call(variables(command), CONFIG.getBytes(StandardCharsets.UTF_8));
  }

  private static Map<String, String> variables(String command) {
    return new TreeMap<>(
        Map.of(
            "CNI_COMMAND", command,
            "CNI_CONTAINERID", "c1",
            "CNI_IFNAME", "eth0",
            "CNI_NETNS", "/run/netns/a"));
  }

  /** An agent that answers one call with these bytes and closes. */
  private CompletableFuture<String> agent(byte[] answer) throws IOException {
    var server = ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX);
    var _ = server.bind(java.net.UnixDomainSocketAddress.of(folder.resolve("cni.sock")));
    return CompletableFuture.supplyAsync(() -> {
      try (server;
          SocketChannel client = server.accept()) {
        String request = receive(client);
        client.write(ByteBuffer.wrap(answer));
        return request;
      } catch (IOException e) {
        return e.toString();
      }
    });
  }

  private static String receive(SocketChannel client) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(2 << 20);
    while (true) {
      String text = new String(buffer.array(), 0, buffer.position(), StandardCharsets.ISO_8859_1);
      int head = text.indexOf("\r\n\r\n");
      if (head > 0) {
        int length =
            Integer.parseInt(text.replaceAll("(?s).*Content-Length: ([0-9]+)\r\n.*", "$1"));
        if (buffer.position() == head + 4 + length) {
          return text;
        }
      }
      if (client.read(buffer) < 0) {
        return text;
      }
    }
  }

  private static byte[] answer(int status, String body) {
    return ("HTTP/1.1 "
            + status
            + " X\r\nContent-Type: application/json\r\ncontent-length: "
            + body.length()
            + "\r\nConnection: close\r\n\r\n"
            + body)
        .getBytes(StandardCharsets.UTF_8);
  }

  // ---- an agent that answers ----

  @Test
  void call_withAnAgent_isHandedOverAndItsAnswerPrinted() throws Exception {
    var agent = agent(answer(200, "{\"cniVersion\":\"1.0.0\",\"ips\":[]}"));
    Outcome outcome = call("ADD");
    assertEquals(0, outcome.code());
    assertEquals("{\"cniVersion\":\"1.0.0\",\"ips\":[]}", outcome.output());
    String request = agent.get();
    assertTrue(request.startsWith("POST /cni HTTP/1.1\r\nHost: agent\r\n"), request);
    String body = request.substring(request.indexOf("\r\n\r\n") + 4);
    CniCall call = CniCall.read(body.getBytes(StandardCharsets.ISO_8859_1));
    assertEquals(variables("ADD"), call.variables());
    assertEquals(CONFIG, call.input());
  }

  @Test
  void error_ofTheAgent_isPrintedAndFails() throws Exception {
    var agent = agent(answer(500, "{\"code\":7,\"msg\":\"x\"}"));
    Outcome outcome = call("ADD");
    assertEquals(1, outcome.code());
    assertEquals(7, outcome.error());
    var _ = agent.get();
  }

  @Test
  void refusal_ofTheAgentsServer_isToTryAgain() throws Exception {
    var agent = agent(answer(429, "\"too many \\\"requests\\\"\""));
    Outcome outcome = call("ADD");
    assertEquals(1, outcome.code());
    assertEquals(11, outcome.error());
    var _ = agent.get();
  }

  @Test
  void call_ofAMegabyte_isHandedOverAsAWhole() throws Exception {
    var agent = agent(answer(200, ""));
    byte[] large = new byte[(1 << 20) - 1];
    java.util.Arrays.fill(large, (byte) ' ');
    assertEquals(0, call(variables("DEL"), large).code());
    assertTrue(agent.get().length() > large.length);
  }

  @Test
  void call_beyondAMegabyte_isRefused() throws Exception {
    Outcome outcome = call(variables("ADD"), new byte[1 << 20]);
    assertEquals(6, outcome.error());
    assertEquals(1, outcome.code());
  }

  @Test
  void variables_beyond64Kibibytes_areRefused() throws Exception {
    Map<String, String> variables = variables("ADD");
    variables.put("CNI_ARGS", "x".repeat(64 << 10));
    assertEquals(4, call(variables, new byte[0]).error());
  }

  // ---- an agent that breaks off ----

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "HTTP/1.1",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\n\r\ncontent-length: 2\r\n\r\n{}",
        "SSH-2.0-x\r\ncontent-length: 2\r\n\r\n{}"
      })
  void answer_thatIsNotWhole_countsAsNone(String text) throws Exception {
    var agent = agent(text.getBytes(StandardCharsets.UTF_8));
    Outcome outcome = call("ADD");
    assertEquals(11, outcome.error(), outcome.output());
    var _ = agent.get();
  }

  @Test
  void answer_beyondAMegabyte_countsAsNone() throws Exception {
    byte[] large = new byte[(1 << 20) + 1];
    java.util.Arrays.fill(large, (byte) 'x');
    var agent = agent(large);
    assertEquals(11, call("ADD").error());
    var _ = agent.get();
  }

  @Test
  void del_whoseAnswerIsNotWhole_isQueued() throws Exception {
    var agent = agent(new byte[0]);
    assertEquals(0, call("DEL").code());
    assertEquals(List.of("c1-eth0.delete", "lockfile"), queued());
    var _ = agent.get();
  }

  // ---- no agent ----

  @ParameterizedTest
  @CsvSource({"ADD, 11", "CHECK, 11", "GC, 11", "STATUS, 50", "NEW, 11"})
  void call_withoutAnAgent_failsAtOnce(String command, int code) throws Exception {
    for (int i = 0; i < 2; i++) {
      Outcome outcome = call(command);
      assertEquals(1, outcome.code());
      assertEquals(code, outcome.error());
      assertEquals("1.0.0", Trees.at(DocumentReader.readJson(outcome.output()), "cniVersion"));
      assertTrue(outcome.took().compareTo(AT_ONCE) < 0, outcome.toString());
    }
  }

  @Test
  void add_toASocketThatACrashLeft_failsAtOnce() throws Exception {
    try (var server = ServerSocketChannel.open(java.net.StandardProtocolFamily.UNIX)) {
      server.bind(java.net.UnixDomainSocketAddress.of(folder.resolve("cni.sock")));
    }
    Outcome outcome = call("ADD");
    assertEquals(11, outcome.error());
    assertTrue(outcome.took().compareTo(AT_ONCE) < 0, outcome.toString());
  }

  @Test
  void del_withoutAnAgent_isQueued() throws Exception {
    for (int i = 0; i < 2; i++) {
      Outcome outcome = call("DEL");
      assertEquals(0, outcome.code());
      assertEquals("", outcome.output());
    }
    assertEquals(List.of("c1-eth0.delete", "lockfile"), queued());
    assertEquals("cni-attachment-id:c1:eth0", Files.readString(queue().resolve("c1-eth0.delete")));
  }

  @Test
  void del_whileSomebodyHoldsTheLock_isQueuedAllTheSame() throws Exception {
    Files.createDirectory(queue());
    try (var channel =
            FileChannel.open(
                queue().resolve("lockfile"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        var lock = channel.lock()) {
      assertTrue(lock.isValid());
      Outcome outcome = call("DEL");
      assertEquals(0, outcome.code());
      assertTrue(outcome.took().compareTo(Duration.ofMillis(1400)) > 0, outcome.toString());
    }
    assertEquals(List.of("c1-eth0.delete", "lockfile"), queued());
  }

  @Test
  void del_whenTheQueueIsFull_isToTryAgain() throws Exception {
    Files.createDirectory(queue());
    for (int i = 0; i < 257; i++) {
      Files.createFile(queue().resolve(i + ".delete"));
    }
    Outcome outcome = call("DEL");
    assertEquals(11, outcome.error());
    assertEquals(1, outcome.code());
  }

  @Test
  void del_whereTheQueueCannotBeWritten_fails() throws Exception {
    Files.createFile(queue());
    Outcome outcome = call("DEL");
    assertEquals(5, outcome.error(), outcome.output());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-c", "a/b", "../x", "a b", "a\"b"})
  void del_ofAnIdThatIsNone_isRefusedAndQueuesNothing(String id) throws Exception {
    Map<String, String> variables = variables("DEL");
    variables.put("CNI_CONTAINERID", id);
    assertEquals(4, call(variables, new byte[0]).error());
    assertTrue(Files.notExists(queue()));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a/b", "a b", "a:b", "sixteencharacter"})
  void del_ofADeviceThatIsNone_isRefusedAndQueuesNothing(String device) throws Exception {
    Map<String, String> variables = variables("DEL");
    variables.put("CNI_IFNAME", device);
    assertEquals(4, call(variables, new byte[0]).error());
    assertTrue(Files.notExists(queue()));
  }

  // ---- without needing one ----

  @Test
  void version_withoutAnAgent_isAsThePluginHasIt() throws Exception {
    Outcome outcome = call("VERSION");
    assertEquals(0, outcome.code());
    var plugin = new CniPlugin(new RecordingNetwork());
    var asked = plugin.answer(new CniCall(Map.of("CNI_COMMAND", "VERSION"), CONFIG));
    assertEquals(DocumentReader.readJson(asked.json()), DocumentReader.readJson(outcome.output()));
  }

  @Test
  void loopback_withoutANamespace_saysSo() throws Exception {
    Files.move(shim, folder.resolve(CniShim.LOOPBACK));
    shim = folder.resolve(CniShim.LOOPBACK);
    for (String path : List.of("", "netns/a", "/a\"b", "/nowhere")) {
      Map<String, String> variables = variables("ADD");
      variables.put("CNI_NETNS", path);
      assertEquals(path.equals("/nowhere") ? 5 : 4, call(variables, new byte[0]).error(), path);
    }
    assertEquals(0, call("DEL").code());
    assertEquals(0, call("VERSION").code());
  }

  @Test
  void start_withoutACommand_saysWhatItIs() throws Exception {
    Outcome outcome = call(Map.of(), new byte[0]);
    assertEquals(0, outcome.code());
    assertEquals("", outcome.output());
  }

  @ParameterizedTest
  @ValueSource(strings = {"cilium.sock", "/", "unix://", "/cilium.sock"})
  void socket_thatIsNoAbsolutePath_isRefused(String socket) throws Exception {
    Map<String, String> variables = variables("ADD");
    variables.put("CILIUM_SOCK", socket);
    assertEquals(4, call(variables, new byte[0]).error());
  }
}
