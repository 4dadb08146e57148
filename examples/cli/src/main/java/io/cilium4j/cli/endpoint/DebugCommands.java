// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.endpoint;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandGroup;
import io.cilium4j.cli.command.CommandSpec;
import io.cilium4j.cli.command.Option;
import io.cilium4j.cli.command.Session;
import java.io.IOException;
import java.util.List;
import java.util.TreeSet;

/** {@code cilium debug …}: what helps to try an agent where no container runtime runs. */
public final class DebugCommands implements CommandGroup {
  private static final Option NAMESPACE =
      new Option("--namespace", "-n", "NAMESPACE", "the pod's namespace; default: default");

  @Override
  public List<CommandSpec> commands() {
    return List.of(
        new CommandSpec(
            "pod add",
            "NAME",
            "create a test pod: a network namespace with an endpoint",
            NAMESPACE,
            new Option("--labels", "-l", "KEY=VALUE…", "the pod's labels")),
        new CommandSpec("pod delete", "NAME", "delete a test pod and its namespace", NAMESPACE));
  }

  @Override
  public int run(String command, Arguments arguments, Session session) throws IOException {
    var pod =
        new TestPod(
            session.agent(), arguments.find("--namespace").orElse("default"), arguments.operand());
    return switch (command) {
      case "pod add" -> {
        var labels = new TreeSet<String>();
        for (String label : arguments.all("--labels")) {
          if (label.indexOf('=') < 1) {
            throw arguments.wrong("--labels", "KEY=VALUE,…");
          }
          labels.add("k8s:" + label);
        }
        TestPod.Made made = pod.add(labels);
        session
            .console()
            .line(
                "Endpoint "
                    + made.endpoint()
                    + " is ready: "
                    + pod
                    + " "
                    + String.join(" ", made.addresses()));
        session.console().line("Run something in it: nsenter --net=" + pod.netns() + " COMMAND");
        yield 0;
      }
      case "pod delete" -> {
        pod.delete();
        session.console().line("Pod " + pod + " deleted");
        yield 0;
      }
      default -> throw new IllegalArgumentException(command);
    };
  }
}
