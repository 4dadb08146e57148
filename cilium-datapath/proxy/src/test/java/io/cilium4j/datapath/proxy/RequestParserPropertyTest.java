// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequestEncoder;
import io.netty.handler.codec.http.LastHttpContent;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

/** Random bytes, most of them near to requests, read in random pieces. */
class RequestParserPropertyTest {
  private static final List<String> PARTS =
      List.of(
          "GET /a HTTP/1.1\r\n",
          "POST /a?b=c HTTP/1.1\r\n",
          "GET http://a/b HTTP/1.1\r\n",
          "CONNECT a:1 HTTP/1.1\r\n",
          "GET / HTTP/1.0\r\n",
          "Host: a\r\n",
          "host: b\r\n",
          "Content-Length: 3\r\n",
          "Content-Length: 0\r\n",
          "Transfer-Encoding: chunked\r\n",
          "Transfer-Encoding: identity\r\n",
          "Connection: close, x\r\n",
          "Upgrade: websocket\r\n",
          "X: y\r\n",
          " folded\r\n",
          "\r\n",
          "\r\n",
          "abc",
          "3\r\nabc\r\n",
          "0\r\n\r\n",
          "0\r\nT: 1\r\n\r\n",
          "3;a=b\r\nabc\r\n",
          "\n",
          "\r",
          "\u0000",
          " ",
          ":",
          "\u00ff");

  private static String text(Random random) {
    var text = new StringBuilder();
    if (random.nextInt(4) > 0) {
      text.append(PARTS.get(random.nextInt(5))).append("Host: a\r\n");
    }
    for (int parts = random.nextInt(12); parts > 0; parts--) {
      text.append(PARTS.get(random.nextInt(PARTS.size())));
    }
    if (random.nextInt(3) == 0 && !text.isEmpty()) {
      text.setCharAt(random.nextInt(text.length()), (char) random.nextInt(256));
    }
    return text.toString();
  }

  /**
   * What is read out of a text: requests with what stands in them, and how it ends.
   *
   * @param inPieces whether it arrives a few bytes at a time
   */
  private static List<String> read(String text, Random random, boolean inPieces) {
    List<String> read = new ArrayList<>();
    var parser = new RequestParser(Limits.DEFAULT);
    ByteBuf in = Unpooled.buffer();
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    var body = new StringBuilder();
    int sent = 0;
    try {
      while (true) {
        HttpObject part = parser.next(in);
        if (part instanceof Http1Request head) {
          read.add("head " + head.method() + " " + head.uri() + " " + head.headers().entries());
        } else if (part instanceof HttpContent content) {
          body.append(content.content().toString(StandardCharsets.ISO_8859_1));
          content.release();
          if (part instanceof LastHttpContent last) {
            read.add("body " + body + " " + last.trailingHeaders().entries());
            body.setLength(0);
          }
        } else if (sent == bytes.length) {
          read.add("more, after " + body);
          return read;
        } else {
          int length = inPieces ? 1 + random.nextInt(5) : bytes.length;
          int end = Math.min(bytes.length, sent + length);
          in.writeBytes(bytes, sent, end - sent);
          sent = end;
        }
      }
    } catch (MalformedRequest e) {
      read.add(e.status().toString());
      return read;
    } finally {
      in.release();
    }
  }

  @Property(tries = 5_000)
  void next_inPieces_readsWhatItReadsInOne(@ForAll long seed) {
    var random = new Random(seed);
    String text = text(random);
    assertEquals(read(text, random, false), read(text, random, true), () -> "of " + text);
  }

  /** What goes on to a server is read as the same requests again, and nothing is left over. */
  @Property(tries = 5_000)
  void next_encodedAnew_readsTheSame(@ForAll long seed) {
    var random = new Random(seed);
    String text = text(random);
    var encoder = new EmbeddedChannel(new HttpRequestEncoder());
    var parser = new RequestParser(Limits.DEFAULT);
    ByteBuf in = Unpooled.copiedBuffer(text, StandardCharsets.ISO_8859_1);
    int requests = 0;
    int ends = 0;
    try {
      for (HttpObject part = parser.next(in); part != null; part = parser.next(in)) {
        requests += part instanceof Http1Request ? 1 : 0;
        ends += part instanceof LastHttpContent ? 1 : 0;
        encoder.writeOutbound(part);
      }
    } catch (MalformedRequest e) {
      // What was read before it went on.
    } finally {
      in.release();
    }
    var sent = new StringBuilder();
    for (ByteBuf each = encoder.readOutbound(); each != null; each = encoder.readOutbound()) {
      sent.append(each.toString(StandardCharsets.ISO_8859_1));
      each.release();
    }
    encoder.finishAndReleaseAll();
    List<String> again = read(sent.toString(), random, false);
    int heads = 0;
    for (String each : again) {
      heads += each.startsWith("head ") ? 1 : 0;
      assertTrue(!each.startsWith("4"), () -> "sent " + sent + " of " + text);
    }
    assertEquals(requests, heads, () -> "sent " + sent + " of " + text);
    assertTrue(ends <= requests);
  }
}
