// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.Flow;
import io.cilium4j.core.RuleOrigin;

/**
 * A flow as the datapath reported it, with the rule that decided.
 *
 * @param flow the report
 * @param rule the rule that its cookie stands for
 */
public record ReportedFlow(Flow flow, RuleOrigin rule) {}
