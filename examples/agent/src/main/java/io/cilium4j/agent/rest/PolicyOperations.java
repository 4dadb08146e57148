// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.agent.Agent;
import io.cilium4j.api.model.Policy;
import io.cilium4j.core.Label;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.controller.ApiRules.Removed;
import io.cilium4j.policy.controller.ApiRules.Replaced;
import io.cilium4j.policy.controller.PolicyRevision;
import java.time.Duration;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** {@code /policy}: the rules in force, and those that users give by hand. */
final class PolicyOperations {

  /** How long rules may take to count; compiling for some hundred endpoints takes less. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final Agent agent;

  PolicyOperations(Agent agent) {
    this.agent = agent;
  }

  Response get(Request request) {
    List<Label> wanted = ApiLabels.wanted(request.bodyTexts());
    RulesSnapshot rules = agent.rules();
    List<RuleText> found = RuleText.of(rules).stream().filter(each -> each.hasAll(wanted)).toList();
    if (found.isEmpty() && !wanted.isEmpty()) {
      throw Refusal.notFound();
    }
    return Response.ok(new Policy(rules.revision(), RuleText.json(found)));
  }

  /** The body is a JSON text that holds the list; a list that stands there itself is taken too. */
  Response put(Request request) throws Exception {
    JsonNode body = request.bodyTree();
    String list = body.isString() ? body.stringValue() : body.toString();
    Replaced replaced = replaced(request);
    PolicyRevision revision;
    try {
      revision = agent.apiRules().add(list, replaced);
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
    RulesSnapshot rules = agent.awaitPolicy(revision, PATIENCE);
    return Response.ok(new Policy(rules.revision(), list));
  }

  private static Replaced replaced(Request request) {
    List<String> labels =
        request.query().getOrDefault("replace-with-labels", List.of()).stream()
            .flatMap(each -> List.of(each.split(",", -1)).stream())
            .filter(each -> !each.isEmpty())
            .toList();
    if (!labels.isEmpty()) {
      return new Replaced.Having(ApiLabels.wanted(labels));
    }
    return request.queryFlag("replace") ? new Replaced.SameLabels() : new Replaced.None();
  }

  /** Only rules that were given by hand can be taken back by hand. */
  Response delete(Request request) throws Exception {
    List<Label> wanted = ApiLabels.wanted(request.bodyTexts());
    Removed removed = agent.apiRules().delete(wanted);
    if (removed.rules() == 0 && !wanted.isEmpty()) {
      throw Refusal.notFound();
    }
    RulesSnapshot rules = agent.awaitPolicy(removed.revision(), PATIENCE);
    return Response.ok(new Policy(rules.revision(), RuleText.json(RuleText.of(rules))));
  }

  Response selectors(Request request) {
    return Response.ok(SelectorView.peers(agent));
  }

  Response subjectSelectors(Request request) {
    return Response.ok(SelectorView.subjects(agent));
  }
}
