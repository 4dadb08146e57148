// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/** A server on loopback that answers each request by the next line of a script, in HTTP/1.1. */
final class ScriptedServer implements AutoCloseable {
  private static final int PATIENCE_SECONDS = 20;

  /**
   * An answer.
   *
   * @param body what is sent; the connection ends after it
   * @param isHeld whether the connection stays open, with nothing more sent, until the server
   *     closes
   */
  private record Answer(int status, String body, boolean isHeld) {}

  private final ServerSocket socket;
  private final List<Answer> script = new CopyOnWriteArrayList<>();
  private final BlockingQueue<String> requests = new LinkedBlockingQueue<>();
  private final CountDownLatch end = new CountDownLatch(1);

  ScriptedServer() throws IOException {
    this.socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::accept);
  }

  ScriptedServer answer(int status, String body) {
    script.add(new Answer(status, body, false));
    return this;
  }

  /** Sends this, and then nothing. */
  ScriptedServer hold(String body) {
    script.add(new Answer(200, body, true));
    return this;
  }

  ApiClient client() {
    return new ApiClient(
        new ApiOptions(
            new ApiAccess() {
              @Override
              public List<URI> servers() {
                return List.of(URI.create("http://127.0.0.1:" + socket.getLocalPort()));
              }

              @Override
              public SSLContext tls() throws IOException {
                try {
                  return SSLContext.getDefault();
                } catch (NoSuchAlgorithmException e) {
                  throw new IOException(e);
                }
              }

              @Override
              public Optional<String> authorization() {
                return Optional.of("Bearer t");
              }

              @Override
              public void rejected() {}

              @Override
              public String namespace() {
                return "ours";
              }
            },
            1000,
            1000,
            ""));
  }

  /** The next request's line, without what is random. */
  String request() throws InterruptedException {
    String line = requests.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    return line == null ? "none" : line;
  }

  private void accept() {
    try {
      while (true) {
        Socket connection = socket.accept();
        Thread.ofVirtual().start(() -> serve(connection));
      }
    } catch (IOException e) {
      end.countDown();
    }
  }

  private void serve(Socket connection) {
    try (connection) {
      var in =
          new BufferedReader(
              new InputStreamReader(connection.getInputStream(), StandardCharsets.US_ASCII));
      String line = in.readLine();
      if (line == null) {
        return;
      }
      for (String header = in.readLine(); header != null && !header.isEmpty(); ) {
        header = in.readLine();
      }
      Answer answer = script.isEmpty() ? new Answer(200, "", true) : script.removeFirst();
      requests.add(
          line.replaceFirst("^GET ", "")
              .replaceFirst(" HTTP/1.1$", "")
              .replaceFirst("&timeoutSeconds=[0-9]+", ""));
      OutputStream out = connection.getOutputStream();
      out.write(
          ("HTTP/1.1 " + answer.status() + " X\r\nConnection: close\r\n\r\n" + answer.body())
              .getBytes(StandardCharsets.UTF_8));
      out.flush();
      if (answer.isHeld()) {
        end.await();
      }
    } catch (IOException e) {
      // The client went.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    end.countDown();
  }
}
