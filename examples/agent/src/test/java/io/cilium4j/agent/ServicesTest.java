// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentEvent.ServiceDeleted;
import io.cilium4j.agent.AgentEvent.ServiceUpserted;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.Service;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.api.model.ServiceStatus;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.service.ServiceRefusedException;
import io.cilium4j.service.ServiceRefusedException.Part;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Services of a running agent: of a folder of manifests, and of those who put some. */
class ServicesTest extends AgentFixture {
  private static final FrontendKey WEB = key("10.96.0.1");

  private static final String MANIFEST =
      """
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: shop}
      spec:
        clusterIPs: [10.96.0.1, "fd00:96::1"]
        externalTrafficPolicy: Local
        type: NodePort
        ports: [{name: http, port: 80, targetPort: web}]
      ---
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
      addressType: IPv4
      ports: [{name: http, port: 8080}]
      endpoints: [{addresses: [10.1.0.7], nodeName: node-2}]
      """;

  private final RecordingDatapath datapath = new RecordingDatapath();

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  private static FrontendKey key(String address) {
    return new FrontendKey(IpAddress.parse(address), 80, Protocol.TCP);
  }

  private static ServiceSpec spec(long number, String frontend, String... backends) {
    return new ServiceSpec(
        number,
        new FrontendAddress(frontend, "tcp", "external", 80),
        List.of(backends).stream()
            .map(each -> new BackendAddress(each, 8080, "", "active", false, null))
            .toList(),
        ServiceSpec.Flags.builder().type("ClusterIP").build(),
        false);
  }

