// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.agent.AgentException;
import io.cilium4j.api.ApiException;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.state.Lifecycle.LifecycleException;
import java.util.List;

/** {@code ./demo}: five pods, one policy, real packets; on one node or two. */
public final class Demo {
  private Demo() {}

  /** Runs the demo and ends the process with its exit code. */
  public static void main(String... args) {
    // The agent's own log is among the jars as well: it is for the processes that are agents.
    System.setProperty("slf4j.provider", "org.slf4j.simple.SimpleServiceProvider");
    System.setProperty("slf4j.internal.verbosity", "WARN");
    int exitCode;
    try {
      exitCode = run(args);
    } catch (DemoException
        | AgentException
        | ApiException
        | DatapathException
        | LifecycleException e) {
      System.err.println("demo: " + e.getMessage());
      exitCode = 1;
    }
    System.exit(exitCode);
  }

  private static int run(String... args) {
    Options options = Options.parse(args);
    if (options.action() == Options.Action.HELP) {
      System.out.print(Options.HELP);
      return 0;
    }
    if (options.enter().isPresent()) {
      return Surroundings.runWithLoopback(options.enter().get(), List.of(args));
    }
    Policy policy = Policy.read(options.policy());
    if (options.inside().isPresent()) {
      return play(options, policy, Venue.inside(options.inside().get(), options.datapath()));
    }
    return switch (Surroundings.look()) {
      case PRIVILEGED -> play(options, policy, Venue.privileged(options.datapath()));
      case USER_NAMESPACE ->
          Surroundings.runInUserNamespace(DemoFolder.ofUser().root(), List.of(args));
      case NOTHING -> play(options, policy, Venue.nothing(options.datapath()));
    };
  }

  private static int play(Options options, Policy policy, Venue venue) {
    if (options.action() == Options.Action.KEEP && !venue.packets()) {
      throw new DemoException("--keep: no pod can be made here, so there is nothing to keep");
    }
    var stage = new Stage(venue);
    if (options.action() == Options.Action.SERVE) {
      return Keeper.serve(stage, venue);
    }
    Cluster.clearNodes(venue.folder());
    stage.clearEarlierRun();
    if (options.action() == Options.Action.CLEAN) {
      return 0;
    }
    if (options.nodes().areSeveral()) {
      return playOnCluster(options.nodes(), policy, venue);
    }
    // Ctrl-C ends the process through this hook; the normal end passes through it too.
    Runtime.getRuntime().addShutdownHook(new Thread(stage::clear, "clear"));
    int wrong = stage.orInterrupted(() -> show(stage, venue, policy));
    if (options.action() == Options.Action.KEEP) {
      Keeper.handOver(stage, venue, System.out);
    } else {
      stage.clear();
    }
    return wrong == 0 ? 0 : 1;
  }

  private static int playOnCluster(Options.Nodes nodes, Policy rule1, Venue venue) {
    if (!venue.packets()) {
      throw new DemoException("--nodes 2: " + venue.because());
    }
    DatapathProvider datapath = venue.datapathOnNodes();
    System.out.println("Two nodes. " + venue.firstLine(datapath.name(), datapath.probe().reason()));
    int wrong = 0;
    for (Routing routing : nodes.routings()) {
      var cluster = new Cluster(venue.folder(), datapath.name(), routing);
      Runtime.getRuntime().addShutdownHook(new Thread(cluster::clear, "clear"));
      wrong +=
          cluster.orInterrupted(() -> {
            cluster.open();
            return new ClusterShow(cluster, System.out).play(rule1);
          });
      cluster.clear();
    }
    return wrong == 0 ? 0 : 1;
  }

  /** Gives the number of rows that are not as expected. */
  private static int show(Stage stage, Venue venue, Policy policy) {
    stage.open();
    stage.enter();
    System.out.println(
        venue.firstLine(stage.agent().datapathName(), stage.agent().datapathDescription()));
    return new Show(stage, venue.packets(), System.out).play(policy);
  }
}
