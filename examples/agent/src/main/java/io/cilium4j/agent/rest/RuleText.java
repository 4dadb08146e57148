// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.GivenRules;
import io.cilium4j.api.ApiJson;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyWriter;
import io.cilium4j.policy.ResourceName;
import io.cilium4j.policy.RulesSnapshot;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A rule in force as the API shows it: a plain rule with the labels by which it is known. Rules of
 * objects of Kubernetes get labels that say which object; an object that is none of Cilium's own
 * stands as a whole in place of a rule.
 *
 * @param rule the JSON
 * @param labels its labels
 */
record RuleText(ObjectNode rule, List<Label> labels) {

  private static final String DERIVED_FROM = "io.cilium.k8s.policy.derived-from";
  private static final String NAME = "io.cilium.k8s.policy.name";
  private static final String NAMESPACE = "io.cilium.k8s.policy.namespace";

  /** Every rule in force. */
  static List<RuleText> of(RulesSnapshot rules) {
    List<RuleText> all = new ArrayList<>();
    for (PolicyResource resource : rules.resources()) {
      add(resource, all);
    }
    return all;
  }

  private static void add(PolicyResource resource, List<RuleText> all) {
    JsonNode object = ApiJson.mapper().readTree(PolicyWriter.toJson(resource));
    if (!(resource instanceof CiliumPolicy policy)) {
      all.add(labelled((ObjectNode) object, labelsOf(resource.resource())));
      return;
    }
    List<JsonNode> specs = new ArrayList<>();
    if (object.has("spec")) {
      specs.add(object.path("spec"));
    }
    object.path("specs").forEach(specs::add);
    boolean given = GivenRules.isGiven(resource.resource().name());
    for (int i = 0; i < specs.size(); i++) {
      List<Label> labels = new ArrayList<>();
      policy.rules().get(i).labels().forEach(text -> labels.add(Label.parse(text)));
      if (!given) {
        labels.addAll(labelsOf(resource.resource()));
      }
      all.add(labelled((ObjectNode) specs.get(i), labels));
    }
  }

  private static List<Label> labelsOf(ResourceName name) {
    List<Label> labels = new ArrayList<>();
    labels.add(new Label(LabelSource.K8S, DERIVED_FROM, name.kind()));
    labels.add(new Label(LabelSource.K8S, NAME, name.name()));
    if (!name.isClusterScoped()) {
      labels.add(new Label(LabelSource.K8S, NAMESPACE, name.namespace()));
    }
    return labels;
  }

  private static RuleText labelled(ObjectNode rule, List<Label> labels) {
    ArrayNode list = rule.putArray("labels");
    for (Label label : labels) {
      list.addObject()
          .put("key", label.key())
          .put("value", label.value())
          .put("source", label.source());
    }
    return new RuleText(rule, List.copyOf(labels));
  }

  boolean hasAll(List<Label> wanted) {
    return GivenRules.hasAll(labels, wanted);
  }

  /** The rules as one JSON text. */
  static String json(List<RuleText> rules) {
    ArrayNode list = ApiJson.mapper().createArrayNode();
    rules.forEach(each -> list.add(each.rule()));
    return ApiJson.mapper().writerWithDefaultPrettyPrinter().writeValueAsString(list);
  }
}
