// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Pod;
import io.cilium4j.core.Pod.HostPort;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How services are asked from outside. */
class ExternalFrontendsTest {
  private static final IpAddress NODE = IpAddress.parse("192.0.2.1");
  private static final RawResource SLICE =
      TestServices.slice("web", "web", 8080, List.of("10.1.0.1"));

  private final TestServices services = new TestServices();

  private static RawResource service(String more) {
    return TestServices.service("web", "clusterIP: 10.96.0.1, " + more);
  }

  private static RawResource balanced(String spec, String ingress) {
    return TestServices.raw(
        """
        {apiVersion: v1, kind: Service, metadata: {name: web},
         spec: {type: LoadBalancer, clusterIP: 10.96.0.1, %s %s},
         status: {loadBalancer: {ingress: [%s]}}}
        """
            .formatted(spec.contains("ports:") ? "" : "ports: [{port: 80}],", spec, ingress));
  }

  /** Who asks each frontend, by frontend. */
  private Map<String, String> types() {
    Map<String, String> types = new TreeMap<>();
    services
        .frontends
        .values()
        .forEach(each -> types.put(TestServices.text(each.key()), each.type().text()));
    return types;
  }

  private Map<String, String> problems() {
    return services.owners.problems();
  }

  private void occupied(String address, boolean is) {
    if (is) {
      services.occupied.add(IpAddress.parse(address));
    } else {
      services.occupied.remove(IpAddress.parse(address));
    }
    services.owners.occupationChanged(IpAddress.parse(address));
    services.look();
  }

  @Test
  void nodePort_nodeAddressesComeAndGo_isAtEachOfItsFamily() {
    services.put(service("type: NodePort, ports: [{port: 80, nodePort: 30080}]"), SLICE);
    assertEquals(Map.of("10.96.0.1 80/TCP", "ClusterIP"), types());
    services.owners.nodeAddressChanged(NODE, true);
    services.owners.nodeAddressChanged(IpAddress.parse("2001:db8::1"), true);
    services.look();
    assertEquals(
        Map.of("10.96.0.1 80/TCP", "10.1.0.1:8080", "192.0.2.1 30080/TCP", "10.1.0.1:8080"),
        services.texts());
    assertEquals("NodePort", types().get("192.0.2.1 30080/TCP"));
    // What else a node is asked is the node's.
    assertTrue(
        services.rows.keySet().stream()
            .noneMatch(key -> key.isRest() && key.address().equals(NODE)));
    services.owners.nodeAddressChanged(NODE, false);
    services.look();
    assertEquals(Map.of("10.96.0.1 80/TCP", "ClusterIP"), types());
    assertEquals(Map.of(), problems());
  }

  @Test
  void nodePort_ofTwoServices_isTheOlders() {
    services.owners.nodeAddressChanged(NODE, true);
    RawResource first = service("type: NodePort, ports: [{port: 80, nodePort: 30080}]");
    RawResource second =
        TestServices.service(
            "xeb",
            "clusterIP: 10.96.0.2, type: NodePort, ports: [{port: 80, nodePort: 30080},"
                + " {port: 81, nodePort: 30081}]");
    services.put(second, first, SLICE);
    assertEquals("10.1.0.1:8080", services.texts().get("192.0.2.1 30080/TCP"));
    assertEquals("", services.texts().get("192.0.2.1 30081/TCP"));
    assertEquals(
        Map.of(
            "Service/default/xeb 192.0.2.1",
            "Service/default/xeb: frontend 192.0.2.1 30080/TCP is Service/default/web's, which"
                + " comes first"),
        problems());
    services.remove(first);
    assertEquals("", services.texts().get("192.0.2.1 30080/TCP"));
    assertEquals(Map.of(), problems());
  }

  @Test
  void loadBalancer_hasItsAddressesButThoseOfAProxy() {
    services.put(
        balanced("", "{ip: 198.51.100.1}, {ip: 198.51.100.2, ipMode: Proxy}, {hostname: a}"),
        SLICE);
    assertEquals(
        Map.of("10.96.0.1 80/TCP", "ClusterIP", "198.51.100.1 80/TCP", "LoadBalancer"), types());
    assertEquals(Map.of(), problems());
  }

