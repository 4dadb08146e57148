// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.YamlWriter;
import io.cilium4j.policy.KubernetesSuggestion;
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
    List<Map<String, Object>> suggested;
    boolean staysOpen = false;
    if (arguments.has("--kubernetes")) {
      KubernetesSuggestion kubernetes = KubernetesSuggestion.of(file.flows());
      suggested = kubernetes.policies();
      staysOpen = !kubernetes.open().isEmpty();
      kubernetes.open().forEach(line -> console.error("policy suggest: stays open: " + line));
    } else {
      suggested = PolicySuggestion.of(file.flows());
    }
    List<Map<String, Object>> policies =
        suggested.stream()
            .filter(each ->
                namespace.isEmpty()
                    || Json.ofTree(each)
                        .get("metadata", "namespace")
                        .text()
                        .equals(namespace.get()))
            .toList();
    if (policies.isEmpty()) {
      throw new CommandException(
          staysOpen
              ? "policy suggest: nothing is left to close"
              : "policy suggest: no flow of a pod of this node passed");
    }
    String between = "";
    for (Map<String, Object> policy : policies) {
      console.print(between + YamlWriter.print(Json.ofTree(policy)));
      between = "---\n";
    }
    tellWhatItCloses(policies, console);
    if (file.skipped() > 0) {
      console.error(
          "policy suggest: %d flows left out: answers, requests, other drops, unknown ends"
              .formatted(file.skipped()));
    }
    return 0;
  }

  /** By construction nothing that was seen; what was not, in the directions that have rules now. */
  private static void tellWhatItCloses(List<Map<String, Object>> policies, Console console) {
    long ingress = policies.stream().filter(each -> closes(each, "ingress")).count();
    long egress = policies.stream().filter(each -> closes(each, "egress")).count();
    console.error(
        "policy suggest: denies nothing seen; closes all else to %d workloads and from %d"
            .formatted(ingress, egress));
  }

  private static boolean closes(Map<String, Object> policy, String direction) {
    return Json.ofTree(policy).get("spec", direction).isPresent();
  }
}
