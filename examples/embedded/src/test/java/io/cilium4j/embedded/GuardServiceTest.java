// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpServer;
import io.cilium4j.policy.Party;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import org.junit.jupiter.api.Test;

class GuardServiceTest {
  private static final String RULE1 =
      AskPolicy.RULE1 + "      rules: {http: [{method: POST, path: /v1/request-landing}]}\n";

  private static int status(String organisation, String method, String path) throws IOException {
    HttpServer server = GuardService.start(RULE1, _ -> Party.pod("default", "org=" + organisation));
    try {
      String url = "http://127.0.0.1:" + server.getAddress().getPort() + path;
      var connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
      connection.setRequestMethod(method);
      return connection.getResponseCode();
    } finally {
      server.stop(0);
    }
  }

  @Test
  void service_withPolicy_letsLandWhomItLets() throws IOException {
    assertEquals(200, status("empire", "POST", "/v1/request-landing"));
    assertEquals(403, status("empire", "PUT", "/v1/exhaust-port"));
    assertEquals(403, status("alliance", "POST", "/v1/request-landing"));
  }
}
