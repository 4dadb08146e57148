// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class HttpExchangeTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final byte[] NONE = new byte[0];

  @TempDir Path folder;

  @SuppressWarnings("NullAway.Init")
  private ServerSocketChannel server;

  @BeforeEach
  void listen() throws IOException {
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    server.bind(UnixDomainSocketAddress.of(folder.resolve("s")));
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  private HttpExchange connect(Duration patience) throws IOException {
    return new HttpExchange(SocketChannel.open(server.getLocalAddress()), patience);
  }

  /** Takes one client; gives what it sends first, and answers with these bytes. */
  private CompletableFuture<String> serve(String answer, boolean stays) {
    var request = new CompletableFuture<String>();
    Thread.ofVirtual()
        .start(() -> {
          try (SocketChannel client = server.accept()) {
            var read = ByteBuffer.allocate(8192);
            do {
              client.read(read);
            } while (!text(read).contains("\r\n\r\n"));
            request.complete(text(read));
            var written = ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8));
            while (written.hasRemaining()) {
              client.write(written);
            }
            if (stays) {
              client.read(read);
            }
          } catch (IOException e) {
            request.completeExceptionally(e);
          }
        });
    return request;
  }

  private static String text(ByteBuffer read) {
    return StandardCharsets.UTF_8.decode(read.duplicate().flip()).toString();
  }

  /** The status and the body that these bytes are read as. */
  private String read(String answer) throws IOException {
    var _ = serve(answer, false);
    try (HttpExchange exchange = connect(PATIENCE)) {
      int status = exchange.send("GET", "/", Map.of(), NONE);
      var body = new ByteArrayOutputStream();
      exchange.readBody(body::writeBytes);
      return status + " " + body.toString(StandardCharsets.UTF_8);
    }
  }

  @Test
  void send_aRequest_isTheOneLineByLine() throws Exception {
    var request = serve("HTTP/1.1 204 No Content\r\n\r\n", false);
    try (HttpExchange exchange = connect(PATIENCE)) {
      byte[] body = "{\"a\": \"ä\"}".getBytes(StandardCharsets.UTF_8);
      assertEquals(204, exchange.send("PUT", "/v1/x?y=z", Map.of("brief", "true"), body));
      exchange.readBody(_ -> {
        throw new AssertionError("there is none");
      });
      assertEquals(
          """
          PUT /v1/x?y=z HTTP/1.1
          Host: localhost
          Accept: application/json
          Connection: close
          brief: true
          Content-Type: application/json
          Content-Length: 11

          {"a": "ä"}\
          """
              .replace("\n", "\r\n"),
          request.get());
    }
  }

  @Test
  void send_aLineBreakInWhatItIsGiven_isRefused() throws IOException {
    try (HttpExchange exchange = connect(PATIENCE)) {
      for (String bad : List.of("a\r\nb: c", "a\nb", "a\rb")) {
        assertThrows(
            IllegalArgumentException.class, () -> exchange.send("GET", "/" + bad, Map.of(), NONE));
        assertThrows(
            IllegalArgumentException.class,
            () -> exchange.send("GET", "/", Map.of("x", bad), NONE));
      }
    }
  }

  @Test
  void answer_ofEachFraming_isReadWhole() throws IOException {
    assertEquals("200 abc", read("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef"));
    assertEquals("404 abc", read("HTTP/1.0 404\r\nX: y\r\n\r\nabc"));
    assertEquals("204 ", read("HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n"));
    assertEquals("200 ", read("HTTP/1.1 200 OK\ncontent-length: 0\n\n"));
    assertEquals(
        "200 abcde",
        read(
            """
            HTTP/1.1 200 OK
            Transfer-Encoding: Chunked

            3
            abc
            2;x=y
            de
            0
            T: u

            """
                .replace("\n", "\r\n")));
    String large = "x".repeat(1 << 20);
    assertEquals(
        "200 " + large, read("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n" + large));
  }

  @Test
  void answer_thatEndsEarly_isAnError() {
    for (String early :
        List.of(
            "",
            "HTTP/1.1 200 OK\r\nContent-",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")) {
      assertThrows(EOFException.class, () -> read(early), early);
    }
  }

  @Test
  void answer_thatIsNoHttpOrTooLarge_isAnError() {
    String head = "HTTP/1.1 200 OK\r\n";
    for (String wrong :
        List.of(
            "SSH-2.0-x\r\n",
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 600 \r\n\r\n",
            "x".repeat(9000),
            head + "Content-Length: -1\r\n\r\n",
            head + "Content-Length: x\r\n\r\n",
            head + "Content-Length: 99999999999\r\n\r\n",
            head + "X: y\r\n".repeat(101) + "\r\n",
            head + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n",
            head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n")) {
      assertThrows(ProtocolException.class, () -> read(wrong), wrong);
    }
  }

  @Test
  void answer_thatDoesNotCome_isWaitedForSoLong() throws IOException {
    for (String begun : List.of("", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc")) {
      var _ = serve(begun, true);
      try (HttpExchange exchange = connect(Duration.ofMillis(200))) {
        var late =
            assertThrows(
                SocketTimeoutException.class,
                () -> {
                  var _ = exchange.send("GET", "/", Map.of(), NONE);
                  exchange.readBody(_ -> {});
                });
        assertTrue(String.valueOf(late.getMessage()).startsWith("no answer within"), late + "");
      }
    }
  }

  @Test
  void answer_whileTheThreadIsInterrupted_isNotWaitedFor() throws IOException {
    var _ = serve("", true);
    try (HttpExchange exchange = connect(PATIENCE)) {
      Thread.currentThread().interrupt();
      assertThrows(InterruptedIOException.class, () -> exchange.send("GET", "/", Map.of(), NONE));
    } finally {
      assertTrue(Thread.interrupted());
    }
  }
}
