// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import java.io.IOException;
import java.util.List;
import java.util.stream.Stream;

/**
 * Commands about one thing. A group that is one command itself, as {@code cilium version} is, has a
 * command of the name {@code ""}; one with groups within has names of several words, such as {@code
 * ct list} in {@code cilium bpf}.
 */
interface CommandGroup {

  /** {@code -o}, which every command takes that shows something. */
  Option OUTPUT = new Option("--output", "-o", "FORMAT", "json, yaml or jsonpath=TEMPLATE");

  /** How the Kubernetes API is reached elsewhere; what this version does not read it for. */
  List<Option> KUBERNETES =
      List.of(
          new Option("--enable-k8s", "", "not in this version, as all of --k8s-…"),
          new Option("--enable-k8s-api-discovery", "", "not in this version"),
          new Option("--k8s-api-server", "URL", "where the Kubernetes API is"),
          new Option("--k8s-client-burst", "N", "most requests to it at once"),
          new Option("--k8s-client-qps", "N", "requests to it a second"),
          new Option("--k8s-heartbeat-timeout", "TIME", "how long it may be silent"),
          new Option("--k8s-kubeconfig-path", "FILE", "how to reach it"));

  /** Its commands, in the order in which help lists them. */
  List<Spec> commands();

  /**
   * Runs a command.
   *
   * @param command the name of one of {@link #commands}
   * @return the exit code
   */
  int run(String command, Arguments arguments, Session session) throws IOException;

  /**
   * What a command is called with.
   *
   * @param name its name within the group
   * @param operands the arguments that are no options, for help; empty for none
   * @param minOperands how many of them there must be
   * @param maxOperands how many of them there may be
   * @param summary one line
   * @param options its options
   */
  record Spec(
      String name,
      String operands,
      int minOperands,
      int maxOperands,
      String summary,
      List<Option> options) {
    public Spec {
      options = List.copyOf(options);
    }

    /** The same command with more options. */
    Spec with(List<Option> more) {
      return new Spec(
          name,
          operands,
          minOperands,
          maxOperands,
          summary,
          Stream.concat(options.stream(), more.stream()).toList());
    }

    /** A command without operands. */
    Spec(String name, String summary, Option... options) {
      this(name, "", 0, 0, summary, List.of(options));
    }

    /** A command with exactly one operand. */
    Spec(String name, String operand, String summary, Option... options) {
      this(name, operand, 1, 1, summary, List.of(options));
    }
  }

  /**
   * An option. One whose value ends with {@code …} may be given several times, or once with commas.
   *
   * @param name with its dashes
   * @param letter the short form with its dash; empty for none
   * @param value what stands behind it, for help; empty for a switch
   * @param summary one line
   */
  record Option(String name, String letter, String value, String summary) {
    Option(String name, String value, String summary) {
      this(name, "", value, summary);
    }

    boolean isSwitch() {
      return value.isEmpty();
    }

    boolean isList() {
      return value.endsWith("…");
    }

    boolean isCalled(String word) {
      return name.equals(word) || (!letter.isEmpty() && letter.equals(word));
    }
  }
}
