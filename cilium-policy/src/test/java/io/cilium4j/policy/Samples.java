// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;

/** Texts that several tests read. */
final class Samples {
  private Samples() {}

  /** The case of a file, which may be compressed. */
  static PolicyCase readCase(Path file, PolicyConfig config) {
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      String json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return PolicyCase.parse(json, file.toString(), config);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The answers that stand beside a case. */
  static List<String> expectedAnswers(Path caseFile) {
    try {
      return Files.readAllLines(
          Path.of(caseFile.toString().replaceAll("\\.json(\\.gz)?$", ".expected.jsonl")));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Every field of every kind, at least once. */
  static final String EVERYTHING =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: all-peers, namespace: shop}
      specs:
      - endpointSelector:
          matchLabels: {app: a, "k8s:tier": b}
          matchExpressions:
          - {key: x, operator: In, values: [a, b]}
          - {key: y, operator: NotIn, values: [c]}
          - {key: "reserved:host", operator: DoesNotExist}
          - {key: z, operator: Exists}
        labels: ["k8s:owner=me", {key: team, value: x, source: k8s}]
        description: everything
        log: {value: seen}
        enableDefaultDeny: {ingress: false}
        ingress:
        - fromEndpoints: []
        - fromEndpoints: [{}]
        - fromEntities: [world, kube-apiserver]
          toPorts:
          - ports:
            - {port: http, protocol: TCP}
            - {port: "80", endPort: 90, protocol: TCP}
            - {port: "0", protocol: UDP}
        - fromCIDR: [10.0.0.0/8, 192.168.0.1, "2001:db8::/32"]
          authentication: {mode: required}
        - fromCIDRSet:
          - {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
          - {cidrGroupRef: corp}
          - {cidrGroupSelector: {matchLabels: {a: b}}, except: [10.2.0.0/16]}
        - fromGroups: [{aws: {securityGroupsIds: [sg-1]}}]
        - toPorts:
          - ports: [{port: "80", protocol: TCP}]
            rules:
              http:
              - method: GET
                path: /a/.*
                host: a.b
                headers: ["X-Key true"]
                headerMatches:
                - {name: X-A, value: v, mismatch: REPLACE}
                - {name: X-B, secret: {namespace: ns, name: s}}
              - {}
        - icmps: [{fields: [{family: IPv6, type: EchoRequest}, {type: 8}]}]
        ingressDeny:
        - fromEndpoints: [{matchLabels: {bad: "true"}}]
          toPorts: [{ports: [{port: "22"}]}]
        - {}
      - endpointSelector: {}
        egress:
        - toServices:
          - k8sService: {serviceName: db, namespace: data}
          - k8sServiceSelector: {selector: {matchLabels: {svc: x}}, namespace: data}
        - toFQDNs: [{matchName: Example.com}, {matchPattern: "*.example.org"}]
        - toEndpoints: [{}]
          toPorts:
          - ports: [{port: "53", protocol: ANY}]
            rules: {dns: [{matchPattern: "*"}, {matchName: a.b}]}
        - toPorts:
          - ports: [{port: "443", protocol: TCP}]
            serverNames: [a.b, "*.c"]
          - ports: [{port: "444", protocol: TCP}]
            listener: {envoyConfig: {kind: CiliumEnvoyConfig, name: e}, name: l, priority: 5}
          - ports: [{port: "445", protocol: TCP}]
            terminatingTLS: {secret: {namespace: ns, name: s}}
            originatingTLS: {secret: {name: t}, trustedCA: ca.crt}
            rules: {http: [{path: /x}]}
        egressDeny:
        - toEntities: [all]
      ---
      apiVersion: cilium.io/v2
      kind: CiliumClusterwideNetworkPolicy
      metadata: {name: nodes}
      spec:
        nodeSelector: {matchLabels: {disk: ssd}}
        ingress: [{fromEntities: [cluster]}]
      ---
      apiVersion: networking.k8s.io/v1
      kind: NetworkPolicy
      metadata: {name: np, namespace: shop}
      spec:
        podSelector: {matchLabels: {app: a}}
        policyTypes: [Ingress, Egress]
        ingress:
        - from:
          - podSelector: {}
          - namespaceSelector: {matchLabels: {team: x}}
            podSelector: {matchExpressions: [{key: a, operator: Exists}]}
          - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
          ports:
          - {protocol: TCP, port: 80, endPort: 90}
          - {port: http}
          - {protocol: UDP}
        - {}
        egress: []
      ---
      apiVersion: policy.networking.k8s.io/v1alpha2
      kind: ClusterNetworkPolicy
      metadata: {name: knp}
      spec:
        tier: Admin
        priority: 10
        subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
        ingress:
        - {name: a, action: Accept, from: [{namespaces: {}}]}
        - action: Deny
          from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: b}}}}]
          protocols:
          - {tcp: {destinationPort: {number: 80}}}
          - {udp: {destinationPort: {range: {start: 5, end: 9}}}}
          - {destinationNamedPort: web}
        egress:
        - {action: Pass, to: [{networks: [10.0.0.0/8]}]}
        - {action: Accept, to: [{domainNames: ["*.example.com"]}]}
        - {action: Deny, to: [{nodes: {}}]}
      ---
      apiVersion: cilium.io/v2
      kind: CiliumCIDRGroup
      metadata: {name: corp, labels: {a: b}}
      spec: {externalCIDRs: [10.9.0.0/16, 10.8.0.1]}
      """;
}
