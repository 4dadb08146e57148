// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Labels;

/**
 * The labels of a pod as the agent uses them.
 *
 * @param all everything that is known
 * @param relevant those of them that make its identity
 */
record PreparedLabels(Labels all, Labels relevant) {}
