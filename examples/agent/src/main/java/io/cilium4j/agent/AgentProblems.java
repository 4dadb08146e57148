// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.spi.KubernetesSource;
import java.util.Map;
import java.util.TreeMap;

/** What is wrong with an agent's manifests, rules, endpoints and datapath. */
final class AgentProblems {

  private AgentProblems() {}

  /** One whole line each, by where it is wrong. */
  static Map<String, String> of(AgentRuntime agent) {
    Map<String, String> problems = new TreeMap<>();
    agent
        .source()
        .map(KubernetesSource::problems)
        .ifPresent(table ->
            table
                .snapshot()
                .forEach(row -> problems.put(row.key(), row.key() + ": " + row.value())));
    problems.putAll(agent.manager().problems());
    agent.datapathProblems().forEach(text -> problems.put("datapath: " + text, text));
    agent.apiRules().problem().ifPresent(text -> problems.put("given-rules", text));
    agent.programPolicies().problem().ifPresent(text -> problems.put("program-policies", text));
    agent
        .controller()
        .conflicts()
        .forEach((identity, conflict) ->
            problems.put(
                "policy of " + identity,
                "nothing passes from or to "
                    + identity
                    + ", whose rules contradict each other: "
                    + conflict));
    agent
        .rules()
        .applied()
        .snapshot()
        .forEach(row ->
            row.value().problem().ifPresent(text -> problems.put(row.key().toString(), text)));
    return problems;
  }
}
