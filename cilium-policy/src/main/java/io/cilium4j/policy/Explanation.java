// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import java.util.List;
import java.util.Optional;

/**
 * Why a flow passes or does not, in one direction.
 *
 * @param direction whose side: the sender's egress or the receiver's ingress
 * @param verdict what becomes of the flow: what the enforced map says, or audited
 * @param decider the rule that decided; absent where none did
 * @param reason one line for people
 * @param others the other rules that select the subject in this direction, and why each of them did
 *     not decide
 * @param restrictedBy the rules through which what is not allowed is denied; empty where nothing
 *     restricts the direction
 * @param remedy the smallest policy that would allow the flow beside those in force; absent where
 *     it passes, or where a rule denies it, which no addition undoes
 */
public record Explanation(
    TrafficDirection direction,
    Verdict verdict,
    Optional<RuleOrigin> decider,
    String reason,
    List<Loser> others,
    List<RuleOrigin> restrictedBy,
    Optional<CiliumPolicy> remedy) {

  public Explanation {
    others = List.copyOf(others);
    restrictedBy = List.copyOf(restrictedBy);
  }

  /**
   * A rule that did not decide.
   *
   * @param rule the rule
   * @param why what kept it from deciding, one line
   */
  public record Loser(RuleOrigin rule, String why) {}

  /** All of it, a line each. */
  @Override
  public String toString() {
    var text = new StringBuilder();
    text.append(direction).append(' ').append(verdict).append(": ").append(reason);
    for (RuleOrigin rule : restrictedBy) {
      text.append("\n  restricted by ").append(rule);
    }
    for (Loser loser : others) {
      text.append("\n  not ").append(loser.rule).append(": ").append(loser.why);
    }
    remedy.ifPresent(
        policy -> text.append("\n  to allow it: ").append(PolicyWriter.toJson(policy)));
    return text.toString();
  }
}