  /** A node may be its own balancer, and a pod may not. */
  @Test
  void loadBalancer_atANodesOwnAddress_isThere() {
    services.occupied.add(NODE);
    services.owners.nodeAddressChanged(NODE, true);
    services.put(balanced("", "{ip: 192.0.2.1}"), SLICE);
    assertEquals("LoadBalancer", types().get("192.0.2.1 80/TCP"));
    services.owners.nodeAddressChanged(NODE, false);
    services.look();
    assertEquals(
        "Service/default/web: LoadBalancer 192.0.2.1 is the own address of a node, a pod or the API"
            + " server",
        problems().get("Service/default/web 192.0.2.1"));
  }

  @Test
  void externalIp_occupied_capturesNothingAsLongAsItIs() {
    services.put(service("externalIPs: [198.51.100.1], ports: [{port: 80}]"), SLICE);
    assertEquals("ExternalIPs", types().get("198.51.100.1 80/TCP"));
    occupied("198.51.100.1", true);
    assertEquals(Map.of("10.96.0.1 80/TCP", "ClusterIP"), types());
    assertEquals(1, problems().size());
    occupied("198.51.100.1", false);
    assertEquals("ExternalIPs", types().get("198.51.100.1 80/TCP"));
    assertEquals(Map.of(), problems());
  }

  /** CVE-2020-8554. */
  @Test
  void externalIp_mitigated_isForThoseOutsideOnly() {
    services.put(service("externalIPs: [198.51.100.1], ports: [{port: 80}]"), SLICE);
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:8080"), services.texts());
    var outside = frontendAt("198.51.100.1").outside(TestServices.NODE).orElseThrow();
    assertTrue(outside.isForOutsideOnly());
    assertEquals(1, outside.row().candidates().size());
    // Only where it is asked to, and never a pod's.
    var lenient = new TestServices(Topology.none(TestServices.NODE), false);
    lenient.others.add(IpAddress.parse("192.0.2.9"));
    lenient.occupied.add(IpAddress.parse("10.1.0.9"));
    lenient.put(
        service("externalIPs: [198.51.100.1, 192.0.2.9, 10.1.0.9], ports: [{port: 80}]"), SLICE);
    assertEquals(
        Map.of(
            "10.96.0.1 80/TCP",
            "10.1.0.1:8080",
            "192.0.2.9 80/TCP",
            "10.1.0.1:8080",
            "198.51.100.1 80/TCP",
            "10.1.0.1:8080"),
        lenient.texts());
    services.others.add(IpAddress.parse("198.51.100.1"));
    services.owners.occupationChanged(IpAddress.parse("198.51.100.1"));
    services.look();
    assertEquals(Map.of("10.96.0.1 80/TCP", "ClusterIP"), types());
  }

