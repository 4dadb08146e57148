// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Asks a policy case in few words: a small cluster that everybody knows, policies as YAML, and
 * flows such as {@code "a > b tcp 80"}, which are answered by {@code "EGRESS/INGRESS"}.
 */
final class Ask {
  /** The names that flows use. */
  static final Map<String, Integer> WHO =
      Map.ofEntries(
          Map.entry("host", 1),
          Map.entry("world", 2),
          Map.entry("health", 4),
          Map.entry("init", 5),
          Map.entry("remote", 6),
          Map.entry("ingress", 8),
          Map.entry("a", 1000),
          Map.entry("b", 1001),
          Map.entry("c", 1002),
          Map.entry("far", 131072),
          Map.entry("ten", 16777217),
          Map.entry("ten1", 16777218),
          Map.entry("ten1host", 16777219),
          Map.entry("six", 16777220),
          Map.entry("name", 16777221),
          Map.entry("api", 16777222),
          Map.entry("node", 33554433),
          Map.entry("unknown", 50_000),
          Map.entry("unknownworld", 16_800_000));

  /**
   * Pods a and b in {@code default}, c in {@code other}, far in another cluster; then addresses.
   */
  private static final String IDENTITIES =
      """
      identities:
      - id: 1000
        labels: ["k8s:app=a", "k8s:io.kubernetes.pod.namespace=default",
          "k8s:io.cilium.k8s.namespace.labels.team=blue", "k8s:io.cilium.k8s.policy.cluster=@"]
        namedPorts: {web: 8000, dns: 53/UDP}
      - id: 1001
        labels: ["k8s:app=b", "k8s:io.kubernetes.pod.namespace=default",
          "k8s:io.cilium.k8s.namespace.labels.team=blue", "k8s:io.cilium.k8s.policy.cluster=@"]
        namedPorts: {web: 8080}
      - id: 1002
        labels: ["k8s:app=b", "k8s:k8s-app=kube-dns", "k8s:io.kubernetes.pod.namespace=other",
          "k8s:io.cilium.k8s.namespace.labels.team=red", "k8s:io.cilium.k8s.policy.cluster=@"]
        namedPorts: {web: 9090, dns: 53/UDP, dns-tcp: 53/TCP}
      - id: 131072
        labels: ["k8s:app=b", "k8s:io.kubernetes.pod.namespace=default",
          "k8s:io.cilium.k8s.namespace.labels.team=blue", "k8s:io.cilium.k8s.policy.cluster=far"]
      - {id: 16777217, labels: ["cidr:10.0.0.0/8", "reserved:world-ipv4"]}
      - {id: 16777218, labels: ["cidr:10.1.0.0/16", "reserved:world-ipv4"]}
      - {id: 16777219, labels: ["cidr:10.1.1.1/32", "reserved:world-ipv4"]}
      - {id: 16777220, labels: ["cidr:2001-db8--0/32", "reserved:world-ipv6"]}
      - {id: 16777221, labels: ["fqdn:a.example", "reserved:world-ipv4"]}
      - id: 16777222
        labels: ["reserved:kube-apiserver", "reserved:world-ipv4", "cidr:192.0.2.1/32"]
      nodes:
      - {id: 33554433, name: n2, labels: {zone: a}, address: 192.0.2.7}
      """;

  private static final Pattern FLOW = Pattern.compile("(\\w+) > (\\w+) (\\w+) (\\d+)");

  private Ask() {}

  /**
   * The answers, the refusals of policies first. Also of somebody unknown, whom no case may name.
   *
   * @param policies YAML objects as items of a list
   * @param flowsAndMore flows, and other fields of the case, for example {@code config: {…}}
   */
  static List<String> flows(String policies, String... flowsAndMore) {
    String[] more =
        Arrays.stream(flowsAndMore)
            .filter(each -> !FLOW.matcher(each).matches())
            .toArray(String[]::new);
    PolicyCase world = of(policies, more);
    var answers = new ArrayList<>(world.answers());
    RulesSnapshot rules = world.repository().snapshot();
    for (String each : flowsAndMore) {
      Matcher flow = FLOW.matcher(each);
      if (flow.matches()) {
        var asked =
            new PolicyCase.FlowSpec(
                id(flow.group(1)),
                id(flow.group(2)),
                Protocol.tryParse(flow.group(3)).orElseThrow().number(),
                Integer.parseInt(flow.group(4)));
        answers.add(
            world.explain(rules, asked, TrafficDirection.EGRESS).verdict()
                + "/"
                + world.explain(rules, asked, TrafficDirection.INGRESS).verdict());
      }
    }
    return answers;
  }

