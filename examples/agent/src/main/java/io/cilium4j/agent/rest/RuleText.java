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
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
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

  /** A line for each field and element, as the field's clients print their own JSON. */
  private static final DefaultPrettyPrinter PRETTY =
      new DefaultPrettyPrinter(
              Separators.createDefaultInstance()
                  .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                  .withObjectEmptySeparator("")
                  .withArrayEmptySeparator(""))
          .withArrayIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE);

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

  /** The labels of an object's first rule; its other rules have those of its name as well. */
  static List<Label> labelsOf(PolicyResource object) {
    List<Label> labels = new ArrayList<>();
    if (object instanceof CiliumPolicy policy && !policy.rules().isEmpty()) {
      policy.rules().getFirst().labels().forEach(text -> labels.add(Label.parse(text)));
    }
    if (!GivenRules.isGiven(object.resource().name())) {
      labels.addAll(labelsOf(object.resource()));
    }
    return labels;
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
    return ApiJson.mapper().writer().with(PRETTY).writeValueAsString(list);
  }
}