  private Frontend frontendAt(String address) {
    return services.frontends.values().stream()
        .filter(each -> each.key().address().equals(IpAddress.parse(address)))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void externalIp_ofTheApiServer_capturesNothing() {
    services.put(service("externalIPs: [172.30.0.1], ports: [{port: 6443}]"), SLICE);
    assertEquals("ExternalIPs", types().get("172.30.0.1 6443/TCP"));
    services.put(
        TestServices.service(
            "kubernetes", "clusterIP: 10.96.0.99, ports: [{name: https, port: 443}]"),
        TestServices.slice(
            "kubernetes",
            "kubernetes",
            "addressType: IPv4, ports: [{name: https, port: 6443}], endpoints: [{addresses:"
                + " [172.30.0.1]}]"));
    assertEquals(
        Map.of("10.96.0.1 6443/TCP", "ClusterIP", "10.96.0.99 443/TCP", "ClusterIP"), types());
    assertEquals(1, problems().size());
  }

  @Test
  void externalIp_thatIsAClusterIp_capturesNothingWhoeverIsOlder() {
    services.put(
        TestServices.service(
            "a", "clusterIP: 10.96.0.7, externalIPs: [10.96.0.1], ports: [{port: 80}]"),
        service("ports: [{port: 80}]"),
        SLICE);
    assertEquals("10.1.0.1:8080", services.texts().get("10.96.0.1 80/TCP"));
    assertEquals(
        "Service/default/a: 10.96.0.1 is Service/default/web's ClusterIP",
        problems().get("Service/default/a 10.96.0.1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "externalIPs: [127.0.0.1]      | spec.externalIPs 127.0.0.1: a loopback address",
        "externalIPs: [169.254.1.1]    | spec.externalIPs 169.254.1.1: a link-local address",
        "externalIPs: [224.0.0.1]      | spec.externalIPs 224.0.0.1: an address of many receivers",
        "externalIPs: [0.0.0.0]        | spec.externalIPs 0.0.0.0: an unspecified address",
        "externalIPs: [here]           | spec.externalIPs here: no address",
        "externalIPs: ['2001:db8::1']  | spec.externalIPs 2001:db8::1: the service has no ClusterIP of this family",
      })
  void externalIp_unfit_isToldAndTheRestWorks(String more, String told) {
    services.put(service(more + ", ports: [{port: 80}]"), SLICE);
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:8080"), services.texts());
    assertEquals(Map.of("Service/default/web", "Service/default/web: " + told), problems());
  }

  @ParameterizedTest
  @CsvSource({"-1", "65536", "x"})
  void nodePort_unfit_isToldAndTheRestWorks(String port) {
    services.owners.nodeAddressChanged(NODE, true);
    services.put(service("type: NodePort, ports: [{port: 80, nodePort: " + port + "}]"), SLICE);
    assertEquals(Map.of("10.96.0.1 80/TCP", "10.1.0.1:8080"), services.texts());
    assertEquals(
        "Service/default/web: spec.ports[0].nodePort " + port + ": wanted 1 to 65535",
        problems().get("Service/default/web"));
  }

  private Optional<NodePorts> external(String frontend) {
    return services.frontends.values().stream()
        .filter(each -> TestServices.text(each.key()).equals(frontend))
        .flatMap(each -> each.outside(TestServices.NODE).stream())
        .map(each ->
            new NodePorts(
                each.row().candidates().stream().map(Backend::toString).toList(),
                each.sources().toString(),
                each.isLocal()))
        .findFirst();
  }

  private record NodePorts(List<String> backends, String sources, boolean isLocal) {}

  @Test
  void external_ofLocalPolicy_hasTheNodesOwnBackendsAndPodsHaveAll() {
    services.owners.nodeAddressChanged(NODE, true);
    RawResource slice =
        TestServices.slice(
            "web",
            "web",
            "addressType: IPv4, ports: [{port: 8080}], endpoints: [{addresses: [10.1.0.1], nodeName:"
                + " node-1}, {addresses: [10.1.0.2], nodeName: node-2}]");
    String ports = "type: NodePort, ports: [{port: 80, nodePort: 30080}]";
    services.put(service(ports), slice);
    String frontend = "192.0.2.1 30080/TCP";
    assertEquals(
        Optional.of(new NodePorts(List.of("10.1.0.1:8080", "10.1.0.2:8080"), "[]", false)),
        external(frontend));
    services.put(service(ports + ", externalTrafficPolicy: Local"));
    assertEquals(
        Optional.of(new NodePorts(List.of("10.1.0.1:8080"), "[]", true)), external(frontend));
    assertEquals("10.1.0.1:8080 10.1.0.2:8080", services.texts().get(frontend));
    // The other policy is about the cluster's clients.
    services.put(service(ports + ", internalTrafficPolicy: Local"));
    assertEquals("10.1.0.1:8080", services.texts().get("10.96.0.1 80/TCP"));
    assertEquals("10.1.0.1:8080 10.1.0.2:8080", services.texts().get(frontend));
    assertEquals(Optional.empty(), external("10.96.0.1 80/TCP"));
  }

  @Test
  void sources_areThoseOfTheBalancersAddressesAndNoneReadableIsNobody() {
    services.owners.nodeAddressChanged(NODE, true);
    services.put(
        balanced("loadBalancerSourceRanges: [10.0.0.1/8, nonsense]", "{ip: 198.51.100.1}"), SLICE);
    assertEquals("[10.0.0.0/8]", external("198.51.100.1 80/TCP").orElseThrow().sources());
    assertEquals(
        "Service/default/web: spec.loadBalancerSourceRanges nonsense: no prefix",
        problems().get("Service/default/web"));
    services.put(balanced("loadBalancerSourceRanges: [nonsense]", "{ip: 198.51.100.1}"));
    assertEquals(Map.of("10.96.0.1 80/TCP", "ClusterIP"), types());
  }

  /** What leads to the same nodes must not be a way around the balancer's ranges. */
  @Test
  void sources_areThoseOfExternalIpsTooAndNotOfNodePorts() {
    services.owners.nodeAddressChanged(NODE, true);
    String rest = "externalIPs: [198.51.100.9], ports: [{port: 80, nodePort: 30080}], ";
    String ingress = "{ip: 198.51.100.1}";
    services.put(balanced(rest + "loadBalancerSourceRanges: [10.0.0.0/8]", ingress), SLICE);
    assertEquals("[10.0.0.0/8]", external("198.51.100.1 80/TCP").orElseThrow().sources());
    assertEquals("[10.0.0.0/8]", external("198.51.100.9 80/TCP").orElseThrow().sources());
    assertEquals("[]", external("192.0.2.1 30080/TCP").orElseThrow().sources());
    services.put(balanced(rest + "loadBalancerSourceRanges: [10.1.0.0/16]", ingress));
    assertEquals("[10.1.0.0/16]", external("198.51.100.9 80/TCP").orElseThrow().sources());
    services.put(balanced(rest + "loadBalancerSourceRanges: [nonsense]", ingress));
    assertEquals(
        Map.of("10.96.0.1 80/TCP", "ClusterIP", "192.0.2.1 30080/TCP", "NodePort"), types());
    services.put(balanced(rest + "loadBalancerSourceRanges: []", ingress));
    assertEquals("[]", external("198.51.100.9 80/TCP").orElseThrow().sources());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          externalTrafficPolicy: Local, healthCheckNodePort: 32000 | 32000 | ''
          externalTrafficPolicy: Cluster, healthCheckNodePort: 32000 | 0 | ''
          externalTrafficPolicy: Local | 0 | ''
          externalTrafficPolicy: Local, healthCheckNodePort: 0 | 0 | ''
          externalTrafficPolicy: Local, healthCheckNodePort: 65536 | 0 | spec.healthCheckNodePort 65536: no port
          externalTrafficPolicy: Local, healthCheckNodePort: many | 0 | spec.healthCheckNodePort many: no port
          """)
  void healthPort_isThatOfAServiceWhoseTrafficStays(String spec, int port, String problem) {
    services.put(balanced(spec, ""), SLICE);
    KubernetesService owner =
        (KubernetesService) services.frontends.values().iterator().next().owner();
    assertEquals(port, owner.external().healthPort());
    assertEquals(
        problem.isEmpty()
            ? Map.of()
            : Map.of("Service/default/web", "Service/default/web: " + problem),
        problems());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          service.cilium.io/lb-algorithm: maglev | maglev | ''
          service.cilium.io/lb-algorithm: Random | random | ''
          a: b | '' | ''
          service.cilium.io/lb-algorithm: least-conn | '' | annotation service.cilium.io/lb-algorithm least-conn: wanted random or maglev
          service.cilium.io/lb-algorithm: 7 | '' | annotation service.cilium.io/lb-algorithm 7: wanted random or maglev
          """)
  void algorithm_isThatOfTheAnnotation(String annotation, String algorithm, String problem) {
    services.owners.nodeAddressChanged(NODE, true);
    services.put(service("type: NodePort, ports: [{port: 80, nodePort: 30080}]"), SLICE);
    assertEquals(Optional.empty(), algorithm("192.0.2.1 30080/TCP"));
    services.put(
        TestServices.raw(
            """
            {apiVersion: v1, kind: Service, metadata: {name: web, annotations: {%s}},
             spec: {clusterIP: 10.96.0.1, type: NodePort, ports: [{port: 80, nodePort: 30080}]}}
            """
                .formatted(annotation)));
    assertEquals(LoadBalancerAlgorithm.tryParse(algorithm), algorithm("192.0.2.1 30080/TCP"));
    assertEquals(
        problem.isEmpty()
            ? Map.of()
            : Map.of("Service/default/web", "Service/default/web: " + problem),
        problems());
  }

  private Optional<LoadBalancerAlgorithm> algorithm(String frontend) {
    return services.frontends.values().stream()
        .filter(each -> TestServices.text(each.key()).equals(frontend))
        .flatMap(each -> each.outside(TestServices.NODE).stream())
        .findFirst()
        .orElseThrow()
        .algorithm();
  }

  private static Pod pod(String node, HostPort... ports) {
    return Pod.builder("default", "proxy")
        .nodeName(node)
        .addresses(List.of(IpAddress.parse("10.1.0.9"), IpAddress.parse("fd00::9")))
        .hostPorts(List.of(ports))
        .build();
  }

  private void putPod(Pod pod) {
    services.owners.putPod(pod);
    services.look();
  }

  @Test
  void hostPort_ofAPodOfTheNode_isAtTheNodesAddresses() {
    services.owners.nodeAddressChanged(NODE, true);
    services.owners.nodeAddressChanged(IpAddress.parse("2001:db8::1"), true);
    var port = new HostPort(Optional.empty(), 443, Protocol.TCP, 8443);
    putPod(pod(TestServices.NODE, port));
    assertEquals(
        Map.of("192.0.2.1 443/TCP", "10.1.0.9:8443", "2001:db8::1 443/TCP", "[fd00::9]:8443"),
        services.texts());
    assertEquals("HostPort", types().get("192.0.2.1 443/TCP"));
    // The pod of another node is asked there.
    putPod(pod("node-2", port));
    assertEquals(Map.of(), services.texts());
    putPod(pod(TestServices.NODE, new HostPort(Optional.of(NODE), 443, Protocol.TCP, 8443)));
    assertEquals(Map.of("192.0.2.1 443/TCP", "10.1.0.9:8443"), services.texts());
    assertEquals(Map.of(), problems());
    services.owners.removePod(pod(TestServices.NODE).key());
    services.look();
    assertEquals(Map.of(), services.texts());
  }

  @Test
  void hostPort_ofAStrangeAddressOrAServicesPort_isTold() {
    services.owners.nodeAddressChanged(NODE, true);
    services.put(service("type: NodePort, ports: [{port: 80, nodePort: 30080}]"), SLICE);
    putPod(
        pod(
            TestServices.NODE,
            new HostPort(Optional.empty(), 30_080, Protocol.TCP, 80),
            new HostPort(Optional.of(IpAddress.parse("192.0.2.9")), 81, Protocol.TCP, 80),
            new HostPort(Optional.empty(), 82, Protocol.SCTP, 80)));
    assertEquals("10.1.0.1:8080", services.texts().get("192.0.2.1 30080/TCP"));
    assertEquals(
        Map.of(
            "Pod/default/proxy",
            "Pod/default/proxy: hostIP 192.0.2.9 is no address of this node; SCTP port 82 has the"
                + " target port 80: the ports of SCTP cannot be translated",
            "Pod/default/proxy 192.0.2.1",
            "Pod/default/proxy: frontend 192.0.2.1 30080/TCP is Service/default/web's, which"
                + " comes first"),
        problems());
  }
}
