// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/** The labels that the user gave. */
public record LabelConfigurationSpec(List<String> user) {
  public LabelConfigurationSpec {
    user = Absent.list(user);
  }
}
