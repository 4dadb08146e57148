// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** A wire to a server on loopback that can be cut, and that can fall silent. */
final class Wire implements AutoCloseable {
  private final ServerSocket socket;
  private final int target;
  private final Set<Socket> ends = ConcurrentHashMap.newKeySet();
  private volatile boolean isCut;
  private volatile boolean isSilent;

  Wire(String address) throws IOException {
    this.target = URI.create(address).getPort();
    this.socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  String address() {
    return "https://127.0.0.1:" + socket.getLocalPort();
  }

  /** Ends every connection, and takes no more. */
  void cut() {
    isCut = true;
    ends.forEach(Wire::close);
  }

  /** What is on its way now never arrives, and nobody is told. */
  void fallSilent() {
    isSilent = true;
  }

  /** New connections work again. */
  void mend() {
    isCut = false;
    isSilent = false;
  }

  private void accept() {
    try {
      while (true) {
        Socket near = socket.accept();
        if (isCut) {
          close(near);
          continue;
        }
        var far = new Socket();
        far.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), target));
        ends.add(near);
        ends.add(far);
        var state =
            new Object() {
              volatile boolean isDead;
            };
        for (Socket[] pair : new Socket[][] {{near, far}, {far, near}}) {
          Thread.ofVirtual()
              .start(() -> {
                try (Socket from = pair[0];
                    Socket to = pair[1]) {
                  InputStream in = from.getInputStream();
                  OutputStream out = to.getOutputStream();
                  byte[] buffer = new byte[8192];
                  for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                    // A connection that was silent once stays so.
                    state.isDead |= isSilent;
                    if (!state.isDead) {
                      out.write(buffer, 0, read);
                    }
                  }
                } catch (IOException e) {
                  // Either end went.
                }
              });
        }
      }
    } catch (IOException e) {
      cut();
    }
  }

  private static void close(Socket end) {
    try {
      end.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    cut();
  }
}