  /** The whole case. The node's own processes are a peer as any, unless {@code more} says so. */
  static PolicyCase of(String policies, String... flowsAndMore) {
    var flows = new StringBuilder();
    var more = new StringBuilder();
    for (String each : flowsAndMore) {
      Matcher flow = FLOW.matcher(each);
      if (flow.matches()) {
        flows.append(
            "- {from: %d, to: %d, proto: %s, port: %s}%n"
                .formatted(
                    id(flow.group(1)),
                    id(flow.group(2)),
                    flow.group(3).toUpperCase(Locale.ROOT),
                    flow.group(4)));
      } else {
        more.append(each);
      }
    }
    Matcher cluster = Pattern.compile("cluster-name: (\\w+)").matcher(more);
    String text =
        IDENTITIES.replace("@", cluster.find() ? cluster.group(1) : "default")
            + (policies.isEmpty() ? "" : "policies:\n" + policies.stripIndent() + "\n")
            + (flows.isEmpty() ? "" : "flows:\n" + flows)
            + more;
    return PolicyCase.parse(text, "case", PolicyConfig.DEFAULT.withoutLocalhostAccess());
  }

  /** The number of somebody. */
  static int id(String name) {
    Integer id = WHO.get(name);
    if (id == null) {
      throw new IllegalArgumentException(name);
    }
    return id;
  }

  /** The policy of pod a under rules that need not be those of the case. */
  static CompiledPolicy compileA(PolicyCase world, RulesSnapshot rules) {
    return compileA(world, rules, world.config());
  }

  /** As {@link #compileA(PolicyCase, RulesSnapshot)}, under another configuration. */
  static CompiledPolicy compileA(PolicyCase world, RulesSnapshot rules, PolicyConfig config) {
    Labels labels = world.identities().labels(id("a")).orElseThrow();
    return new PolicyCompiler(config)
        .compile(PolicySubject.of(new Identity(id("a"), labels)), rules, world.identities());
  }

  /** A CiliumNetworkPolicy in {@code default} about pod a, as an item of a list. */
  static String aboutA(String... sections) {
    return policy("CiliumNetworkPolicy", "endpointSelector: {matchLabels: {app: a}}", sections);
  }

  /** A policy as an item of a list; its name tells it from others. */
  static String policy(String kind, String subject, String... sections) {
    String body = String.join("\n", sections);
    return "- apiVersion: cilium.io/v2\n  kind: "
        + kind
        + "\n  metadata: {name: p"
        + Integer.toHexString((kind + subject + body).hashCode())
        + (kind.equals("CiliumNetworkPolicy") ? ", namespace: default" : "")
        + "}\n  spec:\n"
        + (subject + "\n" + body).indent(4);
  }

  /** A ClusterNetworkPolicy about every pod, as an item of a list. */
  static String cluster(String tier, int priority, String sections) {
    return "- apiVersion: policy.networking.k8s.io/v1alpha2\n  kind: ClusterNetworkPolicy\n"
        + "  metadata: {name: "
        + tier.toLowerCase(Locale.ROOT)
        + priority
        + "}\n  spec:\n    tier: "
        + tier
        + "\n    priority: "
        + priority
        + "\n    subject: {namespaces: {}}\n"
        + sections.stripIndent().indent(4);
  }

  /** A NetworkPolicy in {@code default}, as an item of a list. */
  static String network(String spec) {
    return "- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n"
        + "  metadata: {name: n, namespace: default}\n  spec:\n"
        + spec.stripIndent().indent(4);
  }
}
