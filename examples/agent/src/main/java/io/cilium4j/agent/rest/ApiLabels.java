// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.policy.controller.ApiRules;
import java.util.List;
import java.util.regex.Pattern;

/** Labels as the API writes and reads them: texts, in the order of keys. */
final class ApiLabels {
  private static final Pattern SOURCE = Pattern.compile("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?");

  /** Kubernetes' form of a key, a name with or without the prefix of a domain; then of a value. */
  private static final Pattern KUBERNETES =
      Pattern.compile(
          "([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
              + "=([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?");

  /** Container runtimes are freer. A semicolon would be read as the label's end elsewhere. */
  private static final Pattern OTHER = Pattern.compile("[^\\p{Cntrl}\\s;]+=[^\\p{Cntrl};]*");

  private ApiLabels() {}

  static List<String> texts(Labels labels) {
    return labels.stream().map(ApiLabels::text).toList();
  }

  /** With {@code =} before a value, and without where there is none. */
  static String text(Label label) {
    return label.toString();
  }

  /**
   * Labels that a client gives to an endpoint.
   *
   * @throws Refusal if one is not well formed, or is the system's own to give
   */
  static Labels given(List<String> texts) {
    Labels labels;
    try {
      labels = Labels.parse(texts);
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
    for (Label label : labels) {
      if (LabelSource.isSystems(label.source())) {
        throw Refusal.invalid(
            "label " + label + ": labels of " + label.source() + " are not a client's to give");
      }
      Pattern form = label.source().equals(LabelSource.K8S) ? KUBERNETES : OTHER;
      if (!SOURCE.matcher(label.source()).matches()
          || !form.matcher(label.key() + "=" + label.value()).matches()) {
        throw Refusal.invalid(
            "label \""
                + label.toString().replaceAll("[^ -~]", "?")
                + "\": wanted SOURCE:KEY=VALUE, of k8s as Kubernetes has them");
      }
    }
    return labels;
  }

  /**
   * Labels that a client looks for; one without a source means every source.
   *
   * @throws Refusal if one is not well formed
   */
  static List<Label> wanted(List<String> texts) {
    try {
      return texts.stream().map(Label::parseSelector).toList();
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(String.valueOf(e.getMessage()));
    }
  }

  /** Whether all wanted labels are there. */
  static boolean hasAll(Labels labels, List<Label> wanted) {
    return ApiRules.hasAll(labels.sorted(), wanted);
  }
}
