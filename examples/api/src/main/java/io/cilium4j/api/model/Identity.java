// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;

/**
 * The number that stands for a set of labels.
 *
 * @param labelsSHA256 a digest of the canonical labels
 */
public record Identity(long id, List<String> labels, String labelsSHA256) {
  public Identity {
    labels = Absent.list(labels);
    labelsSHA256 = Absent.text(labelsSHA256);
  }
}
