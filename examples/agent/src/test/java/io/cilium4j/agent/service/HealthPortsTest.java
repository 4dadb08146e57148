// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.service.ExternalAccess;
import io.cilium4j.service.Frontend;
import io.cilium4j.service.FrontendType;
import io.cilium4j.service.KubernetesService;
import io.cilium4j.service.PlacedBackend;
import java.io.IOException;
import java.net.ConnectException;
import java.net.HttpURLConnection;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Load balancers ask for a service's backends. */
class HealthPortsTest {
  private static final String NODE = "n1";
  private static final IpAddress VIP = IpAddress.parse("10.96.0.1");

  private final TableWriter<Long, Frontend> frontends =
      TableWriter.create("frontends", Comparator.naturalOrder(), Set.of());
  private final HealthPorts ports = new HealthPorts();

  @AfterEach
  void close() {
    ports.close();
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static PlacedBackend backend(int number, String node, Backend.State state) {
    return new PlacedBackend(new Backend(IpAddress.parse("10.0.0." + number), 8080, state), node);
  }

  private void serve(long number, String name, int healthPort, PlacedBackend... backends) {
    var owner =
        new KubernetesService(
            new ResourceKey("Service", "shop", name),
            "2026-01-01T00:00:0" + number + "Z",
            List.of(VIP),
            List.of(),
            0,
            "Local",
            false,
            new ExternalAccess(
                Set.of(), List.of(), List.of(), List.of(), healthPort, Optional.empty()));
    frontends.write(batch ->
        batch.put(
            number,
            new Frontend(
                (int) number,
                new FrontendKey(VIP, (int) number, Protocol.TCP),
                FrontendType.LOAD_BALANCER,
                owner,
                List.of(backends),
                0,
                "")));
    follow();
  }

  private void follow() {
    ports.follow(frontends.table().snapshot(), NODE);
  }

  private static HttpURLConnection ask(int port) throws IOException {
    var asked =
        (HttpURLConnection)
            URI.create("http://127.0.0.1:" + port + "/healthz").toURL().openConnection();
    asked.getResponseCode(); // Connects.
    return asked;
  }

  @Test
  void asked_ofBackendsHereAndElsewhere_tellsThoseHereThatTakeConnections() throws Exception {
    int port = freePort();
    PlacedBackend here = backend(1, NODE, Backend.State.ACTIVE);
    serve(
        1,
        "web",
        port,
        here,
        backend(2, NODE, Backend.State.ACTIVE),
        backend(3, "n2", Backend.State.ACTIVE),
        backend(4, NODE, Backend.State.TERMINATING));
    // Another port of the same service, with the same backends.
    serve(2, "web", port, here);
    HttpURLConnection answer = ask(port);
    assertEquals(200, answer.getResponseCode());
    assertEquals(
        """
        {
        	"service": {
        		"namespace": "shop",
        		"name": "web"
        	},
        	"localEndpoints": 2
        }\
        """,
        new String(answer.getInputStream().readAllBytes(), StandardCharsets.US_ASCII));
    assertEquals("application/json", answer.getHeaderField("Content-Type"));
    assertEquals("2", answer.getHeaderField("X-Load-Balancing-Endpoint-Weight"));
  }

  @Test
  void asked_ofNoneHere_isUnavailableUntilOneComes() throws Exception {
    int port = freePort();
    serve(1, "web", port, backend(3, "n2", Backend.State.ACTIVE));
    assertEquals(503, ask(port).getResponseCode());
    serve(1, "web", port, backend(1, NODE, Backend.State.ACTIVE));
    assertEquals(200, ask(port).getResponseCode());
  }

  @Test
  void service_thatIsGoneOrHasAnotherPort_isAskedThereNoMore() throws Exception {
    int first = freePort();
    serve(1, "web", first, backend(1, NODE, Backend.State.ACTIVE));
    int second = freePort();
    serve(1, "web", second, backend(1, NODE, Backend.State.ACTIVE));
    assertThrows(ConnectException.class, () -> ask(first));
    assertEquals(200, ask(second).getResponseCode());
    frontends.write(batch -> batch.remove(1L));
    follow();
    assertThrows(ConnectException.class, () -> ask(second));
  }

  @Test
  void port_thatSomebodyElseHas_isAProblemUntilItIsFree() throws Exception {
    int port;
    try (var other = new ServerSocket(0)) {
      port = other.getLocalPort();
      serve(1, "web", port, backend(1, NODE, Backend.State.ACTIVE));
      assertEquals(
          Map.of(
              "Service/shop/web health check port",
              "Service/shop/web: load balancers cannot ask for it: health port "
                  + port
                  + " of 0.0.0.0: Address already in use"),
          ports.problems());
    }
    follow();
    assertEquals(Map.of(), ports.problems());
    assertEquals(200, ask(port).getResponseCode());
  }
}
