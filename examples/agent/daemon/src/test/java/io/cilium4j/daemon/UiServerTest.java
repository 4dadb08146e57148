// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page's server of a whole daemon: what it serves, and whom it refuses. */
class UiServerTest {
  @TempDir Path folder;

  private Daemon start(String... more) throws IOException {
    List<String> flags =
        new ArrayList<>(
            List.of(
                "--instance=uit",
                "--datapath=memory",
                "--ipv4-range=10.98.0.0/24",
                "--ipv6-range=fd98::/120",
                "--enable-hubble",
                "--hubble-socket-path=" + folder.resolve("hubble.sock"),
                "--state-dir=" + folder.resolve("state"),
                "--socket-path=" + folder.resolve("api.sock"),
                "--monitor-socket=" + folder.resolve("monitor.sock")));
    flags.addAll(List.of(more));
    return Daemon.start(DaemonSettings.read(flags, Map.of()));
  }

  private static int freePort() throws IOException {
    try (var free = new ServerSocket(0)) {
      return free.getLocalPort();
    }
  }

  /** An answer as it came, since clients of the JDK choose some headers themselves. */
  private static String ask(int port, String path, String... headers) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(30_000);
      String request =
          "GET "
              + path
              + " HTTP/1.1\r\n"
              + String.join("\r\n", headers)
              + "\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.UTF_8));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static int status(String answer) {
    return Integer.parseInt(answer.split(" ", 3)[1]);
  }

  @Test
  void page_withTheLink_showsDataAndNobodyElseDoes() throws IOException {
    int port = freePort();
    try (var _ = start("--ui-address=127.0.0.1:" + port)) {
      Path file = folder.resolve("ui.link");
      assertEquals(
          PosixFilePermissions.fromString("rw-------"), Files.getPosixFilePermissions(file));
      String link = Files.readString(file).strip();
      assertTrue(link.startsWith("http://127.0.0.1:" + port + "/#token="), link);
      String host = "Host: 127.0.0.1:" + port;
      String token = "Authorization: Bearer " + link.substring(link.indexOf('=') + 1);

      String page = ask(port, "/", host);
      assertEquals(200, status(page));
      assertTrue(page.contains("Content-security-policy: default-src 'none'"), page);
      assertTrue(page.contains("<script src=\"page.js\" defer></script>"), page);
      assertEquals(200, status(ask(port, "/page.js", host)));
      assertEquals(404, status(ask(port, "/UiServer.class", host)));
      assertEquals(404, status(ask(port, "/../Daemon.class", host)));

      String flows = ask(port, "/api/flows?after=0", host, token);
      assertEquals(200, status(flows));
      assertTrue(flows.contains("\"next\":"), flows);
      assertEquals(200, status(ask(port, "/api/endpoints", "Host: localhost:" + port, token)));
      assertEquals(200, status(ask(port, "/api/policies", host, token)));
      assertTrue(ask(port, "/api/why?flow=99", host, token).contains("not kept any more"));
      assertEquals(404, status(ask(port, "/api/nothing", host, token)));

      assertEquals(401, status(ask(port, "/api/flows", host)));
      assertEquals(401, status(ask(port, "/api/flows", host, token + "x")));
      assertEquals(403, status(ask(port, "/api/flows", "Host: evil.example:" + port, token)));
      assertEquals(403, status(ask(port, "/", "Host: evil.example:" + port)));
      String foreign = "Origin: http://evil.example";
      assertEquals(403, status(ask(port, "/api/flows", host, token, foreign)));
      assertEquals(403, status(ask(port, "/page.js", host, "Sec-Fetch-Site: cross-site")));
      String own = "Origin: http://127.0.0.1:" + port;
      assertEquals(200, status(ask(port, "/api/flows", host, token, own)));
    }
    assertFalse(Files.exists(folder.resolve("ui.link")));
    assertEquals(0, Cleanup.run(cleanup(), Map.of()));
  }

  @Test
  void start_atAnAddressThatOthersReach_isRefused() throws IOException {
    var e = assertThrows(OptionException.class, () -> start("--ui-address=0.0.0.0:0").close());
    assertTrue(
        Optional.ofNullable(e.getMessage()).orElse("").contains("wanted an address of loopback"),
        e.getMessage());
  }

  private List<String> cleanup() {
    return List.of("-f", "--instance=uit", "--state-dir=" + folder.resolve("state"));
  }
}
