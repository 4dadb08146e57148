// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.policy.CidrGroup;
import io.cilium4j.policy.CiliumPolicy;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.ResourceName;
import java.util.ArrayList;
import java.util.List;

/**
 * The labels by which rules are known: those that a rule brings, and for rules of objects of
 * Kubernetes those that say which object.
 */
public final class RuleLabels {
  private static final String DERIVED_FROM = "io.cilium.k8s.policy.derived-from";
  private static final String NAME = "io.cilium.k8s.policy.name";
  private static final String NAMESPACE = "io.cilium.k8s.policy.namespace";

  private RuleLabels() {}

  /**
   * Of each rule of an object. An object of Cilium's own has some rules, another counts as one, and
   * a group of prefixes is none.
   */
  public static List<List<Label>> of(PolicyResource resource) {
    return switch (resource) {
      case CiliumPolicy policy ->
          policy.rules().stream().map(rule -> of(policy.resource(), rule.labels())).toList();
      case CidrGroup _ -> List.of();
      default -> List.of(ofObject(resource.resource()));
    };
  }

  private static List<Label> of(ResourceName object, List<String> own) {
    List<Label> labels = new ArrayList<>();
    // What is no label stands in the object all the same, and nobody can ask for it.
    own.forEach(text -> Label.tryParse(text).ifPresent(labels::add));
    if (!ApiRules.isApiRule(object.name())) {
      labels.addAll(ofObject(object));
    }
    return List.copyOf(labels);
  }

  private static List<Label> ofObject(ResourceName name) {
    List<Label> labels = new ArrayList<>();
    labels.add(new Label(LabelSource.K8S, DERIVED_FROM, name.kind()));
    labels.add(new Label(LabelSource.K8S, NAME, name.name()));
    if (!name.isClusterScoped()) {
      labels.add(new Label(LabelSource.K8S, NAMESPACE, name.namespace()));
    }
    return List.copyOf(labels);
  }
}
