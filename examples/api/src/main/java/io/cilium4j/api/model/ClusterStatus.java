// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** The cluster as this node sees it. */
public record ClusterStatus(@Nullable Status ciliumHealth, String self, List<NodeElement> nodes) {
  public ClusterStatus {
    self = Absent.text(self);
    nodes = Absent.list(nodes);
  }
}
