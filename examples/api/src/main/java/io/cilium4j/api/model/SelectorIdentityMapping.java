// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/**
 * A selector of the rules, and whom it selects now.
 *
 * @param users how many rules use the selector
 */
public record SelectorIdentityMapping(
    String selector, List<Label> labels, List<Long> identities, long users) {
  public SelectorIdentityMapping {
    selector = Absent.text(selector);
    labels = Absent.list(labels);
    identities = Absent.list(identities);
  }
}
