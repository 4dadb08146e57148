// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import io.cilium4j.core.L7Rules.HttpRule;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Other people's programs see through the proxy what they see without it. */
@Timeout(120)
class ProgramsIT {
  @TempDir private Path folder;
  private HttpServer server;
  private ProxyHarness harness;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1000);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext(
        "/",
        exchange -> {
          try (exchange;
              InputStream in = exchange.getRequestBody()) {
            byte[] body = in.readAllBytes();
            exchange.getResponseHeaders().set("X-Method", exchange.getRequestMethod());
            boolean chunked = exchange.getRequestURI().getPath().endsWith("/chunked");
            boolean head = exchange.getRequestMethod().equals("HEAD");
            exchange.sendResponseHeaders(200, head ? -1 : chunked ? 0 : Math.max(1, body.length));
            if (!head) {
              exchange.getResponseBody().write(body.length == 0 ? new byte[] {'-'} : body);
            }
          }
        });
    server.start();
    harness =
        new ProxyHarness(
            server.getAddress(),
            ProxyHarness.rules(new HttpRule("/ok.*", "", "", List.of(), List.of())));
  }

  @AfterEach
  void stop() {
    harness.close();
    server.stop(0);
  }

  private static boolean isRequired() {
    return "required".equals(System.getProperty("http.tests"));
  }

  /** Runs a program; skips the test where it is not installed, unless all of them must be. */
  private static String run(String... command) throws Exception {
    boolean there =
        List.of(System.getenv("PATH").split(":")).stream()
            .anyMatch(each -> Files.isExecutable(Path.of(each).resolve(command[0])));
    assumeTrue(there || isRequired(), command[0]);
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it ends");
    return output;
  }

  @Test
  void curl_ofEveryKind_seesTheSame() throws Exception {
    Path large = folder.resolve("large");
    Files.write(large, "0123456789abcdef".repeat(100_000).getBytes(StandardCharsets.US_ASCII));
    String upload = "@" + large;
    List<List<String>> calls =
        List.of(
            List.of("/ok"),
            List.of("/ok", "--http1.0"),
            List.of("/ok", "--head"),
            List.of("/ok", "-X", "DELETE"),
            List.of("/ok?a=b&c=%7Bd%7D", "-H", "X-A: 1", "-H", "X-A: 2"),
            List.of("/ok", "-d", "a=b"),
            List.of("/ok/chunked", "-d", "a=b"),
            List.of("/ok", "--data-binary", upload),
            List.of("/ok/chunked", "--data-binary", upload, "-H", "Transfer-Encoding: chunked"),
            List.of("/ok", "--data-binary", upload, "-H", "Expect: 100-continue"),
            List.of("/ok", "--http2"));
    String direct = "http://127.0.0.1:" + server.getAddress().getPort();
    for (List<String> call : calls) {
      List<String> answers = new ArrayList<>();
      for (String base : List.of(direct, harness.url(""))) {
        var command = new ArrayList<>(List.of("curl", "-s", "-S"));
        command.addAll(call.subList(1, call.size()));
        command.addAll(List.of("-w", "%{http_code} %{num_connects}", base + call.getFirst()));
        String answer = run(command.toArray(String[]::new));
        answers.add(
            answer.replaceAll("(?i)(date|transfer-encoding|connection|content-length):.*", ""));
      }
      assertEquals(answers.getFirst().strip(), answers.getLast().strip(), call.toString());
      assertTrue(answers.getFirst().contains("200 1"), answers.getFirst());
    }
    String denied = run("curl", "-s", "-w", "%{http_code}", harness.url("/no"));
    assertEquals("Access denied\r\n403", denied);
    String reused =
        run(
            "curl",
            "-s",
            "-w",
            "%{http_code}:%{num_connects} ",
            "-o",
            "/dev/null",
            harness.url("/no"),
            "-o",
            "/dev/null",
            harness.url("/ok"));
    assertEquals("403:1 200:0 ", reused);
  }

  @Test
  void python_withKeepAlive_seesTheSame() throws Exception {
    String program =
        """
        import http.client, sys
        c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))
        for i in range(20):
            c.request('PUT', '/ok/chunked' if i % 2 else '/ok', iter([b'ab', b'cd']), encode_chunked=True,
                      headers={'Transfer-Encoding': 'chunked'})
            r = c.getresponse(); assert (r.status, r.read()) == (200, b'abcd'), i
            c.request('GET', '/no'); r = c.getresponse()
            assert (r.status, r.read()) == (403, b'Access denied\\r\\n'), i
        print('fine')
        """;
    int port = harness.address().getPort();
    assertEquals("fine\n", run("python3", "-c", program, Integer.toString(port)));
  }

  @Test
  void javaClient_manyAtATime_seesTheSame() throws Exception {
    Path program = folder.resolve("Calls.java");
    Files.writeString(
        program,
        """
        import java.net.URI;
        import java.net.http.HttpClient;
        import java.net.http.HttpRequest;
        import java.net.http.HttpResponse;
        import java.util.concurrent.CompletableFuture;
        import java.util.ArrayList;

        /** Asks for h2c with each new connection, which it does not get. */
        public class Calls {
          public static void main(String[] args) {
            try (HttpClient client = HttpClient.newHttpClient()) {
              var answers = new ArrayList<CompletableFuture<HttpResponse<String>>>();
              for (int i = 0; i < 200; i++) {
                URI uri = URI.create(args[0] + (i % 4 == 0 ? "/no" : "/ok"));
                var body = HttpRequest.BodyPublishers.ofString("body" + i);
                var request = HttpRequest.newBuilder(uri).POST(body).build();
                answers.add(client.sendAsync(request, HttpResponse.BodyHandlers.ofString()));
              }
              for (int i = 0; i < 200; i++) {
                var answer = answers.get(i).join();
                String got = answer.statusCode() + answer.body();
                String wanted = i % 4 == 0 ? "403Access denied\\r\\n" : "200body" + i;
                if (!got.equals(wanted)) {
                  throw new AssertionError(i + ": " + got);
                }
              }
              System.out.println("fine");
            }
          }
        }
        """);
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    assertEquals("fine\n", run(java, program.toString(), harness.url("")));
  }

  @Test
  void curlAndH2load_withPriorKnowledge_seeTheSame() throws Exception {
    try (var peer = new Http2Peer();
        var h2 =
            new ProxyHarness(
                peer.address(),
                ProxyHarness.rules(new HttpRule("/ok.*", "", "", List.of(), List.of())))) {
      String answer =
          run(
              "curl",
              "-s",
              "--http2-prior-knowledge",
              "-d",
              "hello",
              "-w",
              "%{http_code} %{http_version}",
              h2.url("/ok"));
      assertEquals("hello200 2", answer);
      String denied =
          run(
              "curl",
              "-s",
              "--http2-prior-knowledge",
              "-w",
              "%{http_code} %{http_version}",
              h2.url("/no"));
      assertEquals("Access denied\r\n403 2", denied);
      String load = run("h2load", "-n", "2000", "-c", "10", "-m", "20", h2.url("/ok"));
      assertTrue(load.contains("2000 succeeded, 0 failed, 0 errored"), load);
      String refused = run("h2load", "-n", "500", "-c", "5", "-m", "10", h2.url("/no"));
      assertTrue(refused.contains("status codes: 0 2xx, 0 3xx, 500 4xx"), refused);
    }
  }

  @Test
  void h2load_overHttp1_losesNothing() throws Exception {
    String load = run("h2load", "--h1", "-n", "5000", "-c", "50", harness.url("/ok"));
    assertTrue(load.contains("5000 succeeded, 0 failed, 0 errored"), load);
    assertFalse(harness.records().isEmpty());
    assertEquals(5000, harness.records().size());
  }

  @Test
  void pythonWebSocket_withMaskedFrames_isEchoed() throws Exception {
    String echo =
        """
        import sys, websocket
        ws = websocket.create_connection('ws://127.0.0.1:%s/ok' % sys.argv[1], timeout=20)
        for size in (1, 200, 70000):
            ws.send('x' * size)
            assert ws.recv() == 'x' * size
        ws.close()
        print('fine')
        """;
    try (var sockets = new ScriptedServer(WebSocketEcho::serve);
        var proxy =
            new ProxyHarness(
                sockets.address(),
                ProxyHarness.rules(new HttpRule("/ok", "GET", "", List.of(), List.of())))) {
      String port = Integer.toString(proxy.address().getPort());
      String there = run("/usr/bin/python3", "-c", "import websocket; print('there')");
      assumeTrue(there.equals("there\n") || isRequired(), there);
      assertEquals("fine\n", run("/usr/bin/python3", "-c", echo, port));
    }
  }
}
