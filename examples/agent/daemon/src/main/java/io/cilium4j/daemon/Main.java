// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.AgentException;
import io.cilium4j.daemon.log.LogSetup;
import io.cilium4j.datapath.observer.FlowsCommand;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.util.List;
import java.util.Set;

/** {@code cilium agent}, {@code cilium cleanup} and {@code cilium flows}. */
public final class Main {
  /** The agent could not start. */
  private static final int FAILED = 1;

  /** The options make no sense. */
  private static final int MISUSED = 2;

  private static final Set<String> HELP = Set.of("--help", "-h", "help");

  private Main() {}

  /** Runs the agent until it is told to end, or removes what one left. */
  public static void main(String[] args) {
    int code = run(List.of(args));
    if (code != 0) {
      System.exit(code);
    }
  }

  private static int run(List<String> args) {
    if (!args.isEmpty() && args.getFirst().equals("flows")) {
      return flows(args.subList(1, args.size()));
    }
    try {
      boolean cleanup = !args.isEmpty() && args.getFirst().equals("cleanup");
      List<String> words =
          !args.isEmpty() && Set.of("agent", "cleanup").contains(args.getFirst())
              ? args.subList(1, args.size())
              : args;
      if (words.stream().anyMatch(HELP::contains)) {
        System.out.print(cleanup ? Cleanup.HELP : DaemonOptions.help());
        return 0;
      }
      return cleanup ? Cleanup.run(words, System.getenv()) : agent(words);
    } catch (OptionException e) {
      System.err.println("cilium agent: " + e.getMessage());
      return MISUSED;
    } catch (InvalidPathException e) {
      System.err.println("cilium agent: " + e.getMessage());
      return MISUSED;
    } catch (AgentException | IOException e) {
      System.err.println("cilium agent: " + e.getMessage());
      return FAILED;
    } catch (InterruptedException e) {
      return FAILED;
    }
  }

  /** It reads by what the agent serves them with, which the other commands do without. */
  private static int flows(List<String> words) {
    LogSetup.use("text", "error"); // Else what gRPC says would stand amid the flows.
    String server = System.getenv().getOrDefault("HUBBLE_SERVER", "");
    return FlowsCommand.run(words, server, System.out, System.err);
  }

  private static int agent(List<String> words) throws IOException, InterruptedException {
    DaemonSettings settings = DaemonSettings.read(words, System.getenv());
    LogSetup.use(
        settings.text("log-format"), settings.isOn("debug") ? "debug" : settings.text("log-level"));
    Daemon daemon =
        Daemon.start(settings, () -> DaemonSettings.read(words, System.getenv()).values());
    Runtime.getRuntime().addShutdownHook(new Thread(daemon::close, "shutdown"));
    daemon.awaitEnd();
    return 0;
  }
}
