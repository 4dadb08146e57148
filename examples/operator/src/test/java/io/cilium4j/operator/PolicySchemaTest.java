// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import static org.junit.jupiter.api.Assertions.assertEquals;
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
import io.cilium4j.k8s.crd.CustomResourceInstaller;
import io.cilium4j.policy.PolicyConfig;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
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

  private static final List<String> WRONG =
      List.of(
          "{}",
          "[]",
          "{endpointSelector: {}}",
          "{endpointSelector: {}, ingress: [{fromNodes: [{matchLabels: {role: x}}]}]}",
          "{endpointSelector: []}",
          "{endpointSelector: {matchLabels: {a: 'b c'}}}",
          "{endpointSelector: {matchLabels: {a: 1}}}",
          "{endpointSelector: {matchLabels: {'': x}}}",
          "{endpointSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}}",
          "{endpointSelector: {matchExpressions: [{key: a, operator: In}]}}",
          "{endpointSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}",
          "{endpointSelector: {matchExpressions: [{operator: Exists}]}}",
          "{endpointSelector: {}, nodeSelector: {}}",
          "{endpointSelector: {}, ingress: {}}",
          "{endpointSelector: {}, ingress: [{fromEntities: [everybody]}]}",
          "{endpointSelector: {}, ingress: [{fromEntities: world}]}",
          "{endpointSelector: {}, ingress: [{fromCIDR: [10.0.0.0/33]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDR: [ten]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidr: 10.0.0.0/8, except:"
              + " [11.0.0.0/16]}]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: a}]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{}]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidrGroupRef: 'a b'}]}]}",
          "{endpointSelector: {}, ingress: [{fromRequires: [{matchLabels: {a: b}}]}]}",
          "{endpointSelector: {}, ingress: [{fromEndpoints: [{}], fromEntities: [world]}]}",
          "{endpointSelector: {}, ingress: [{fromCIDR: [10.0.0.0/8], fromEndpoints: [{}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '65536'}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: 80}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '-1'}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80', protocol: QUIC}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80', endPort: 65536}]}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80'}], rules: {http: [{path:"
              + " '('}]}}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80'}], rules: {http: [{}],"
              + " dns: [{matchName: a}]}}]}]}",
          "{endpointSelector: {}, egress: [{toPorts: [{ports: [{port: '80'}], serverNames: []}]}]}",
          "{endpointSelector: {}, egress: [{toFQDNs: [{matchName: 'a b'}]}]}",
          "{endpointSelector: {}, egress: [{toFQDNs: [{matchName: a.b}], toCIDR: [10.0.0.0/8]}]}",
          "{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 256}]}]}]}",
          "{endpointSelector: {}, egress: [{icmps: [{fields: [{type: Shout}]}]}]}",
          "{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8, family: IPv5}]}]}]}",
          "{endpointSelector: {}, egress: [{icmps: [{fields: [{type: 8}]}], toPorts: [{ports:"
              + " [{port: '1'}]}]}]}",
          "{endpointSelector: {}, log: {value: 'more than thirty-two characters of words'}}");

  @TempDir private Path folder;

  private static String asWritten(String spec) {
    Object tree =
        DocumentReader.read(
                "{apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy,"
                    + " metadata: {name: rule, namespace: default}, spec: "
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

  @Test
  void policies_rightAndWrong_areTakenOrToldOf() throws Exception {
    try (KubernetesApiServer server = KubernetesApiServer.start(folder);
        ApiClient client =
            ApiOptions.read(
                    Map.of(
                        ApiOptions.KUBECONFIG,
                        server.kubeconfig().toString(),
                        ApiOptions.QPS,
                        "1000",
                        ApiOptions.BURST,
                        "1000"),
                    Set.of())
                .connect()) {
      var installer = new CustomResourceInstaller(client);
      assertEquals(8, installer.install());
      assertEquals(0, installer.install(), "all are there");
      long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (!installer.areServed()) {
        assertTrue(System.nanoTime() - end < 0);
      }
      assertEquals(
          Map.of(),
          RIGHT.stream()
              .map(spec -> Map.entry(spec, problem(asWritten(spec)) + tell(client, spec)))
              .filter(each -> !each.getValue().isEmpty())
              .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
      var told = WRONG.stream().collect(Collectors.toMap(spec -> spec, spec -> tell(client, spec)));
      assertEquals(
          List.of(),
          WRONG.stream()
              .filter(spec -> String.valueOf(told.get(spec)).lines().count() != 1)
              .toList(),
          "nobody says in one line what is wrong with these");
    }
  }

  /** What the author of a wrong policy is told. */
  private static String tell(ApiClient client, String spec) {
    try {
      byte[] stored = client.post(PATH, asWritten(spec).getBytes(StandardCharsets.UTF_8), soon());
      client.delete(PATH + "/rule", "{}".getBytes(StandardCharsets.UTF_8), soon());
      return problem(new String(stored, StandardCharsets.UTF_8));
    } catch (ApiException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
