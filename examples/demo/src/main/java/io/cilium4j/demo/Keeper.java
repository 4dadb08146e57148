// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.InstanceNames;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;

/**
 * Keeps pods, servers and enforcement running after {@code ./demo --keep} has ended: a process in
 * the background takes over what this one leaves, as an agent does that is restarted.
 */
final class Keeper {

  /** What the background process says once it has taken over. */
  private static final String READY = "ready";

  private Keeper() {}

  /** Leaves the stage to a background process, and says how to look. */
  static void handOver(Stage stage, Venue venue, PrintStream out) {
    String hints = hints(stage, venue);
    stage.leave();
    List<String> command = new ArrayList<>();
    command.add("setsid"); // Away from the terminal: its Ctrl-C and its end are not for this one.
    command.addAll(Surroundings.ownCommand());
    command.addAll(List.of(Options.SERVE, "--datapath", venue.datapath()));
    if (!venue.because().isEmpty()) {
      command.addAll(List.of(Options.INSIDE, venue.folder().root().toString()));
    }
    try {
      Process keeper =
          new ProcessBuilder(command)
              .directory(Path.of("/").toFile())
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start();
      try (var said =
          new BufferedReader(
              new InputStreamReader(keeper.getInputStream(), StandardCharsets.UTF_8))) {
        if (!READY.equals(said.readLine())) {
          throw new DemoException("the process that was to keep the pods has ended");
        }
      }
    } catch (IOException e) {
      throw new DemoException("start a process that keeps the pods: " + e.getMessage(), e);
    }
    stage.keep();
    out.print(hints);
  }

  private static String hints(Stage stage, Venue venue) {
    var text = new StringBuilder("\nIt stays running. To look:\n");
    boolean inside = !venue.because().isEmpty();
    String to = "http://" + stage.pod(Role.DEATHSTAR).address(IpFamily.IPV4) + "/";
    for (Role from : List.of(Role.TIEFIGHTER, Role.XWING)) {
      text.append("  nsenter ");
      if (inside) {
        text.append("--preserve-credentials -U -m -t $(cat ")
            .append(venue.folder().keeperFile())
            .append(") nsenter ");
      }
      text.append("--net=").append(stage.pod(from).netns().path());
      text.append(" curl -sm 2 ").append(to).append('\n');
    }
    Path pins = Path.of("/sys/fs/bpf", new InstanceNames(Stage.INSTANCE).pinFolder());
    if (Files.exists(pins)) {
      text.append("  ls ").append(pins).append('\n');
      text.append("  bpftool map dump pinned ").append(pins).append("/cilium_policy\n");
    }
    return text.append("To end it:\n  ./demo --clean\n").toString();
  }

  /** Takes over and serves until the process is told to end. */
  static int serve(Stage stage, Venue venue) {
    Runtime.getRuntime().addShutdownHook(new Thread(stage::clear, "clear"));
    stage.open();
    stage.resume();
    venue.folder().setKeeper();
    System.out.println(READY);
    System.out.close();
    try {
      new CountDownLatch(1).await(); // The hook ends it.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    return 0;
  }
}
