// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What goes over the wire around requests and answers, byte by byte. */
@Timeout(60)
class RestFramingTest {
  private static final String GET = "GET /v1/prefilter HTTP/1.1\r\nHost: x\r\n\r\n";

  @TempDir static Path temp;
  private static RestBench bench;

  @BeforeAll
  static void start() throws Exception {
    bench = new RestBench(temp);
  }

  @AfterAll
  static void stop() {
    bench.close();
  }

  private static SocketChannel connect() throws IOException {
    return SocketChannel.open(UnixDomainSocketAddress.of(bench.server.socket()));
  }

  private static void write(SocketChannel channel, String text) throws IOException {
    var bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static String head(String methodAndPath, String... headers) {
    return methodAndPath + " HTTP/1.1\r\nHost: x\r\n" + String.join("\r\n", headers) + "\r\n\r\n";
  }

  /** Everything until the server closes. */
  private static String readAll(SocketChannel channel) throws IOException {
    return new String(Channels.newInputStream(channel).readAllBytes(), StandardCharsets.UTF_8);
  }

  private static String readHead(SocketChannel channel) throws IOException {
    var text = new StringBuilder();
    var one = ByteBuffer.allocate(1);
    while (text.indexOf("\r\n\r\n") < 0 && channel.read(one.clear()) > 0) {
      text.append((char) one.get(0));
    }
    return text.toString();
  }

  @Test
  void client_thatEndsItsSide_getsItsAnswer() throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, GET + GET);
      channel.shutdownOutput();
      String answers = readAll(channel);
      assertEquals(2, answers.split("HTTP/1.1 200 OK", -1).length - 1, answers);
    }
  }

  @Test
  void expectation_ofABodyThatMayCome_isMet() throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, head("GET /v1/identity", "Expect: 100-continue", "Content-Length: 2"));
      assertTrue(readHead(channel).startsWith("HTTP/1.1 100 Continue"));
      write(channel, "[]");
      channel.shutdownOutput();
      String answer = readAll(channel);
      assertTrue(answer.startsWith("HTTP/1.1 200 OK\r\n"), answer);
    }
  }

  @Test
  void expectation_ofABodyThatIsTooLarge_isRefusedAsAnyOther() throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, head("PUT /v1/policy", "Expect: 100-continue", "Content-Length: 99999999"));
      String answer = readHead(channel);
      assertTrue(answer.startsWith("HTTP/1.1 413 "), answer);
      assertTrue(answer.contains("connection: close\r\n"), answer);
      channel.shutdownOutput();
      assertEquals("\"body: at most 4194304 bytes\"", readAll(channel));
    }
  }

  @Test
  void answer_toAClientThatStays_saysNothingOfClosing() throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, GET);
      String head = readHead(channel);
      assertFalse(head.contains("connection:"), head);
      assertTrue(head.contains("content-length: "), head);
      assertTrue(head.contains("content-type: application/json\r\n"), head);
    }
    try (SocketChannel channel = connect()) {
      write(channel, "GET /v1/prefilter HTTP/1.0\r\nHost: x\r\n\r\n");
      assertTrue(readAll(channel).contains("\r\nconnection: close\r\n"));
    }
  }

  @Test
  void request_afterOneThatIsRefused_isNotAnswered() throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, "GET /v1/prefilter FTP/1.1\r\n\r\n" + GET);
      channel.shutdownOutput();
      String answer = readAll(channel);
      assertTrue(answer.startsWith("HTTP/1.1 400 "), answer);
      assertFalse(answer.contains("HTTP/1.1 200"), answer);
    }
  }

  @Test
  void stream_whoseReaderAsksMeanwhile_ends() throws IOException {
    try (SocketChannel channel = connect()) {
      write(channel, "GET /v1/map/cilium_lxc/events?follow=true HTTP/1.1\r\nHost: x\r\n\r\n");
      String head = readHead(channel);
      assertTrue(head.contains("transfer-encoding: chunked\r\n"), head);
      write(channel, GET);
      assertFalse(readAll(channel).contains("HTTP/1.1"));
    }
  }
}
