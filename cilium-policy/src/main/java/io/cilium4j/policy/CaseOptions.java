// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads a case's {@code config}: the agent's options that change what policies mean. */
final class CaseOptions {
  private final Field options;
  private PolicyConfig.Builder builder = PolicyConfig.DEFAULT.toBuilder();

  CaseOptions(Field options) {
    this.options = options;
  }

  /** These options laid over a configuration. */
  PolicyConfig over(PolicyConfig base) {
    builder = base.toBuilder();
    boolean ipv4 = base.ipv4();
    boolean ipv6 = base.ipv6();
    String cluster = base.clusterName();
    int clusterId = base.clusterId();
    for (String name : options.map().keySet()) {
      Field value = options.find(name);
      if (value == null) {
        continue;
      }
      switch (name) {
        case "enable-ipv4" -> ipv4 = truth(value);
        case "enable-ipv6" -> ipv6 = truth(value);
        case "cluster-name" -> cluster = value.text();
        case "cluster-id" -> clusterId = value.integer(0, 255);
        default -> one(name, value);
      }
    }
    if (!ipv4 && !ipv6) {
      throw options.error("neither enable-ipv4 nor enable-ipv6", "at least one of them");
    }
    return builder.families(ipv4, ipv6).cluster(cluster, clusterId).build();
  }

  private void one(String name, Field value) {
    switch (name) {
      case "enable-policy" ->
          builder.enforcement(value.choose(CaseOptions::mode, EnforcementMode.values()));
      case "policy-audit-mode" -> builder.denial(truth(value) ? DenialMode.AUDIT : DenialMode.DROP);
      case "policy-default-local-cluster" -> builder.localClusterByDefault(truth(value));
      case "policy-cidr-match-mode" -> builder.cidrMatch(cidrMatch(value));
      case "allow-localhost" -> builder.allowLocalhost(localhost(value));
      case "enable-host-firewall" -> builder.hostFirewall(truth(value));
      case "enable-node-selector-labels" -> builder.nodeSelectorLabels(truth(value));
      case "enable-l7-proxy" -> builder.l7Proxy(truth(value));
      case "enable-extended-ip-protocols" -> builder.extendedProtocols(truth(value));
      case "enable-non-default-deny-policies" -> builder.nonDefaultDeny(truth(value));
      case "reference-compat" -> builder.referenceCompat(truth(value));
      default ->
          throw value.error(
              "an unknown option",
              "enable-policy, policy-audit-mode, cluster-name, cluster-id, enable-ipv4,"
                  + " enable-ipv6, policy-default-local-cluster, policy-cidr-match-mode,"
                  + " allow-localhost, enable-host-firewall, enable-node-selector-labels,"
                  + " enable-l7-proxy, enable-extended-ip-protocols,"
                  + " enable-non-default-deny-policies or reference-compat");
    }
  }

  static Optional<EnforcementMode> mode(String text) {
    return List.of(EnforcementMode.values()).stream()
        .filter(mode -> mode.toString().equals(text))
        .findFirst();
  }

  private static boolean truth(Field value) {
    if (!(value.value() instanceof Boolean truth)) {
      throw value.wanted("true or false");
    }
    return truth;
  }

  private static boolean localhost(Field value) {
    return switch (value.text()) {
      case "always" -> true;
      case "policy" -> false;
      default -> throw value.wanted("always or policy");
    };
  }

  private static Set<PolicyConfig.CidrMatch> cidrMatch(Field list) {
    Set<PolicyConfig.CidrMatch> modes = EnumSet.noneOf(PolicyConfig.CidrMatch.class);
    for (Field item : list.list()) {
      switch (item.text()) {
        case "nodes" -> modes.add(PolicyConfig.CidrMatch.NODES);
        case "pods" -> modes.add(PolicyConfig.CidrMatch.PODS);
        default -> throw item.wanted("nodes or pods");
      }
    }
    return modes;
  }
}
