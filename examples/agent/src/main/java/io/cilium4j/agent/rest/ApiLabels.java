// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import java.util.List;

/** Labels as the API writes and reads them: texts, in the order of keys. */
final class ApiLabels {
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
      if (label.isReserved()) {
        throw Refusal.invalid("label " + label + ": reserved labels are not a client's to give");
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
    return io.cilium4j.agent.GivenRules.hasAll(labels.sorted(), wanted);
  }
}
