// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.RawResource;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** To which endpoints clients are led where slices say for whom each is meant. */
class TopologyTest {
  private static final String CLUSTER_IP = "10.96.0.1 80/TCP";
  private static final String EXTERNAL_IP = "192.0.2.80 80/TCP";

  private static Topology in(String zone) {
    return new Topology(TestServices.NODE, zone, true);
  }

  /** An endpoint of this address, with what a slice says of it. */
  private static String endpoint(int address, String more) {
    return "{addresses: [10.1.0." + address + "]" + (more.isEmpty() ? "" : ", " + more) + "}";
  }

  private static String zones(String... names) {
    return "hints: {forZones: [{name: " + String.join("}, {name: ", names) + "}]}";
  }

  private static String nodes(String zone, String node) {
    return "hints: {forZones: [{name: %s}], forNodes: [{name: %s}]}".formatted(zone, node);
  }

  private static RawResource slice(String... endpoints) {
    return TestServices.slice(
        "web-1",
        "web",
        "addressType: IPv4, ports: [{port: 80}], endpoints: ["
            + String.join(", ", endpoints)
            + "]");
  }

  /** The frontends of a service, by what they are asked at. */
  private static Map<String, String> frontends(Topology topology, String spec, RawResource slice) {
    return new TestServices(topology, false)
        .put(
            TestServices.service(
                "web",
                "clusterIP: 10.96.0.1, externalIPs: [192.0.2.80], ports: [{port: 80}]" + spec),
            slice)
        .texts();
  }

  private static String clusterIp(Topology topology, RawResource slice) {
    return frontends(topology, "", slice).getOrDefault(CLUSTER_IP, "none");
  }

  @ParameterizedTest
  @CsvSource({
    "a, 10.1.0.1:80 10.1.0.3:80",
    "b, 10.1.0.2:80 10.1.0.3:80",
    "c, 10.1.0.1:80 10.1.0.2:80 10.1.0.3:80",
    "'', 10.1.0.1:80 10.1.0.2:80 10.1.0.3:80"
  })
  void client_ofAZone_isLedToTheEndpointsMeantForIt(String zone, String backends) {
    RawResource slice =
        slice(endpoint(1, zones("a")), endpoint(2, zones("b")), endpoint(3, zones("a", "b")));

    assertEquals(backends, clusterIp(in(zone), slice));
    assertEquals(backends, frontends(in(zone), "", slice).get(EXTERNAL_IP));
  }

  @Test
  void oneEndpoint_isMeantForNobody_allAreAsked() {
    RawResource slice = slice(endpoint(1, zones("a")), endpoint(2, ""));

    assertEquals("10.1.0.1:80 10.1.0.2:80", clusterIp(in("a"), slice));
  }

  @Test
  void endpoint_meantForThisNode_isNearerThanItsZone() {
    RawResource slice =
        slice(endpoint(1, nodes("a", TestServices.NODE)), endpoint(2, nodes("a", "node-2")));
    RawResource elsewhere =
        slice(endpoint(1, nodes("a", "node-3")), endpoint(2, nodes("b", "node-2")));

    assertEquals("10.1.0.1:80", clusterIp(in("a"), slice));
    assertEquals("10.1.0.1:80", clusterIp(in("a"), elsewhere));
  }

  @Test
  void terminatingEndpoint_ofAnotherZone_keepsItsConnections() {
    String leaving = "conditions: {ready: false, serving: true, terminating: true}, " + zones("b");
    RawResource slice = slice(endpoint(1, zones("a")), endpoint(2, leaving));

    assertEquals("10.1.0.1:80 10.1.0.2:80/terminating", clusterIp(in("a"), slice));
  }

  @Test
  void policyLocal_hintsOfAnotherZone_isServedByItsNodeAsEver() {
    String here = ", nodeName: " + TestServices.NODE;
    RawResource slice =
        slice(endpoint(1, zones("a")), endpoint(2, zones("b") + here), endpoint(3, zones("b")));

    Map<String, String> inside = frontends(in("a"), ", internalTrafficPolicy: Local", slice);
    Map<String, String> outside = frontends(in("a"), ", externalTrafficPolicy: Local", slice);

    assertEquals("10.1.0.2:80", inside.get(CLUSTER_IP));
    assertEquals("10.1.0.1:80", inside.get(EXTERNAL_IP));
    assertEquals("10.1.0.1:80", outside.get(CLUSTER_IP));
    assertEquals("10.1.0.1:80 10.1.0.2:80 10.1.0.3:80", outside.get(EXTERNAL_IP));
  }

  @Test
  void topology_isOff_allAreAsked() {
    RawResource slice = slice(endpoint(1, zones("a")), endpoint(2, zones("b")));

    assertEquals(
        "10.1.0.1:80 10.1.0.2:80", clusterIp(new Topology(TestServices.NODE, "a", false), slice));
  }
}
