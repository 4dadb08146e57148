// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * {@link PolicySuggestion} as objects of the kind {@code NetworkPolicy}. These can name neither an
 * entity nor an ICMP type: a direction in which one was seen stays open, so that nothing is denied
 * that was seen.
 *
 * @param policies as Kubernetes reads them, sorted by namespace and name
 * @param open the directions that stay open, one line each: which policy and what it cannot say
 */
public record KubernetesSuggestion(List<Map<String, Object>> policies, List<String> open) {

  private static final String NAMESPACE = "k8s:io.kubernetes.pod.namespace";
  private static final String NAMESPACE_NAME = "kubernetes.io/metadata.name";

  public KubernetesSuggestion {
    policies = List.copyOf(policies);
    open = List.copyOf(open);
  }

  /** The policies for the flows that were seen; see {@link PolicySuggestion#of}. */
  public static KubernetesSuggestion of(Collection<SeenFlow> flows) {
    List<Map<String, Object>> policies = new ArrayList<>();
    List<String> open = new ArrayList<>();
    for (Map<String, Object> suggested : PolicySuggestion.of(flows)) {
      Map<String, Object> spec = map(suggested, "spec");
      Map<String, Object> written = new LinkedHashMap<>();
      written.put("podSelector", map(spec, "endpointSelector"));
      List<String> types = new ArrayList<>();
      written.put("policyTypes", types);
      for (String direction : List.of("ingress", "egress")) {
        if (!spec.containsKey(direction)) {
          continue;
        }
        List<Map<String, Object>> rules = list(spec, direction);
        Optional<String> beyond = rules.stream().flatMap(KubernetesSuggestion::beyond).findFirst();
        if (beyond.isPresent()) {
          Map<String, Object> metadata = map(suggested, "metadata");
          open.add(
              "%s of %s/%s: NetworkPolicy cannot name %s"
                  .formatted(
                      direction, metadata.get("namespace"), metadata.get("name"), beyond.get()));
          continue;
        }
        types.add(direction.substring(0, 1).toUpperCase(Locale.ROOT) + direction.substring(1));
        String peers = direction.equals("ingress") ? "from" : "to";
        written.put(direction, rules.stream().map(rule -> rule(rule, peers)).toList());
      }
      if (!types.isEmpty()) {
        Map<String, Object> policy = new LinkedHashMap<>();
        policy.put("apiVersion", "networking.k8s.io/v1");
        policy.put("kind", NetworkPolicy.KIND);
        policy.put("metadata", map(suggested, "metadata"));
        policy.put("spec", written);
        policies.add(policy);
      }
    }
    return new KubernetesSuggestion(policies, open);
  }

  /** What of a rule cannot be said. */
  private static Stream<String> beyond(Map<String, Object> rule) {
    return rule.entrySet().stream()
        .filter(each -> each.getKey().equals("icmps") || each.getKey().endsWith("Entities"))
        .map(each -> each.getKey().equals("icmps") ? "ICMP types" : "entity " + each.getValue());
  }

  private static Map<String, Object> rule(Map<String, Object> rule, String peers) {
    List<Object> named = new ArrayList<>();
    for (Map<String, Object> selector : list(rule, peers + "Endpoints")) {
      named.add(peer(selector));
    }
    for (Object prefix : (List<?>) rule.getOrDefault(peers + "CIDR", List.of())) {
      named.add(Map.of("ipBlock", Map.of("cidr", prefix)));
    }
    List<Object> ports = new ArrayList<>();
    for (Map<String, Object> part : list(rule, "toPorts")) {
      for (Map<String, Object> port : list(part, "ports")) {
        Map<String, Object> one = new LinkedHashMap<>(port);
        one.put("port", Integer.parseInt(String.valueOf(port.get("port"))));
        ports.add(one);
      }
    }
    Map<String, Object> written = new LinkedHashMap<>();
    written.put(peers, named);
    written.put("ports", ports);
    return written;
  }

  /** A pod of another namespace is named by that too. */
  private static Map<String, Object> peer(Map<String, Object> selector) {
    Map<String, Object> labels = new TreeMap<>(map(selector, "matchLabels"));
    Object namespace = labels.remove(NAMESPACE);
    Map<String, Object> pods = new LinkedHashMap<>(selector);
    pods.put("matchLabels", labels);
    Map<String, Object> peer = new LinkedHashMap<>();
    if (namespace != null) {
      peer.put("namespaceSelector", Map.of("matchLabels", Map.of(NAMESPACE_NAME, namespace)));
    }
    peer.put("podSelector", pods);
    return peer;
  }

  @SuppressWarnings("unchecked") // As PolicySuggestion makes it.
  private static Map<String, Object> map(Map<String, Object> of, String key) {
    return (Map<String, Object>) Objects.requireNonNull(of.get(key));
  }

  @SuppressWarnings("unchecked") // As PolicySuggestion makes it.
  private static List<Map<String, Object>> list(Map<String, Object> of, String key) {
    return (List<Map<String, Object>>) of.getOrDefault(key, List.of());
  }
}
