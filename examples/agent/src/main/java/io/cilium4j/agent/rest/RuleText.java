// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.GivenRules;
import io.cilium4j.agent.RuleLabels;
import io.cilium4j.api.ApiJson;
import io.cilium4j.core.Label;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicyWriter;
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

  /** A line for each field and element, as Cilium's clients print their own JSON. */
  private static final DefaultPrettyPrinter PRETTY =
      new DefaultPrettyPrinter(
              Separators.createDefaultInstance()
                  .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                  .withObjectEmptySeparator("")
                  .withArrayEmptySeparator(""))
          .withArrayIndenter(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE);

  /** Every rule in force. */
  static List<RuleText> of(RulesSnapshot rules) {
    List<RuleText> all = new ArrayList<>();
    for (PolicyResource resource : rules.resources()) {
      add(resource, all);
    }
    return all;
  }

  private static void add(PolicyResource resource, List<RuleText> all) {
    JsonNode object = ApiJson.mapper().valueToTree(PolicyWriter.toTree(resource));
    List<List<Label>> labels = RuleLabels.of(resource);
    List<JsonNode> rules = new ArrayList<>();
    if (!(resource instanceof CiliumPolicy)) {
      rules.add(object);
    } else if (object.has("spec")) {
      rules.add(object.path("spec"));
    }
    object.path("specs").forEach(rules::add);
    for (int i = 0; i < labels.size(); i++) {
      all.add(labelled((ObjectNode) rules.get(i), labels.get(i)));
    }
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