  private void await(BooleanSupplier condition) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (var watch = agent.services().frontends().watch()) {
      while (!condition.getAsBoolean()) {
        assertTrue(System.nanoTime() < end, () -> agent.services().all() + " " + agent.problems());
        watch.take(Duration.ofMillis(5));
      }
    }
  }

  /** What is realised of the service of a frontend; none if there is no such service. */
  private List<BackendAddress> realized(String frontend) {
    return find(frontend).stream().flatMap(each -> realized(each).stream()).toList();
  }

  private static List<BackendAddress> realized(Service service) {
    ServiceStatus status = Objects.requireNonNull(service.status());
    return Objects.requireNonNull(status.realized()).backendAddresses();
  }

  private List<Service> find(String frontend) {
    return agent.services().all().stream()
        .filter(each ->
            Objects.requireNonNull(Objects.requireNonNull(each.spec()).frontendAddress())
                .ip()
                .equals(frontend))
        .toList();
  }

  private Map<String, Long> numbers() {
    return agent.services().all().stream()
        .map(each -> Objects.requireNonNull(each.spec()))
        .collect(
            Collectors.toMap(
                each -> Objects.requireNonNull(each.frontendAddress()).ip(), ServiceSpec::id));
  }

  @Test
  void manifest_ofAService_isInTheDatapathAndShown() throws Exception {
    writeManifest("web.yaml", MANIFEST);
    await(() -> !realized("10.96.0.1").isEmpty());
    assertEquals(
        List.of(Backend.active(IpAddress.parse("10.1.0.7"), 8080)),
        Objects.requireNonNull(datapath.frontends.get(WEB)).backends());
    Service shown = find("10.96.0.1").getFirst();
    ServiceSpec spec = Objects.requireNonNull(shown.spec());
    assertEquals(
        ServiceSpec.Flags.builder()
            .type("ClusterIP")
            .trafficPolicy("Local")
            .extTrafficPolicy("Local")
            .intTrafficPolicy("Cluster")
            .name("web")
            .namespace("shop")
            .build(),
        spec.flags());
    assertEquals(new FrontendAddress("10.96.0.1", "tcp", "external", 80), spec.frontendAddress());
    assertEquals(
        List.of(new BackendAddress("10.1.0.7", 8080, "node-2", "active", false, null)),
        spec.backendAddresses());
    assertEquals(shown, agent.services().get(spec.id()).orElseThrow());
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void numbers_afterARestart_areTheSame() throws Exception {
    writeManifest("web.yaml", MANIFEST);
    await(() -> datapath.frontends.size() == 4 && numbers().size() == 2);
    assertTrue(agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7")));
    Map<String, Long> before = numbers();
    Map<FrontendKey, FrontendRow> rows = Map.copyOf(datapath.frontends);
    assertEquals(3, before.size());
    // One before the others, that would take the first number.
    writeManifest(
        "early.yaml",
        MANIFEST.replace("10.96.0.1", "10.96.0.0").replace("96::1", "96::").replace("web", "aaa"));
    restart();
    await(() -> datapath.frontends.size() == 9 && numbers().size() == 5);
    Map<String, Long> after = numbers();
    before.forEach((frontend, number) -> assertEquals(number, after.get(frontend)));
    rows.forEach((key, row) -> assertEquals(row, datapath.frontends.get(key)));
    assertEquals(5, after.values().stream().distinct().count());
  }

  @Test
  void put_isInTheDatapathWhenItAnswers_untilItIsDeleted() throws Exception {
    assertTrue(agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7")));
    FrontendRow row = Objects.requireNonNull(datapath.frontends.get(key("10.96.0.7")));
    assertEquals(7, row.service());
    assertEquals(1, realized("10.96.0.7").size());
    assertFalse(agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7", "10.1.0.8")));
    assertEquals(
        2, Objects.requireNonNull(datapath.frontends.get(key("10.96.0.7"))).backends().size());
    assertTrue(agent.services().delete(7));
    assertEquals(Map.of(), datapath.frontends);
    assertFalse(agent.services().delete(7));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          10.96.0.1   | 10.1.0.9    | frontend 10.96.0.1 80/TCP is that of the service
          10.96.0.7   | 10.1.0.9    | frontend 10.96.0.7 80/TCP is that of the service 7 already
          10.1.0.50   | 10.1.0.9    | 10.1.0.50 is a node's or a pod's own address
          127.0.0.1   | 10.1.0.9    | frontend 127.0.0.1: a loopback address
          0.0.0.0     | 10.1.0.9    | frontend 0.0.0.0: an unspecified address
          10.96.0.8   | 127.0.0.1   | backend 127.0.0.1: a loopback address
          10.96.0.8   | 169.254.0.1 | backend 169.254.0.1: a link-local address
          10.96.0.8   | fd00:1::9   | backend fd00:1::9: its frontend 10.96.0.8 is of the other family
          """)
  void put_wrongOrAnothers_isRefusedAndChangesNothing(
      String frontend, String backend, String message) throws Exception {
    writeManifest("web.yaml", MANIFEST);
    await(() -> !realized("10.96.0.1").isEmpty() && !find("fd00:96::1").isEmpty());
    assertTrue(agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7")));
    List<Service> before = agent.services().all();
    var e =
        assertThrows(
            ServiceRefusedException.class,
            () -> agent.services().put(500, spec(500, frontend, backend)));
    assertTrue(String.valueOf(e.getMessage()).startsWith(message), e.getMessage());
    assertEquals(message.startsWith("backend") ? Part.BACKENDS : Part.FRONTEND, e.part());
    assertEquals(before, agent.services().all());
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void put_aNumberOfKubernetes_isRefused() throws Exception {
    writeManifest("web.yaml", MANIFEST);
    await(() -> numbers().size() == 2);
    long number = Objects.requireNonNull(numbers().get("10.96.0.1"));
    var e =
        assertThrows(
            ServiceRefusedException.class,
            () -> agent.services().put(number, spec(number, "10.96.0.8", "10.1.0.9")));
    assertEquals("id " + number + ": a frontend of Kubernetes has this number", e.getMessage());
    var deletion = assertThrows(AgentException.class, () -> agent.services().delete(number));
    assertEquals("service " + number + " is Service/shop/web of Kubernetes", deletion.getMessage());
  }

  @Test
  void put_refusedByTheDatapath_saysWhyAndIsTriedAgain() throws Exception {
    datapath.refusedFrontends.add(key("10.96.0.7"));
    var e =
        assertThrows(
            AgentException.class, () -> agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7")));
    assertEquals(
        "service 7 is not carried out yet, and is tried again: no room for frontend 10.96.0.7"
            + " 80/TCP",
        e.getMessage());
    assertEquals(List.of(), realized("10.96.0.7"));
    assertEquals(
        "frontend 10.96.0.7 80/TCP: no room for frontend 10.96.0.7 80/TCP",
        agent.problems().get("frontend 10.96.0.7 80/TCP"));
    datapath.refusedFrontends.clear();
    await(() -> !realized("10.96.0.7").isEmpty());
    assertEquals(Map.of(), agent.problems());
  }

  @Test
  void manifest_takesTheFrontendOfOneThatWasPut_hasItAndTheOtherIsTold() throws Exception {
    assertTrue(agent.services().put(7, spec(7, "10.96.0.1", "10.1.0.9")));
    writeManifest("web.yaml", MANIFEST);
    await(() -> datapath.frontends.size() == 4 && agent.problems().size() == 1);
    Service loser = agent.services().get(7).orElseThrow();
    assertEquals(1, Objects.requireNonNull(loser.spec()).backendAddresses().size());
    assertEquals(List.of(), realized(loser));
    assertEquals(
        "service 7: frontend 10.96.0.1 80/TCP is Service/shop/web's",
        agent.problems().get("service 7 10.96.0.1"));
    assertEquals(
        IpAddress.parse("10.1.0.7"),
        Objects.requireNonNull(datapath.frontends.get(WEB)).backends().getFirst().address());
  }

  @Test
  void datapath_withoutServices_keepsThem() throws Exception {
    datapath.rowKinds = EnumSet.complementOf(EnumSet.of(RowKind.FRONTEND));
    restart();
    assertFalse(agent.services().areCarriedOut());
    writeManifest("web.yaml", MANIFEST);
    assertTrue(agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7")));
    await(() -> agent.services().all().size() == 3);
    assertEquals(List.of(), realized("10.96.0.7"));
    assertEquals(Map.of(), datapath.frontends);
  }

  @Test
  void events_ofServices_tellBothKinds() throws Exception {
    BlockingQueue<AgentEvent> events = new LinkedBlockingQueue<>();
    try (var _ = agent.onEvent(events::add)) {
      assertTrue(agent.services().put(7, spec(7, "10.96.0.7", "10.1.0.7")));
      assertEquals(new ServiceUpserted(spec(7, "10.96.0.7", "10.1.0.7")), next(events));
      assertTrue(agent.services().delete(7));
      assertEquals(new ServiceDeleted(7), next(events));
      writeManifest("web.yaml", MANIFEST);
      assertTrue(next(events) instanceof ServiceUpserted(var spec) && spec.id() > 0);
    }
  }

  private static AgentEvent next(BlockingQueue<AgentEvent> events) throws Exception {
    while (true) {
      AgentEvent event = events.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
      assertTrue(event != null, "no event");
      if (event instanceof ServiceUpserted || event instanceof ServiceDeleted) {
        return event;
      }
    }
  }
}
