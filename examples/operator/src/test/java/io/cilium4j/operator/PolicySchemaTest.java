// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.api.ApiClient;
import io.cilium4j.k8s.api.ApiException;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.api.PolicyConditions;
import io.cilium4j.k8s.crd.CustomResourceInstaller;
import io.cilium4j.policy.PolicyConfig;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Which policies a real API server takes by our definitions: those that the parser takes, and of
 * the others none about which the author is not told, by the server's refusal or by the condition.
 */
class PolicySchemaTest {
  private static final String PATH = "/apis/cilium.io/v2/namespaces/default/ciliumnetworkpolicies";

  /** What stands behind {@code spec:}. */
  private static final List<String> RIGHT =
      List.of(
          "{endpointSelector: {matchLabels: {'k8s:app': web, any:x: y}}, ingress: [{}]}",
          "{endpointSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}, egress:"
              + " [{}]}",
          "{endpointSelector: {}, ingress: [{fromEndpoints: [{}]}], description: words}",
          "{endpointSelector: {}, ingress: [{fromEntities: [world, host, kube-apiserver]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDR: [10.0.0.0/8, 'fd00::/8']}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidr: 10.0.0.0/8, except:"
              + " [10.1.0.0/16]}]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidrGroupRef: group-1}]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidrGroupSelector: {matchLabels: {a:"
              + " b}}}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80', protocol: TCP}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80', endPort: 90, protocol:"
              + " ANY}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: web}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80', protocol: TCP}], rules:"
              + " {http: [{method: GET, path: /a.*}]}}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '53', protocol: UDP}], rules:"
              + " {dns: [{matchPattern: '*'}]}}]}]}",
          "{endpointSelector: {}, egress: [{toFQDNs: [{matchName: example.com}, {matchPattern:"
              + " '*.example.com'}]}]}",
          "{endpointSelector: {}, egress: [{toServices: [{k8sService: {serviceName: a, namespace:"
              + " b}}]}]}",
          "{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8}, {type: EchoRequest,"
              + " family: IPv6}]}]}]}",
          "{endpointSelector: {}, egressDeny: [{toEntities: [world]}], ingressDeny:"
              + " [{fromEndpoints: [{}]}]}",
          "{endpointSelector: {}, egress: [{toEntities: [all]}], enableDefaultDeny: {egress:"
              + " false}}",
          "{endpointSelector: {}, egress: [{}], labels: [{key: name, value: x, source: k8s}], log:"
              + " {value: words}}");

  @TempDir private Path folder;
  private KubernetesApiServer server;
  private ApiClient client;

  private static String asWritten(String name, String spec) {
    Object tree =
        DocumentReader.read(
                "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy, metadata: {name: "
                    + name
                    + ", namespace: default}, spec: "
                    + spec
                    + "}")
            .getFirst();
    return JsonWriter.write(tree);
  }

  /** What the parser says of an object; empty if it takes it. */
  private static String problem(String json) {
    Map<String, ?> tree = Trees.map(DocumentReader.readJson(json));
    return OperatorKubernetes.problem(
        new RawResource(
            new ResourceKey("CiliumNetworkPolicy", "default", "rule"),
            "cilium.io/v2",
            Trees.copyOf(tree),
            ""),
        PolicyConfig.DEFAULT);
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(30));
  }

  @BeforeEach
  void start() throws Exception {
    server = KubernetesApiServer.start(folder);
    Map<String, String> options =
        Map.of(
            ApiOptions.KUBECONFIG,
            server.kubeconfig().toString(),
            ApiOptions.QPS,
            "1000",
            ApiOptions.BURST,
            "1000");
    client = ApiOptions.read(options, Set.of()).connect();
    var installer = new CustomResourceInstaller(client);
    assertEquals(8, installer.install());
    assertEquals(0, installer.install(), "all are there");
    long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
    while (!installer.areServed()) {
      assertTrue(System.nanoTime() - end < 0);
    }
  }

  @AfterEach
  void end() {
    if (client != null) {
      client.close();
    }
    if (server != null) {
      server.close();
    }
  }

  @Test
  void policies_thatAreRight_areTaken() {
    var told = new TreeMap<String, String>();
    for (int i = 0; i < RIGHT.size(); i++) {
      String spec = RIGHT.get(i);
      String said = problem(asWritten("rule", spec)) + refusal("rule-" + i, spec);
      if (!said.isEmpty()) {
        told.put(spec, said);
      }
    }
    assertEquals(Map.of(), told);
  }

  /** The whole table at once, so that a difference shows what to write. */
  @Test
  void policies_thatAreWrong_areToldOfInOneLine() throws Exception {
    String table;
    try (InputStream in =
        Objects.requireNonNull(PolicySchemaTest.class.getResourceAsStream("wrong-policies.txt"))) {
      table = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    List<String> specs =
        table.lines().filter(line -> line.startsWith("{") || line.startsWith("[")).toList();
    assertEquals(40, specs.size());
    var told = new StringBuilder();
    try (var conditions =
        new PolicyConditions(
            client, each -> OperatorKubernetes.problem(each, PolicyConfig.DEFAULT), () -> soon())) {
      for (int i = 0; i < specs.size(); i++) {
        String name = "rule-" + (i + 1);
        String refused = refusal(name, specs.get(i));
        String said = refused.isEmpty() ? "Valid: " + condition(name) : "refused: " + refused;
        told.append('\n').append(specs.get(i)).append("\n  ").append(said).append('\n');
      }
      assertTrue(conditions.written() > 0);
    }
    assertEquals(table.substring(table.indexOf("\n\n") + 1), told.toString());
  }

  /** What the server says of a new policy, as kubectl prints it; empty if it takes it. */
  private String refusal(String name, String spec) {
    try {
      byte[] object = asWritten(name, spec).getBytes(StandardCharsets.UTF_8);
      var _ = client.post(PATH, object, soon());
      return "";
    } catch (ApiException e) {
      return String.valueOf(e.getMessage()).replaceFirst("^https://[^ ]* ", "");
    }
  }

  /** The message of a policy's condition, once it has one, which says that it is wrong. */
  private String condition(String name) throws ApiException {
    Deadline deadline = soon();
    while (true) {
      byte[] stored = client.get(PATH + "/" + name, soon()).orElseThrow();
      Object tree = DocumentReader.readJson(new String(stored, StandardCharsets.UTF_8));
      for (Object each : Trees.items(tree, "status", "conditions")) {
        if (Trees.text(each, "type").equals("Valid")) {
          assertEquals("False", Trees.text(each, "status"), name);
          return Trees.text(each, "message");
        }
      }
      assertFalse(deadline.isOver(), name);
    }
  }
}
