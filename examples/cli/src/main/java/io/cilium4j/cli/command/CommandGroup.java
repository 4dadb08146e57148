// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Commands about one thing. A group that is one command itself, as {@code cilium version} is, has a
 * command of the name {@code ""}; one with groups within has names of several words, such as {@code
 * ct list} in {@code cilium bpf}.
 */
public interface CommandGroup {

  /** {@code -o}, which every command takes that shows something. */
  Option OUTPUT = Output.OPTION;

  /** How the Kubernetes API is reached elsewhere; what this version does not read it for. */
  List<Option> KUBERNETES =
      List.of(
          new Option("--enable-k8s", "", "not supported yet, like all --k8s-… options"),
          new Option("--enable-k8s-api-discovery", "", "not supported yet"),
          new Option("--k8s-api-server", "URL", "URL of the Kubernetes API"),
          new Option("--k8s-client-burst", "N", "largest burst of requests"),
          new Option("--k8s-client-qps", "N", "requests a second"),
          new Option("--k8s-heartbeat-timeout", "TIME", "timeout of its heartbeat"),
          new Option("--k8s-kubeconfig-path", "FILE", "kubeconfig file"));

  /** Its commands, in the order in which help lists them. */
  List<CommandSpec> commands();

  /**
   * Runs a command.
   *
   * @param command the name of one of {@link #commands}
   * @return the exit code
   */
  int run(String command, Arguments arguments, Session session) throws IOException;

  /** The command whose name has the most of the words that come first. */
  default Optional<CommandSpec> find(List<String> words) {
    CommandSpec longest = null;
    for (CommandSpec spec : commands()) {
      int count = spec.words();
      if (count <= words.size()
          && spec.isCalled(words.subList(0, count))
          && (longest == null || longest.words() < count)) {
        longest = spec;
      }
    }
    return Optional.ofNullable(longest);
  }
}
