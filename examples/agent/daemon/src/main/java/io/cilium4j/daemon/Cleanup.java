// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * {@code cilium cleanup}: removes everything that an instance owns, in the kernel and on disk, and
 * nothing else. Enforcement ends with it.
 */
final class Cleanup {
  static final String HELP =
      """
      cilium cleanup [--all-state] [-f] [--instance NAME] [--state-dir DIR]

      Removes what an agent left: devices, eBPF maps and programs, and its state folder. Pods lose
      their network. The agent must not run.

        --all-state        the same; state in the kernel and on disk belong together
        --bpf-state        refused: it does not go alone
        -f, --force        without asking back
        --instance NAME    whose; default cilium4j
        --state-dir DIR    its state folder; default /run/INSTANCE
      """;

  private Cleanup() {}

  static int run(List<String> words, Map<String, String> environment) throws IOException {
    List<String> options = new ArrayList<>(words);
    boolean force = options.removeAll(List.of("-f", "--force"));
    options.remove("--all-state");
    if (options.contains("--bpf-state")) {
      throw new OptionException(
          "bpf-state: state in the kernel and on disk belong together; use --all-state");
    }
    DaemonSettings settings = DaemonSettings.read(options, environment);
    String instance = settings.text("instance");
    try (Agent agent = Daemon.agent(settings)) {
      if (!agent.hasState()) {
        System.out.println("Nothing to remove: there is no state of instance " + instance);
        return 0;
      }
      if (!force && !confirmed(instance)) {
        return 1;
      }
      agent.destroy();
    }
    System.out.println("Removed what instance " + instance + " owned");
    return 0;
  }

  private static boolean confirmed(String instance) throws IOException {
    System.out.print(
        "Remove everything of instance " + instance + "? Pods lose their network. [y/N] ");
    System.out.flush();
    int answer = System.in.read();
    return answer == 'y' || answer == 'Y';
  }
}
