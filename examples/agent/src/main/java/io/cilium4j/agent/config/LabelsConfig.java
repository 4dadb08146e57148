// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.config;

import io.cilium4j.identity.LabelFilter;
import java.util.Optional;

/**
 * Which labels make identities.
 *
 * @param endpoints of an endpoint's labels, those of its identity
 * @param nodes of a node's labels, those that policies can name; absent where they can name none,
 *     and all nodes have one identity
 */
public record LabelsConfig(LabelFilter endpoints, Optional<LabelFilter> nodes) {

  /** What Kubernetes does not change all the time, and nothing of nodes. */
  public static final LabelsConfig DEFAULT =
      new LabelsConfig(LabelFilter.DEFAULT, Optional.empty());
}
