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
 * @param nodes on how many nodes
 * @param enter the folder to use, in the first process of a user namespace
 * @param inside the folder to use, in any later process of it
 */
record Options(
    Action action,
    String datapath,
    Optional<Path> policy,
    Nodes nodes,
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

  /**
   * On how many nodes the pods are.
   *
   * @param count 1, or {@link Cluster#NODES}
   * @param routings how these reach each other's pods, one after the other
   */
  record Nodes(int count, List<Routing> routings) {
    Nodes {
      routings = List.copyOf(routings);
    }

    boolean areSeveral() {
      return count > 1;
    }
  }

  static final String HELP =
      """
      ./demo shows a Kubernetes policy enforced on the real packets of five pods.

        ./demo                    show it; nothing is left behind
        ./demo --keep             leave pods, servers and enforcement running, and say how to look
        ./demo --clean            remove what --keep or a crashed run left
        ./demo --policy FILE      apply this policy in place of rule1
        ./demo --nodes 2          the pods on two nodes, each with an agent process of its own,
                                  once through VXLAN and once by native routing
        ./demo --nodes 2 --routing NAME    native or vxlan alone
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
    int nodes = 1;
    Optional<Routing> routing = Optional.empty();
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
        case "--nodes" -> nodes = nodes(valueOf(option, left));
        case "--routing" -> routing = Optional.of(Routing.named(valueOf(option, left)));
        default ->
            throw new DemoException("option " + option + ": unknown; ./demo --help lists them");
      }
    }
    if (nodes == 1 && routing.isPresent()) {
      throw new DemoException("option --routing " + routing.get() + ": wanted --nodes 2 as well");
    }
    if (nodes > 1 && (action == Action.KEEP || policy.isPresent())) {
      throw new DemoException(
          "option --nodes " + nodes + ": goes neither with --keep nor with --policy");
    }
    List<Routing> routings = routing.map(List::of).orElse(List.of(Routing.values()));
    return new Options(action, datapath, policy, new Nodes(nodes, routings), enter, inside);
  }

  private static int nodes(String count) {
    return switch (count) {
      case "1" -> 1;
      case "2" -> Cluster.NODES;
      default -> throw new DemoException("option --nodes " + count + ": wanted 1 or 2");
    };
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
