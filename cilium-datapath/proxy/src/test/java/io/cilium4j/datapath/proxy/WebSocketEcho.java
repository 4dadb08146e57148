// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Locale;

/** The server's side of RFC 6455, as far as an echo of text needs it. */
final class WebSocketEcho {
  private WebSocketEcho() {}

  static void serve(Socket socket) throws IOException {
    String head = ScriptedServer.head(socket.getInputStream());
    String key =
        head.lines()
            .filter(each -> each.toLowerCase(Locale.ROOT).startsWith("sec-websocket-key:"))
            .map(each -> each.substring(each.indexOf(':') + 1).strip())
            .findFirst()
            .orElseThrow();
    ScriptedServer.send(
        socket,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: "
            + accept(key)
            + "\r\n\r\n");
    var in = new DataInputStream(socket.getInputStream());
    while (true) {
      int kind = in.readUnsignedByte() & 0xf;
      long length = in.readUnsignedByte() & 0x7f;
      length = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
      byte[] mask = in.readNBytes(4);
      byte[] text = in.readNBytes((int) length);
      for (int i = 0; i < text.length; i++) {
        text[i] ^= mask[i % 4];
      }
      var frame = new ByteArrayOutputStream();
      frame.write(0x80 | kind);
      if (length < 126) {
        frame.write((int) length);
      } else {
        frame.write(127);
        for (int shift = 56; shift >= 0; shift -= 8) {
          frame.write((int) (length >>> shift));
        }
      }
      frame.write(text);
      socket.getOutputStream().write(frame.toByteArray());
      if (kind == 8) {
        return;
      }
    }
  }

  private static String accept(String key) {
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-1");
      String text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
      return Base64.getEncoder()
          .encodeToString(sha.digest(text.getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
