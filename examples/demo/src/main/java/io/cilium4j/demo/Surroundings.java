// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import io.cilium4j.datapath.net.Netlink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What can run here. Making pods takes the right to make network namespaces and devices: root has
 * it, and so has anybody inside a user namespace of his own, where the kernel lets users make one.
 */
enum Surroundings {
  /** Pods can be made in this process. */
  PRIVILEGED,
  /** Pods can be made by a process in a user namespace made for it. */
  USER_NAMESPACE,
  /** No pod can be made; the policy engine can still be asked. */
  NOTHING;

  /** CAP_NET_ADMIN and CAP_SYS_ADMIN of linux/capability.h. */
  private static final long NEEDED_CAPABILITIES = 1L << 12 | 1L << 21;

  /** How a user namespace is made: with root's id inside, and a network and mounts of its own. */
  private static final List<String> UNSHARE = List.of("unshare", "-U", "-r", "-n", "-m");

  static Surroundings look() {
    if (mayMakePods()) {
      return PRIVILEGED;
    }
    return succeeds("true") ? USER_NAMESPACE : NOTHING;
  }

  /** Whether this process has the capabilities, whoever it runs as. */
  private static boolean mayMakePods() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("CapEff:")) {
          long capabilities = Long.parseUnsignedLong(line.substring(7).strip(), 16);
          return (capabilities & NEEDED_CAPABILITIES) == NEEDED_CAPABILITIES;
        }
      }
    } catch (IOException | NumberFormatException _) {
      // Not told: then not had.
    }
    return false;
  }

  private static boolean succeeds(String program) {
    List<String> command = new ArrayList<>(UNSHARE);
    command.add(program);
    try {
      return new ProcessBuilder(command)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectError(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException _) {
      return false; // No such program here.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * Runs the demo again inside a user namespace; gives its exit code.
   *
   * @param folder the folder of its files, which a process inside cannot tell from the user's name
   */
  static int runInUserNamespace(Path folder, List<String> args) {
    List<String> command = new ArrayList<>(UNSHARE);
    command.addAll(ownCommand());
    command.addAll(args);
    command.addAll(List.of(Options.ENTER, folder.toString()));
    return run(command);
  }

  /**
   * The first process in a new network namespace: takes its loopback device up and runs the demo in
   * a second one. The JDK looks once, before it comes to the main method, whether any device has an
   * IPv6 address, and where none has it gives IPv6 up for good.
   */
  static int runWithLoopback(Path folder, List<String> args) {
    try (Netlink node = Netlink.open()) {
      node.linkByName("lo").ifPresent(loopback -> node.setUp(loopback.index()));
    }
    List<String> command = new ArrayList<>(ownCommand());
    command.addAll(args.subList(0, args.size() - 2));
    command.addAll(List.of(Options.INSIDE, folder.toString()));
    return run(command);
  }

  private static int run(List<String> command) {
    try {
      Process child = new ProcessBuilder(command).inheritIO().start();
      // Ctrl-C reaches the child as well; nobody gets the terminal back before it has cleared up.
      Runtime.getRuntime().addShutdownHook(new Thread(() -> child.onExit().join(), "wait"));
      return child.waitFor();
    } catch (IOException e) {
      throw new DemoException("run in a user namespace: " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DemoException("interrupted", e);
    }
  }

  /** The command by which this very program was started, without its arguments. */
  static List<String> ownCommand() {
    return javaCommand("io.cilium4j.demo", Demo.class.getName(), List.of());
  }

  /**
   * The command that starts a program of the project as this one was started, from the same jars.
   *
   * @param flags of the JVM
   */
  static List<String> javaCommand(String module, String mainClass, List<String> flags) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    String modulePath = System.getProperty("jdk.module.path");
    if (modulePath == null) {
      command.add("--enable-native-access=ALL-UNNAMED");
      command.addAll(List.of("-cp", System.getProperty("java.class.path")));
      command.add(mainClass);
    } else {
      command.add("--enable-native-access=io.cilium4j.datapath,io.netty.common");
      // That of Netty's native code is required by nobody, and so asked for by name.
      ModuleLayer.boot().modules().stream()
          .map(Module::getName)
          .filter(name -> name.startsWith("io.netty.transport.epoll.linux."))
          .forEach(name -> command.add("--add-modules=" + name));
      command.addAll(List.of("-p", modulePath));
      command.addAll(List.of("-m", module + "/" + mainClass));
    }
    return command;
  }
}
