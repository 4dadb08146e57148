// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * What the command line asks for.
 *
 * @param action what to do
 * @param datapath the wanted datapath's name, or {@code auto}
 * @param policy a policy file to apply in place of rule1
 * @param enter the folder to use, in the first process of a user namespace
 * @param inside the folder to use, in any later process of it
 */
record Options(
    Action action,
    String datapath,
    Optional<Path> policy,
    Optional<Path> enter,
    Optional<Path> inside) {

  /** What a run does. */
  enum Action {
    /** Shows everything and leaves nothing. */
    SHOW,
    /** As SHOW, and leaves the pods running. */
    KEEP,
    /** Removes what a kept or crashed run left. */
    CLEAN,
    /** Goes on with what a run left: the background half of KEEP. */
    SERVE,
    /** Prints the help. */
    HELP
  }

  static final String HELP =
      """
      ./demo shows a Kubernetes policy enforced on the real packets of five pods.

        ./demo                    show it; nothing is left behind
        ./demo --keep             leave pods, servers and enforcement running, and say how to look
        ./demo --clean            remove what --keep or a crashed run left
        ./demo --policy FILE      apply this policy in place of rule1
        ./demo --datapath NAME    auto (the default), ebpf or memory
        ./demo --help             this text

      Exit code: 0 if everything was observed as expected, 1 if not or on an error.
      """;

  /** For child processes of the demo; of no use to people. */
  static final String ENTER = "--enter-user-namespace";

  static final String INSIDE = "--inside-user-namespace";

  static final String SERVE = "--serve";

  private static final List<String> DATAPATHS = List.of("auto", "ebpf", "memory");

  /** Reads the command line; what is wrong with it is one line. */
  static Options parse(String... args) {
    Action action = Action.SHOW;
    String datapath = "auto";
    Optional<Path> policy = Optional.empty();
    Optional<Path> enter = Optional.empty();
    Optional<Path> inside = Optional.empty();
    Deque<String> left = new ArrayDeque<>(Arrays.asList(args));
    while (!left.isEmpty()) {
      String option = left.pop();
      switch (option) {
        case "--help", "-h" -> action = Action.HELP;
        case "--keep" -> action = Action.KEEP;
        case "--clean" -> action = Action.CLEAN;
        case SERVE -> action = Action.SERVE;
        case ENTER -> enter = Optional.of(Path.of(valueOf(option, left)));
        case INSIDE -> inside = Optional.of(Path.of(valueOf(option, left)));
        case "--policy" -> policy = Optional.of(Path.of(valueOf(option, left)));
        case "--datapath" -> datapath = datapathNamed(valueOf(option, left));
        default ->
            throw new DemoException("option " + option + ": unknown; ./demo --help lists them");
      }
    }
    return new Options(action, datapath, policy, enter, inside);
  }

  private static String valueOf(String option, Deque<String> left) {
    if (left.isEmpty()) {
      throw new DemoException("option " + option + ": wanted a value behind it");
    }
    return left.pop();
  }

  private static String datapathNamed(String name) {
    if (!DATAPATHS.contains(name)) {
      throw new DemoException(
          "option --datapath " + name + ": wanted one of " + String.join(", ", DATAPATHS));
    }
    return name;
  }
}
