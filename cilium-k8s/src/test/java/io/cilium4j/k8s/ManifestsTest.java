// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.k8s.manifest.Manifest;
import io.cilium4j.k8s.manifest.ManifestException;
import io.cilium4j.k8s.manifest.Manifests;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestsTest {
  private final ManifestReader reader = new ManifestReader();

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          [1, 2]                                            | document: wanted an object, not [1,2]
          {kind: Pod, metadata: {name: a}}                  | apiVersion: missing
          {apiVersion: v1, metadata: {name: a}}             | kind: missing
          {apiVersion: v2, kind: Pod, metadata: {name: a}}  | apiVersion "v2": wanted v1 for a Pod
          {apiVersion: 1, kind: Pod}                        | apiVersion: wanted text, not 1
          {apiVersion: v1, kind: Pod}                       | metadata.name: missing
          {apiVersion: v1, kind: Pod, metadata: 7}          | metadata: wanted an object, not 7
          {apiVersion: v1, kind: Pod, metadata: {name: ../x}} | metadata.name "../x": not a name in Kubernetes
          {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: A}} | metadata.namespace "A": not a name in Kubernetes
          {apiVersion: v1, kind: Pod, metadata: {name: a, labels: {"a=b": c}}} | metadata.labels[a=b]: not a label's key
          {apiVersion: v1, kind: Pod, metadata: {name: a, labels: {x: 1}}} | metadata.labels[x]: wanted a label's value, not 1
          {apiVersion: v1, kind: Pod, metadata: {name: a}, status: {podIP: "10.1"}} | Pod: address "10.1": wanted an IPv4 or IPv6 address
          {apiVersion: v1, kind: Pod, metadata: {name: a}, status: {podIPs: {}}} | status.podIPs: wanted a list, not {}
          {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{ports: [{name: web, containerPort: 70000}]}]}} | spec.containers[].ports[].containerPort: wanted 1 to 65535, not 70000
          {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{ports: [{name: web, containerPort: 80, protocol: ICMP}]}]}} | spec.containers[].ports[].protocol "ICMP": wanted TCP, UDP or SCTP
          {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostNetwork: yes}} | spec.hostNetwork: wanted true or false, not "yes"
          {apiVersion: cilium.io/v2, kind: CiliumNode, metadata: {name: a}, spec: {ipam: {podCIDRs: [10.0.0.0]}}} | CiliumNode: prefix "10.0.0.0": wanted ADDRESS/LENGTH
          {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: [x]}} | spec.selector: wanted an object, not ["x"]
          {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, endpoints: {}} | endpoints: wanted a list, not {}
          {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: a}, endpoints: [{addresses: [10.1]}]} | endpoints[].addresses[]: wanted an address, not 10.1
          {apiVersion: cilium.io/v1, kind: CiliumNode, metadata: {name: a}} | apiVersion "cilium.io/v1": wanted cilium.io/v2 for a CiliumNode
          """)
  void convert_wrongDocument_saysWhatAndWhere(String yaml, String message) throws Exception {
    var tree = reader.read(yaml).getFirst().tree();
    var e = assertThrows(ManifestException.class, () -> Manifests.convert(tree, "a.yaml"));
    assertEquals(message, e.getMessage());
  }

  /** As Cilium tells it: by the controller's name, and only of pods that something made. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          web-7f9-x | web-7f9- | 7f9 | ReplicaSet | web-7f9     | Deployment web
          web-x     | web-     | ''  | ReplicaSet | web         | ReplicaSet web
          web-0     | web-     | ''  | StatefulSet| web         | StatefulSet web
          b-29-x    | b-29-    | ''  | Job        | b-29388600  | CronJob b
          b-x       | b-       | ''  | Job        | b           | Job b
          web       | ''       | ''  | ReplicaSet | web         | none
          """)
  void convert_podWithAnOwner_knowsItsWorkload(
      String name, String generated, String hash, String kind, String owner, String workload)
      throws Exception {
    String yaml =
        """
        {apiVersion: v1, kind: Pod, metadata: {name: %s, generateName: "%s",
          labels: {pod-template-hash: "%s"},
          ownerReferences: [{kind: Node, name: n}, {kind: %s, name: %s, controller: true}]}}
        """
            .formatted(name, generated, hash, kind, owner);
    var manifest = Manifests.convert(reader.read(yaml).getFirst().tree(), "a.yaml").orElseThrow();
    var pod = assertInstanceOf(Manifest.PodManifest.class, manifest).pod();
    assertEquals(
        workload, pod.workload().map(each -> each.kind() + " " + each.name()).orElse("none"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a: 1\na: 2",
        "b: *x",
        "a: [",
        "\t\tb: 1\n\t- x",
        "a: \"unclosed",
        "{\"a\": 1, \"a\": 2}"
      })
  void read_notOneMeaning_isRefusedWithOneLine(String text) {
    var e = assertThrows(ManifestException.class, () -> reader.read(text));
    String message = String.valueOf(e.getMessage());
    assertEquals(1, message.lines().count());
    assertTrue(message.startsWith("line "), message);
  }

  @Test
  void read_tooDeepOrTooMany_isRefused() {
    assertThrows(ManifestException.class, () -> reader.read("[".repeat(5_000)));
    assertThrows(
        ManifestException.class,
        () -> reader.read("---\na: 1\n".repeat(ManifestReader.MAX_DOCUMENTS + 1)));
    // Each level would be twice the one below: refused before anything grows.
    var bomb = new StringBuilder("a0: &a0 [x, x]\n");
    for (int i = 1; i < 30; i++) {
      bomb.append("a%d: &a%d [*a%d, *a%d]\n".formatted(i, i, i - 1, i - 1));
    }
    assertThrows(ManifestException.class, () -> reader.read(bomb.toString()));
  }

  @Test
  void read_alias_standsForItsAnchor() throws Exception {
    assertEquals(
        Map.of("a", List.of(1), "b", List.of(1)),
        reader.read("a: &x [1]\nb: *x").getFirst().tree());
  }

  @Test
  void convert_otherKinds_arePassedOver() throws Exception {
    assertEquals(Optional.empty(), convert("{apiVersion: apps/v1, kind: Deployment}"));
    assertEquals(Optional.empty(), convert("{apiVersion: v1, kind: ConfigMap}"));
  }

  @Test
  void convert_policy_keepsEveryFieldInItsType() throws Exception {
    Manifest manifest =
        convert(
                """
                apiVersion: cilium.io/v2
                kind: CiliumClusterwideNetworkPolicy
                metadata: {name: all, namespace: ignored}
                spec: {a: "80", b: 80, c: "", d: , e: true, f: "010", g: [], h: {}, i: "yes", j: 1.5}
                """)
            .orElseThrow();
    var raw = assertInstanceOf(Manifest.RawManifest.class, manifest).resource();
    assertEquals(new ResourceKey("CiliumClusterwideNetworkPolicy", "", "all"), raw.key());
    assertEquals(
        "{\"a\":\"80\",\"b\":80,\"c\":\"\",\"d\":null,\"e\":true,\"f\":\"010\","
            + "\"g\":[],\"h\":{},\"i\":\"yes\",\"j\":1.5}",
        JsonWriter.write(raw.object().get("spec")));
  }

  @Test
  void convert_endedPod_hasNoAddresses() throws Exception {
    for (String phase : List.of("Succeeded", "Failed")) {
      Manifest manifest =
          convert(
                  "{apiVersion: v1, kind: Pod, metadata: {name: a}, status: {phase: "
                      + phase
                      + ", podIP: 10.0.0.1}}")
              .orElseThrow();
      var pod = assertInstanceOf(Manifest.PodManifest.class, manifest).pod();
      assertEquals(List.of(), pod.addresses());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          metadata: {name: a} | true
          metadata: {name: a}, status: {conditions: [{type: Initialized, status: "False"}]} | true
          metadata: {name: a}, status: {conditions: [{type: Ready, status: "True"}]} | true
          metadata: {name: a}, status: {conditions: [{type: Ready, status: "False"}]} | false
          metadata: {name: a}, status: {conditions: [{type: Ready, status: Unknown}]} | false
          metadata: {name: a, deletionTimestamp: "2026-01-01T00:00:00Z"} | false
          """)
  void convert_pod_isReadyUnlessKubernetesSaysOtherwise(String fields, boolean isReady)
      throws Exception {
    Manifest manifest = convert("{apiVersion: v1, kind: Pod, " + fields + "}").orElseThrow();
    assertEquals(isReady, assertInstanceOf(Manifest.PodManifest.class, manifest).pod().isReady());
  }

  @Test
  void convert_initContainerThatIsRestarted_hasPortsAsAnyContainer() throws Exception {
    Manifest manifest =
        convert(
                """
                apiVersion: v1
                kind: Pod
                metadata: {name: a}
                spec:
                  initContainers:
                  - ports: [{name: once, containerPort: 1, hostPort: 1}]
                  - restartPolicy: Always
                    ports: [{name: metrics, containerPort: 9090, hostPort: 9091}]
                  containers:
                  - ports: [{name: web, containerPort: 80}]
                """)
            .orElseThrow();
    var pod = assertInstanceOf(Manifest.PodManifest.class, manifest).pod();
    assertEquals(
        Map.of("web", new NamedPort(6, 80), "metrics", new NamedPort(6, 9090)), pod.namedPorts());
    assertEquals(List.of(9091), pod.hostPorts().stream().map(Pod.HostPort::port).toList());
  }

  @Test
  void convert_staticPod_hasTheUidThatItsRuntimeKnows() throws Exception {
    String hash = "1fa419d8454b29b54d3295c64c05e200";
    Manifest manifest =
        convert(
                """
                apiVersion: v1
                kind: Pod
                metadata:
                  name: web-node-1
                  uid: 5c582d4d-bb18-402b-8790-53bf48cb9396
                  annotations: {kubernetes.io/config.hash: %1$s, kubernetes.io/config.mirror: %1$s}
                """
                    .formatted(hash))
            .orElseThrow();
    assertEquals(hash, assertInstanceOf(Manifest.PodManifest.class, manifest).pod().uid());
  }

  @Test
  void convert_node_readsAddressesAndPodCidrs() throws Exception {
    Manifest manifest =
        convert(
                """
                apiVersion: v1
                kind: Node
                metadata: {name: node-1, labels: {zone: a}}
                spec: {podCIDR: 10.0.0.0/24, podCIDRs: [10.0.0.0/24, "fd00::/64"]}
                status:
                  addresses:
                  - {type: Hostname, address: node-1}
                  - {type: InternalIP, address: 192.168.0.1}
                  - {type: InternalIP, address: "fd01::1"}
                """)
            .orElseThrow();
    var node = assertInstanceOf(Manifest.NodeManifest.class, manifest).node();
    assertEquals(
        List.of(IpAddress.parse("192.168.0.1"), IpAddress.parse("fd01::1")), node.addresses());
    assertEquals(
        List.of(IpPrefix.parse("10.0.0.0/24"), IpPrefix.parse("fd00::/64")), node.podCidrs());
    assertEquals(Map.of("zone", "a"), node.labels());
  }

  private Optional<Manifest> convert(String yaml) throws ManifestException {
    return Manifests.convert(reader.read(yaml).getFirst().tree(), "a.yaml");
  }
}
