// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What services and slices come to, rule by rule. */
class FrontendOwnersTest {
  private static final String WEB = "clusterIP: 10.96.0.1, ports: [{port: 80}]";

  private final TestServices services = new TestServices();

  /** Address and port of the frontend; addresses of the backends. */
  private void putRequest(long number, String frontend, String... backends) {
    String[] address = frontend.split(" ", -1);
    services.owners.putRequest(
        number,
        new TestServices.Request(address[0], Integer.parseInt(address[1]), List.of(backends)));
    services.look();
  }

  private String refusal(int number) {
    Frontend frontend = services.frontends.get(number);
    return frontend == null ? "there is none" : frontend.refusal();
  }

  private Map<String, String> problems() {
    return services.owners.problems();
  }

  @Test
  void service_twoFamiliesAndSeveralPorts_hasAFrontendOfEach() {
    services.put(
        TestServices.service(
            "dns",
            "clusterIPs: [10.96.0.10, \"fd00:96::a\"], ports: [{name: udp, port: 53, protocol: UDP,"
                + " targetPort: dns}, {name: tcp, port: 53, targetPort: dns},"
                + " {name: sctp, port: 99, protocol: SCTP}]"),
        TestServices.slice(
            "dns-4",
            "dns",
            "addressType: IPv4, endpoints: [{addresses: [10.1.0.5]}, {addresses: [10.1.0.4]}], ports:"
                + " [{name: udp, port: 5353, protocol: UDP}, {name: tcp, port: 5354}, {name: sctp,"
                + " port: 99, protocol: SCTP}]"),
        TestServices.slice(
            "dns-6",
            "dns",
            "addressType: IPv6, endpoints: [{addresses: [\"fd00:1::5\"]}], ports: [{name: udp, port:"
                + " 5355, protocol: UDP}]"));
    assertEquals(
        Map.of(
            "10.96.0.10 53/UDP", "10.1.0.4:5353 10.1.0.5:5353",
            "10.96.0.10 53/TCP", "10.1.0.4:5354 10.1.0.5:5354",
            "10.96.0.10 99/SCTP", "10.1.0.4:99 10.1.0.5:99",
            "fd00:96::a 53/UDP", "[fd00:1::5]:5355",
            "fd00:96::a 53/TCP", "",
            "fd00:96::a 99/SCTP", ""),
        services.texts());
    assertEquals(Map.of(), problems());
    long numbers =
        services.rows.values().stream()
            .filter(row -> !row.key().isRest())
            .map(row -> row.service())
            .distinct()
            .count();
    assertEquals(6, numbers, "each has a number of its own");
  }

  @Test
  void addresses_ofKubernetes_dropWhateverElseTheyAreAsked() {
    services.put(
        TestServices.service(
            "web", "clusterIPs: [10.96.0.1, \"fd00:96::1\"], ports: [{port: 80}]"));
    putRequest(7, "10.96.0.9 80", "10.1.0.1");
    assertEquals(
        List.of("10.96.0.1", "fd00:96::1"),
        services.rows.keySet().stream()
            .filter(FrontendKey::isRest)
            .map(key -> key.address().toString())
            .toList());
  }

