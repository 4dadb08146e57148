// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.policy.CiliumPolicy.Item;
import io.cilium4j.policy.CiliumPolicy.Rule;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Tells what an author of a valid policy most likely did not mean: lists that are empty and so
 * select nobody, conditions that are overridden, selectors that are wider than they look, rules in
 * a direction that the policy leaves out.
 */
public final class PolicyWarnings {
  /** Longest text for the access log that the CRD's schema lets through. */
  private static final int MAX_LOG_CHARS = 32;

  private static final String ALLOWS_NOBODY = "selects no peer";
  private static final String DENIES_WORLD = "denies everything outside the cluster";

  private final ResourceName resource;
  private final List<String> warnings = new ArrayList<>();

  private PolicyWarnings(ResourceName resource) {
    this.resource = resource;
  }

  /** One line for each spot, beginning with the object and the path. */
  public static List<String> of(PolicyResource policy) {
    var warnings = new PolicyWarnings(policy.resource());
    switch (policy) {
      case CiliumPolicy cilium -> cilium.rules().forEach(warnings::rule);
      case NetworkPolicy kubernetes -> {
        warnings.leftOut(kubernetes, NetworkPolicy.Type.INGRESS, kubernetes.ingress());
        warnings.leftOut(kubernetes, NetworkPolicy.Type.EGRESS, kubernetes.egress());
      }
      case ClusterNetworkPolicy _, CidrGroup _ -> {}
    }
    return List.copyOf(warnings.warnings);
  }

  /**
   * The parts of a policy that cannot be enforced as written, one line each: groups outside the
   * cluster, if nothing provides their addresses, and rules for nodes, without a host firewall.
   */
  public static List<String> unmet(PolicyResource policy, PolicyConfig config) {
    var unmet = new PolicyWarnings(policy.resource());
    if (policy instanceof CiliumPolicy cilium && !config.hostFirewall()) {
      for (Rule rule : cilium.rules()) {
        if (rule.subject().isNode()) {
          unmet.warn(
              rule.path() + ".nodeSelector",
              "there is no host firewall, so nodes are not restricted");
        }
      }
    }
    if (policy instanceof CiliumPolicy cilium && !config.externalGroups()) {
      for (Rule rule : cilium.rules()) {
        unmet.groups(rule.ingress(), rule.path() + ".ingress", "fromGroups", ALLOWS_NOBODY);
        unmet.groups(rule.ingressDeny(), rule.path() + ".ingressDeny", "fromGroups", DENIES_WORLD);
        unmet.groups(rule.egress(), rule.path() + ".egress", "toGroups", ALLOWS_NOBODY);
        unmet.groups(rule.egressDeny(), rule.path() + ".egressDeny", "toGroups", DENIES_WORLD);
      }
    }
    return List.copyOf(unmet.warnings);
  }

  private void groups(List<Item> items, String section, String field, String outcome) {
    for (int i = 0; i < items.size(); i++) {
      boolean named =
          items.get(i).peers().stream()
              .anyMatch(peers -> peers instanceof Peers.Groups && !peers.items().isEmpty());
      if (named) {
        warn(
            section + "[" + i + "]." + field,
            "nothing provides the addresses of the group, so the rule " + outcome);
      }
    }
  }

  private void warn(String path, String what) {
    warnings.add(resource + ": " + path + ": " + what);
  }

  private void leftOut(
      NetworkPolicy policy, NetworkPolicy.Type direction, List<NetworkPolicy.Rule> rules) {
    if (!rules.isEmpty() && !policy.types().isEmpty() && !policy.types().contains(direction)) {
      warn(
          "spec." + direction.toString().toLowerCase(Locale.ROOT),
          "policyTypes leaves "
              + direction
              + " out: its rules are enforced as by Cilium, where others ignore them");
    }
  }

  private void rule(Rule rule) {
    if (!resource.isClusterScoped()) {
      rule.subject().selector().keys().stream()
          .filter(key -> LabelSelector.keyOf(key).equals(Selectors.NAMESPACE))
          .forEach(key ->
              warn(
                  rule.path() + ".endpointSelector",
                  key
                      + " does not reach other namespaces: the policy is about "
                      + resource.namespace()));
    }
    if (rule.logValue().length() > MAX_LOG_CHARS
        || !rule.logValue().chars().allMatch(c -> c >= ' ' && c < 0x7f)) {
      warn(rule.path() + ".log.value", "an API server takes at most 32 printable characters");
    }
    items(rule.ingress(), rule.path() + ".ingress");
    items(rule.ingressDeny(), rule.path() + ".ingressDeny");
    items(rule.egress(), rule.path() + ".egress");
    items(rule.egressDeny(), rule.path() + ".egressDeny");
  }

  private void items(List<Item> items, String section) {
    for (int i = 0; i < items.size(); i++) {
      Item item = items.get(i);
      String path = section + "[" + i + "]";
      for (Peers peers : item.peers()) {
        peers(peers, path);
      }
      for (int j = 0; j < item.ports().size(); j++) {
        if (item.ports().get(j).ports().isEmpty()) {
          warn(path + ".toPorts[" + j + "]", "without ports it matches nothing");
        }
      }
      for (int j = 0; j < item.icmps().size(); j++) {
        icmps(item.icmps().get(j), path + ".icmps[" + j + "]");
      }
    }
  }

  private void icmps(List<Ports.Icmp> fields, String path) {
    if (fields.isEmpty()) {
      warn(path, "without fields it matches nothing");
    }
    if (fields.stream().anyMatch(each -> each.type() == 0)) {
      warn(path, "type 0 is that type alone; for every type leave icmps and toPorts out");
    }
  }

  private void peers(Peers peers, String path) {
    String name = peers.getClass().getSimpleName();
    if (peers.items().isEmpty()) {
      warn(path, "the list of " + name + " is empty: it selects nobody");
    }
    if (peers instanceof Peers.Services(var services)
        && services.stream().anyMatch(each -> each instanceof Peers.Service.Nothing)) {
      warn(path, "an item of toServices names no service");
    }
    if (peers instanceof Peers.CidrSets(var sets)) {
      boolean wide =
          sets.stream()
              .anyMatch(set ->
                  set.except().isEmpty()
                      && set.base() instanceof Peers.CidrBase.GroupSelector(var labels)
                      && labels.isEmpty());
      if (wide) {
        warn(path, "a cidrGroupSelector without conditions selects everybody, pods included");
      }
    }
  }
}
