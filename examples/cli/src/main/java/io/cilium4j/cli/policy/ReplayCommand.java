// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.FlowExplanation;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicySet;
import io.cilium4j.policy.SeenFlow;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code cilium policy replay}: what flows that were seen would meet under other policies. */
final class ReplayCommand {
  private final PolicyConfig config;

  ReplayCommand(PolicyConfig config) {
    this.config = config;
  }

  int run(Arguments arguments, Console console) throws IOException {
    PolicyFiles policies = PolicyFiles.read(Path.of(arguments.need("--policies")), console, config);
    if (!policies.errors().isEmpty()) {
      throw new CommandException(String.join("\n", policies.errors()));
    }
    FlowFile file = FlowFile.read(Path.of(arguments.operands().getFirst()), console);
    PolicySet.Builder builder =
        PolicySet.builder()
            .config(config)
            .policies(policies.policies())
            .services(policies.services().all());
    file.namespaces().forEach(builder::namespace);
    PolicySet set = builder.build();
    int same = 0;
    int other = 0;
    for (SeenFlow flow : file.flows()) {
      FlowExplanation why = set.explain(flow.from(), flow.to(), flow.port());
      List<Explanation> sides = sides(flow, why);
      boolean passes = sides.stream().allMatch(each -> each.verdict().passes());
      if (passes == flow.passed()) {
        same++;
        continue;
      }
      other++;
      console.line(
          TextTable.clean(
              "%s -> %s %s was %s and would %s"
                  .formatted(
                      flow.from(),
                      flow.to(),
                      flow.port(),
                      flow.passed() ? "allowed" : "dropped",
                      passes ? "pass" : "be dropped")));
      for (Explanation side : sides) {
        if (passes || !side.verdict().passes()) {
          console.line(TextTable.cleanLines("  " + side.toString().replace("\n", "\n  ")));
        }
      }
    }
    console.line(
        "%d flows: %d as they were, %d not; %d left out"
            .formatted(same + other, same, other, file.skipped()));
    return other == 0 ? 0 : ExitCode.FAILED;
  }

  /** The sides at which the flow was seen: of another node's policy nothing is known here. */
  private static List<Explanation> sides(SeenFlow flow, FlowExplanation why) {
    List<Explanation> sides = new ArrayList<>();
    if (flow.seenAt().contains(TrafficDirection.EGRESS)) {
      why.egress().ifPresent(sides::add);
    }
    if (flow.seenAt().contains(TrafficDirection.INGRESS)) {
      why.ingress().ifPresent(sides::add);
    }
    return sides;
  }
}