  @Test
  void slices_several_areOneServicesAndALeavingOneTakesItsOwn() {
    RawResource one = TestServices.slice("web-1", "web", 8080, List.of("10.1.0.1", "10.1.0.2"));
    RawResource two = TestServices.slice("web-2", "web", 8081, List.of("10.1.0.2", "10.1.0.3"));
    services.put(TestServices.service("web", WEB), one, two);
    assertEquals(
        "10.1.0.1:8080 10.1.0.2:8080 10.1.0.2:8081 10.1.0.3:8081",
        services.texts().get("10.96.0.1 80/TCP"));
    services.remove(one);
    assertEquals("10.1.0.2:8081 10.1.0.3:8081", services.texts().get("10.96.0.1 80/TCP"));
    // It is another service's from now on.
    services.put(TestServices.slice("web-2", "other", 8081, List.of("10.1.0.2")));
    assertEquals("", services.texts().get("10.96.0.1 80/TCP"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {}                                              | 10.1.0.1:80
          {ready: true}                                   | 10.1.0.1:80
          {ready: true, terminating: true}                | 10.1.0.1:80
          {ready: false}                                  | ''
          {ready: false, serving: true}                   | ''
          {ready: false, serving: true, terminating: true}| 10.1.0.1:80/terminating
          {ready: false, serving: false, terminating: true}| ''
          {ready: null}                                   | 10.1.0.1:80
          """)
  void endpoint_byItsConditions_takesNewConnectionsOrNot(String conditions, String backends) {
    services.put(
        TestServices.service("web", WEB),
        TestServices.slice(
            "web",
            "web",
            "addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [10.1.0.1], conditions: "
                + conditions
                + "}]"));
    assertEquals(Map.of("10.96.0.1 80/TCP", backends), services.texts());
  }

  /** As while it moves from one slice to another. */
  @Test
  void endpoint_inTwoSlices_isThereOnceAndReadyIfOneSaysSo() {
    RawResource leaving =
        TestServices.slice(
            "web-1",
            "web",
            "addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [10.1.0.1], conditions:"
                + " {ready: false, serving: true, terminating: true}}]");
    services.put(
        TestServices.service("web", WEB),
        leaving,
        TestServices.slice("web-2", "web", 80, List.of("10.1.0.1")));
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:80"), services.texts());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          sessionAffinity: None                                                                        | ''
          sessionAffinity: ClientIP                                                                    | ' for 10800s'
          sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}           | ' for 60s'
          sessionAffinity: None, sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}               | ''
          """)
  void affinity_asTheServiceSays_isTheRows(String affinity, String shown) {
    services.put(
        TestServices.service("web", WEB + ", " + affinity),
        TestServices.slice("web", "web", 80, List.of("10.1.0.1")));
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:80" + shown), services.texts());
    assertEquals(Map.of(), problems());
  }

  @Test
  void internalPolicy_local_asksTheBackendsOfThisNode() {
    String content =
        "addressType: IPv4, ports: [{port: 80}], endpoints: [{addresses: [10.1.0.1], nodeName:"
            + " node-1}, {addresses: [10.2.0.1], nodeName: node-2}, {addresses: [10.3.0.1]}]";
    services.put(
        TestServices.service("web", WEB + ", internalTrafficPolicy: Local"),
        TestServices.slice("web", "web", content));
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:80"), services.texts());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "clusterIP: None, clusterIPs: [None], ports: [{port: 80}]",
        "clusterIP: \"\", ports: [{port: 80}]",
        "ports: [{port: 80}]",
        "type: ExternalName, externalName: example.org, clusterIP: 10.96.0.1, ports: [{port: 80}]",
      })
  void service_withoutAddress_isLeftAlone(String spec) {
    services.put(
        TestServices.service("web", spec),
        TestServices.slice("web", "web", 80, List.of("10.1.0.1")));
    assertEquals(Map.of(), services.rows);
    assertEquals(Map.of(), problems());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"})
  void service_ofAnotherProxy_isLeftAlone(String label) {
    services.put(
        TestServices.raw(
            """
            {apiVersion: v1, kind: Service, metadata: {name: web, labels: {%s: other}},
             spec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}}
            """
                .formatted(label)));
    assertEquals(Map.of(), services.rows);
  }

  // ---- two that want the same

  @Test
  void address_ofTwoServices_isTheOldersAndTheOtherIsTold() {
    RawResource young = created("a", "2026-01-02T00:00:00Z", 80);
    RawResource old = created("b", "2026-01-01T00:00:00Z", 81);
    services.put(young, old);
    assertEquals(List.of("10.96.0.1 81/TCP"), List.copyOf(services.texts().keySet()));
    assertEquals(
        Map.of(
            "Service/default/a 10.96.0.1",
            "Service/default/a: 10.96.0.1 is Service/default/b's, which is older"),
        problems());
    services.remove(old);
    assertEquals(List.of("10.96.0.1 80/TCP"), List.copyOf(services.texts().keySet()));
    assertEquals(Map.of(), problems());
  }

  @Test
  void address_ofTwoServicesOfOneAge_isTheFirstsByName() {
    services.put(
        created("b", "2026-01-01T00:00:00Z", 80), created("a", "2026-01-01T00:00:00Z", 81));
    assertEquals(List.of("10.96.0.1 81/TCP"), List.copyOf(services.texts().keySet()));
  }

  private static RawResource created(String name, String time, int port) {
    return TestServices.raw(
        """
        {apiVersion: v1, kind: Service, metadata: {name: %s, creationTimestamp: "%s"},
         spec: {clusterIP: 10.96.0.1, ports: [{port: %d}]}}
        """
            .formatted(name, time, port));
  }

  @Test
  void frontend_ofTheApiAndOfKubernetes_isKubernetes() {
    putRequest(7, "10.96.0.1 80", "10.9.0.1");
    putRequest(8, "10.96.0.1 81", "10.9.0.1");
    RawResource web = TestServices.service("web", WEB);
    services.put(web, TestServices.slice("web", "web", 80, List.of("10.1.0.1")));
    assertEquals(
        Map.of("10.96.0.1 80/TCP", "10.1.0.1:80", "10.96.0.1 81/TCP", "10.9.0.1:81"),
        services.texts());
    String told = "frontend 10.96.0.1 80/TCP is Service/default/web's";
    assertEquals(told, refusal(7));
    assertEquals(Map.of("service 7 10.96.0.1", "service 7: " + told), problems());
    services.remove(web);
    assertEquals(
        Map.of("10.96.0.1 80/TCP", "10.9.0.1:80", "10.96.0.1 81/TCP", "10.9.0.1:81"),
        services.texts());
    assertEquals(Map.of(), problems());
  }

  /** As files of an earlier version may say. */
  @Test
  void frontend_ofTwoServicesOfTheApi_isTheLowerNumbers() {
    putRequest(8, "10.96.0.1 80", "10.9.0.8");
    putRequest(7, "10.96.0.1 80", "10.9.0.7");
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.9.0.7:80"), services.texts());
    assertEquals("frontend 10.96.0.1 80/TCP is service 7's", refusal(8));
  }

  @Test
  void given_movesToAnotherAddress_isThereAlone() {
    putRequest(7, "10.96.0.2 80", "10.9.0.1");
    putRequest(7, "10.96.0.1 80", "10.9.0.1");
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.9.0.1:80"), services.texts());
    services.owners.removeRequest(7);
    services.look();
    assertEquals(Map.of(), services.rows);
  }

  @Test
  void given_addressOfANodeOrPod_isRefusedAsLongAsItIs() {
    IpAddress address = IpAddress.parse("192.0.2.7");
    services.occupied.add(address);
    putRequest(7, "192.0.2.7 80", "10.9.0.1");
    assertEquals(Map.of(), services.rows);
    assertEquals(
        Map.of("service 7 192.0.2.7", "service 7: 192.0.2.7 is a node's or a pod's own address"),
        problems());
    services.occupied.clear();
    services.owners.occupationChanged(address);
    services.look();
    assertEquals(Map.of("192.0.2.7 80/TCP", "10.9.0.1:80"), services.texts());
    assertEquals(Map.of(), problems());
  }

  // ---- bad input

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          127.0.0.1       | IPv4 | endpoints[1] 127.0.0.1: a loopback address
          169.254.169.254 | IPv4 | endpoints[1] 169.254.169.254: a link-local address
          224.0.0.1       | IPv4 | endpoints[1] 224.0.0.1: an address of many receivers
          255.255.255.255 | IPv4 | endpoints[1] 255.255.255.255: an address of many receivers
          0.0.0.0         | IPv4 | endpoints[1] 0.0.0.0: an unspecified address
          'fd00:1::9'     | IPv4 | endpoints[1] fd00:1::9: no IPv4 address
          '::ffff:10.1.0.9' | IPv6 | endpoints[1] ::ffff:10.1.0.9: no IPv6 address
          nonsense        | IPv4 | endpoints[1] nonsense: no address
          """)
  void backend_noAddressOfABackend_isToldAndTheOthersStay(
      String address, String type, String told) {
    String good = type.equals("IPv4") ? "10.1.0.1" : "fd00:1::1";
    services.put(
        TestServices.service("web", "clusterIPs: [10.96.0.1, \"fd00:96::1\"], ports: [{port: 80}]"),
        TestServices.slice(
            "web",
            "web",
            "addressType: %s, ports: [{port: 80}], endpoints: [{addresses: [\"%s\"]}, {addresses: [\"%s\"]}]"
                .formatted(type, good, address)));
    List<String> backends = new ArrayList<>(services.texts().values());
    backends.removeIf(String::isEmpty);
    assertEquals(List.of(type.equals("IPv4") ? "10.1.0.1:80" : "[fd00:1::1]:80"), backends);
    assertEquals(
        Map.of("EndpointSlice/default/web", "EndpointSlice/default/web: " + told), problems());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          clusterIP: 10.96.0.1, ports: [{port: 80}, {port: 0}]                        | spec.ports[1].port 0: wanted 1 to 65535
          clusterIP: 10.96.0.1, ports: [{port: 80}, {port: 65536}]                    | spec.ports[1].port 65536: wanted 1 to 65535
          clusterIP: 10.96.0.1, ports: [{port: 80}, {port: "81"}]                     | spec.ports[1].port 81: wanted 1 to 65535
          clusterIP: 10.96.0.1, ports: [{port: 80}, {port: 80, name: b}]              | spec.ports[1]: 80/TCP is there twice
          clusterIP: 10.96.0.1, ports: [{port: 80}, {port: 81, protocol: ICMP}]       | spec.ports[1].protocol "ICMP": wanted TCP, UDP or SCTP
          clusterIPs: [10.96.0.1, 10.96.0.2], ports: [{port: 80}]                     | spec.clusterIPs 10.96.0.2: a second one of its family
          clusterIPs: [10.96.0.1, nonsense], ports: [{port: 80}]                      | spec.clusterIPs nonsense: no address
          clusterIPs: [10.96.0.1, "::1"], ports: [{port: 80}]                         | spec.clusterIPs ::1: a loopback address
          clusterIPs: [10.96.0.1, null], ports: [{port: 80}]                          | spec.clusterIPs null: no address
          """)
  void service_wrongPart_isToldAndTheRestWorks(String spec, String told) {
    services.put(
        TestServices.service("web", spec),
        TestServices.slice("web", "web", 80, List.of("10.1.0.1")));
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:80"), services.texts());
    assertEquals(Map.of("Service/default/web", "Service/default/web: " + told), problems());
    services.put(TestServices.service("web", WEB));
    assertEquals(Map.of(), problems());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          [{port: 80}, {port: 0, name: b}]         | ports[1].port 0: wanted 1 to 65535
          [{port: 80}, {port: 81}]                 | ports[1]: TCP port "" is there twice
          """)
  void slice_wrongPort_isToldAndTheOthersWork(String ports, String told) {
    RawResource slice =
        TestServices.slice(
            "web",
            "web",
            "addressType: IPv4, endpoints: [{addresses: [10.1.0.1]}], ports: " + ports);
    services.put(TestServices.service("web", WEB), slice);
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:80"), services.texts());
    assertEquals(
        Map.of("EndpointSlice/default/web", "EndpointSlice/default/web: " + told), problems());
    services.remove(slice);
    assertEquals(Map.of(), problems());
  }

  @Test
  void sctp_otherTargetPort_isToldAndHasNoBackend() {
    services.put(
        TestServices.service("web", "clusterIP: 10.96.0.1, ports: [{port: 99, protocol: SCTP}]"),
        TestServices.slice(
            "web",
            "web",
            "addressType: IPv4, ports: [{port: 98, protocol: SCTP}], endpoints: [{addresses: [10.1.0.1]}]"));
    assertEquals(Map.of("10.96.0.1 99/SCTP", ""), services.texts());
    assertEquals(
        "Service/default/web: SCTP port 99 has the target port 98: the ports of SCTP cannot be"
            + " translated",
        problems().get("Service/default/web"));
  }

  @Test
  void affinity_beyondADay_isToldAndTheDefault() {
    services.put(
        TestServices.service(
            "web",
            WEB
                + ", sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}"));
    assertEquals(Map.of("10.96.0.1 80/TCP", " for 10800s"), services.texts());
    assertTrue(problems().toString().contains("timeoutSeconds 0: wanted 1 to 86400"));
  }

  @Test
  void slice_ofTenThousand_hasFiveThousandWhichTakeNewConnections() {
    List<String> endpoints = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      String leaving =
          i < 4_000 ? ", conditions: {ready: false, serving: true, terminating: true}" : "";
      endpoints.add(
          "{addresses: [%s]%s}".formatted(IpAddress.parse("10.1.0.0").plus(i + 1), leaving));
    }
    RawResource slice =
        TestServices.slice(
            "web", "web", "addressType: IPv4, ports: [{port: 80}], endpoints: " + endpoints);
    services.put(TestServices.service("web", WEB), slice);
    String backends = services.texts().getOrDefault("10.96.0.1 80/TCP", "");
    assertEquals(5_000, backends.split(" ", -1).length);
    assertTrue(!backends.contains("terminating"), "those that end are not among them");
    assertEquals(
        "Service/default/web: 80/TCP: 10,000 backends, of which the first 5,000 are used",
        problems().get("Service/default/web"));
  }

  @Test
  void numbers_allGiven_areToldAndGivenWhenOneIsFree() {
    for (int number = 1; number < ServiceNumbers.MAX; number++) {
      assertTrue(services.numbers.choose(number));
    }
    services.put(TestServices.service("a", WEB));
    services.put(TestServices.service("b", "clusterIP: 10.96.0.2, ports: [{port: 80}]"));
    assertEquals(List.of("10.96.0.1 80/TCP"), List.copyOf(services.texts().keySet()));
    assertEquals(
        Map.of(
            "Service/default/b 10.96.0.2",
            "Service/default/b: there are more than 65535 frontends"),
        problems());
    services.numbers.unchoose(5);
    services.look();
    assertEquals(2, services.texts().size());
    assertEquals(Map.of(), problems());
  }

  /** Many lines of one object are a few. */
  @Test
  void problems_manyOfOneObject_areAFewAndHowMany() {
    String endpoints =
        String.join(
            ", ",
            IntStream.range(1, 101).mapToObj(i -> "{addresses: [127.0.0." + i + "]}").toList());
    services.put(
        TestServices.service("web", WEB),
        TestServices.slice(
            "web",
            "web",
            "addressType: IPv4, ports: [{port: 80}], endpoints: [" + endpoints + "]"));
    String line = problems().getOrDefault("EndpointSlice/default/web", "");
    assertTrue(line.endsWith("; and 95 more"), line);
  }

  @Test
  void request_ofSeveralProtocols_hasAllOrNone() {
    List<Protocol> any = List.of(Protocol.TCP, Protocol.UDP);
    services.owners.putRequest(
        8, new TestServices.Request("10.96.0.1", 80, any, List.of("10.9.0.8")));
    services.look();
    Map<String, String> both =
        Map.of("10.96.0.1 80/TCP", "10.9.0.8:80", "10.96.0.1 80/UDP", "10.9.0.8:80");
    assertEquals(both, services.texts());
    putRequest(7, "10.96.0.1 80", "10.9.0.7");
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.9.0.7:80"), services.texts());
    assertEquals("service 7's", refusal(8).substring(refusal(8).indexOf("is ") + 3));
    // What it does not have is others'.
    services.owners.putRequest(
        9, new TestServices.Request("10.96.0.1", 80, List.of(Protocol.UDP), List.of("10.9.0.9")));
    services.look();
    assertEquals(
        Map.of("10.96.0.1 80/TCP", "10.9.0.7:80", "10.96.0.1 80/UDP", "10.9.0.9:80"),
        services.texts());
    services.owners.removeRequest(7);
    services.owners.removeRequest(9);
    assertEquals(both, services.look().texts());
  }
}
