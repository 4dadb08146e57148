// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.YamlWriter;
import io.cilium4j.policy.PolicySuggestion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code cilium policy suggest}: the least policies that let pass what was seen to pass. */
final class SuggestCommand {
  private SuggestCommand() {}

  static int run(Arguments arguments, Console console) throws IOException {
    FlowFile file = FlowFile.read(Path.of(arguments.operands().getFirst()), console);
    Optional<String> namespace = arguments.find("--namespace");
    List<Map<String, Object>> policies =
        PolicySuggestion.of(file.flows()).stream()
            .filter(each ->
                namespace.isEmpty()
                    || Json.ofTree(each)
                        .get("metadata", "namespace")
                        .text()
                        .equals(namespace.get()))
            .toList();
    if (policies.isEmpty()) {
      throw new CommandException("policy suggest: no flow of a pod of this node passed");
    }
    String between = "";
    for (Map<String, Object> policy : policies) {
      console.print(between + YamlWriter.print(Json.ofTree(policy)));
      between = "---\n";
    }
    if (file.skipped() > 0) {
      console.error(
          "policy suggest: %d flows left out: answers, requests, other drops, unknown ends"
              .formatted(file.skipped()));
    }
    return 0;
  }
}
