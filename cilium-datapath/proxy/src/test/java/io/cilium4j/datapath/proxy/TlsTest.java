// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** TLS is decided by the server name of the client's hello, and passed on as it is. */
@TestInstance(Lifecycle.PER_CLASS)
@Timeout(60)
class TlsTest {
  private static final char[] PASSWORD = "changeit".toCharArray();
  private static final RequestMatcher NAMES =
      RequestMatcher.builder()
          .serverNames(ProxyHarness.RULE, List.of("*.shop.io", "shop.io"))
          .build();

  private TrustManager[] trust;
  private SSLServerSocket server;
  private ProxyHarness harness;

  @BeforeAll
  void start(@TempDir Path folder) throws Exception {
    Path store = folder.resolve("keys.p12");
    String[] keytool = {
      Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
      "-genkeypair",
      "-keyalg",
      "EC",
      "-alias",
      "a",
      "-dname",
      "CN=shop.io",
      "-storetype",
      "PKCS12",
      "-storepass",
      new String(PASSWORD),
      "-keystore",
      store.toString()
    };
    assertEquals(0, new ProcessBuilder(keytool).inheritIO().start().waitFor());
    KeyStore keys = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(store)) {
      keys.load(in, PASSWORD);
    }
    var keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keyManagers.init(keys, PASSWORD);
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    trusted.setCertificateEntry("a", keys.getCertificate("a"));
    var trustManagers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trustManagers.init(trusted);
    trust = trustManagers.getTrustManagers();
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keyManagers.getKeyManagers(), null, null);
    server =
        (SSLServerSocket)
            context
                .getServerSocketFactory()
                .createServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread.ofVirtual().start(this::echo);
    harness = new ProxyHarness((InetSocketAddress) server.getLocalSocketAddress(), NAMES);
  }

  @AfterAll
  void stop() throws IOException {
    harness.close();
    server.close();
  }

  private void echo() {
    try {
      while (true) {
        Socket socket = server.accept();
        Thread.ofVirtual()
            .start(() -> {
              try (socket) {
                socket.getInputStream().transferTo(socket.getOutputStream());
              } catch (IOException e) {
                // The client is gone.
              }
            });
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private String echoed(String name, String text) throws Exception {
    SSLContext context = SSLContext.getInstance("TLS"); // A session would keep its server's name.
    context.init(null, trust, null);
    try (Socket plain = harness.connect();
        var tls =
            (SSLSocket) context.getSocketFactory().createSocket(plain, "127.0.0.1", 443, true)) {
      SSLParameters parameters = tls.getSSLParameters();
      parameters.setServerNames(name.isEmpty() ? List.of() : List.of(new SNIHostName(name)));
      tls.setSSLParameters(parameters);
      tls.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
      return new String(tls.getInputStream().readNBytes(text.length()), StandardCharsets.US_ASCII);
    }
  }

  @Test
  void serverName_allowed_reachesTheServer() throws Exception {
    String text = "hello".repeat(20_000);
    assertEquals(text, echoed("www.shop.io", text));
    AccessRecord access = harness.records().getLast();
    assertEquals(AccessRecord.Protocol.TLS, access.protocol());
    assertEquals("www.shop.io", access.host());
    assertEquals(AccessRecord.Outcome.FORWARDED, access.outcome());
  }

  @Test
  void serverName_otherOrNone_isReset() {
    assertThrows(IOException.class, () -> echoed("evil.io", "hello"));
    assertThrows(IOException.class, () -> echoed("a.b.shop.io", "hello"));
    assertThrows(IOException.class, () -> echoed("", "hello"));
  }

  @Test
  void request_inPlainText_isDeniedWhereRulesNameServers() throws IOException {
    String answer = harness.exchange("GET / HTTP/1.1\r\nHost: shop.io\r\n\r\n");
    assertEquals("HTTP/1.1 403", answer.substring(0, 12));
  }

  @Test
  void tls_whereRulesAskOfRequests_isReset() {
    harness.rules(ProxyHarness.rules(HttpRule.ANY));
    try {
      assertThrows(IOException.class, () -> echoed("www.shop.io", "hello"));
    } finally {
      harness.rules(NAMES);
    }
  }
}
