// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every {@link KubernetesSource} must do, whatever it reads from. */
public abstract class KubernetesSourceConformance {

  private static final ResourceKey XWING = new ResourceKey("Pod", "fleet", "xwing");

  private static final String POD =
      """
      apiVersion: v1
      kind: Pod
      metadata:
        name: xwing
        namespace: fleet
        uid: 0f1e
        labels: {org: alliance, io.cilium.k8s.policy.cluster: forged}
      spec:
        nodeName: node-1
        serviceAccountName: pilot
        containers:
        - name: c
          image: none
          ports: [{name: web, containerPort: 8080, protocol: TCP}]
      status:
        podIPs: [{ip: 10.1.0.7}, {ip: "fd00::7"}]
      """;

  private static final String NAMESPACE =
      """
      apiVersion: v1
      kind: Namespace
      metadata:
        name: fleet
        labels: {side: light}
      """;

  private KubernetesSource source;

  /** A source of an empty cluster named {@code default}, not started. */
  protected abstract KubernetesSource open() throws Exception;

  /** Creates the object, or replaces it, in what the source reads from. */
  protected abstract void put(String yaml) throws Exception;

  /** Deletes the object from what the source reads from. */
  protected abstract void delete(ResourceKey key) throws Exception;

  /**
   * The uid that an object has in what the source reads from: a server gives its own.
   *
   * @param written the one that was asked for
   */
  protected String uid(ResourceKey key, String written) throws Exception {
    return written;
  }

  /** What makes the source, as {@link java.util.ServiceLoader} makes that. */
  protected abstract KubernetesSourceProvider provider();

  /** For the implementation's test class. */
  protected KubernetesSourceConformance() {}

  @BeforeEach
  void openSource() throws Exception {
    source = open();
  }

  @AfterEach
  void stopSource() throws Exception {
    source.stop();
  }

  @Test
  void serviceLoader_nameOfTheSource_findsIt() {
    Discovery.assertFound(
        ServiceLoader.load(KubernetesSourceProvider.class),
        KubernetesSourceProvider::name,
        provider());
    assertEquals(provider().name(), source.name());
  }

  @Test
  void nodes_ofKubernetes_areThereAndNothingIsWrong() throws Exception {
    put(
        """
        apiVersion: v1
        kind: Node
        metadata: {name: node-7}
        spec: {podCIDRs: [10.1.7.0/24]}
        status: {addresses: [{type: InternalIP, address: 192.0.2.7}]}
        """);
    source.start();
    Await.initialised(source.nodes());
    Node node = source.nodes().get("node-7").orElseThrow();
    assertEquals(List.of(IpPrefix.parse("10.1.7.0/24")), node.podCidrs());
    assertEquals(List.of(IpAddress.parse("192.0.2.7")), node.addresses());
    assertEquals(List.of(), source.problems().snapshot().stream().toList());
  }

  @Test
  void start_objectsExist_areThereOnceInitialised() throws Exception {
    put(NAMESPACE);
    put(POD);
    assertFalse(source.pods().isInitialised(), "nothing was read yet");
    source.start();
    Await.initialised(source.pods());
    Await.initialised(source.resources());
    Pod pod = source.pods().get(XWING).orElseThrow();
    assertEquals(uid(XWING, "0f1e"), pod.uid());
    assertEquals(Optional.of("node-1"), pod.nodeName());
    assertEquals(List.of(IpAddress.parse("10.1.0.7"), IpAddress.parse("fd00::7")), pod.addresses());
    assertEquals(Map.of("web", new Endpoint.NamedPort(6, 8080)), pod.namedPorts());
    assertFalse(pod.hostNetwork());
    Await.initialised(source.namespaces());
    // A cluster adds labels of its own, such as the namespace's name.
    assertEquals("light", source.namespaces().get("fleet").orElseThrow().labels().get("side"));
  }

  @Test
  void pods_labels_areTheirOwn() throws Exception {
    put(NAMESPACE);
    put(POD);
    source.start();
    Await.initialised(source.pods());
    Pod pod = source.pods().get(XWING).orElseThrow();
    assertEquals(Map.of("org", "alliance", "io.cilium.k8s.policy.cluster", "forged"), pod.labels());
    assertEquals("pilot", pod.serviceAccount());
  }

  @Test
  void namespaces_labelsChange_areFollowed() throws Exception {
    put(NAMESPACE);
    put(POD);
    source.start();
    Await.initialised(source.namespaces());
    put(NAMESPACE.replace("light", "dark"));
    Await.until(
        source.namespaces(),
        "the namespace's new label",
        rows ->
            rows.get("fleet").filter(each -> "dark".equals(each.labels().get("side"))).isPresent());
  }

  @Test
  void pods_createdChangedDeleted_areFollowed() throws Exception {
    source.start();
    Await.initialised(source.pods());
    put(POD);
    Await.until(source.pods(), "the new pod", rows -> rows.contains(XWING));
    put(POD.replace("org: alliance", "org: empire"));
    Await.until(
        source.pods(),
        "the changed label",
        rows ->
            rows.get(XWING).filter(pod -> "empire".equals(pod.labels().get("org"))).isPresent());
    delete(XWING);
    Await.until(source.pods(), "no pod", rows -> !rows.contains(XWING));
  }

  @Test
  void resources_policy_isHandedOverAsItsTree() throws Exception {
    put(
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: rule1, namespace: fleet}
        spec:
          endpointSelector: {matchLabels: {org: empire}}
          ingress:
          - toPorts: [{ports: [{port: "80", protocol: TCP}]}]
        """);
    source.start();
    Await.initialised(source.resources());
    var key = new ResourceKey("CiliumNetworkPolicy", "fleet", "rule1");
    RawResource rule = source.resources().get(key).orElseThrow();
    assertEquals("cilium.io/v2", rule.apiVersion());
    var spec = (Map<?, ?>) rule.object().get("spec");
    assertEquals(
        Map.of(
            "endpointSelector", Map.of("matchLabels", Map.of("org", "empire")),
            "ingress",
                List.of(
                    Map.of(
                        "toPorts",
                        List.of(
                            Map.of("ports", List.of(Map.of("port", "80", "protocol", "TCP"))))))),
        spec);
    delete(key);
    Await.until(source.resources(), "no policy", rows -> !rows.contains(key));
  }

  @Test
  void ciliumNodes_podCidrs_areRead() throws Exception {
    put(
        """
        apiVersion: cilium.io/v2
        kind: CiliumNode
        metadata: {name: node-1}
        spec:
          addresses: [{type: InternalIP, ip: 192.168.0.5}]
          ipam: {podCIDRs: [10.1.0.0/24, "fd00::/96"]}
        """);
    source.start();
    Await.initialised(source.ciliumNodes());
    var node = source.ciliumNodes().get("node-1").orElseThrow();
    assertEquals(List.of(IpAddress.parse("192.168.0.5")), node.addresses());
    assertEquals(
        List.of(IpPrefix.parse("10.1.0.0/24"), IpPrefix.parse("fd00::/96")), node.podCidrs());
  }
}
