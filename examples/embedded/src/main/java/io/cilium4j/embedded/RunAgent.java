// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

// @start region=run-agent
import io.cilium4j.agent.Agent;
import java.nio.file.Path;

/** Runs the agent of a node inside this program, in the folder that it is given. */
public final class RunAgent {
  private RunAgent() {}

  /** Starts an agent, applies a policy, and removes everything. */
  public static void main(String[] args) throws InterruptedException {
    try (Agent agent =
        Agent.builder()
            .instance("embedded") // stands in the name of everything it owns
            .podCidrs("10.200.1.0/24", "fd00:200:1::/112")
            .stateFolder(Path.of(args[0]))
            .datapath(args[1]) // ebpf, memory, or auto: the first that can run here
            .build()) {
      agent.start();
      System.out.println(agent.datapathDescription());
      System.out.println(agent.applyPolicy(AskPolicy.RULE1)); // enforced when it returns
      agent.destroy();
    }
  }
}
// @end region=run-agent
