// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.daemon.log.LogSetup;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
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

      Removes what an agent left: devices, eBPF maps and programs, its CNI plugin, and its state
      folder. Pods lose their network. The agent must not run.

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
    LogSetup.use("text", "error"); // What is removed and how is not what was asked.
    Path stateFolder =
        settings.text("state-dir").isEmpty()
            ? Path.of("/run", instance)
            : settings.path("state-dir");
    try (Agent agent = Daemon.agent(settings)) {
      if (!agent.hasState() && CniOptions.installed(settings, stateFolder).isEmpty()) {
        System.out.println("Nothing to remove: there is no state of instance " + instance);
        return 0;
      }
      if (!force && !confirmed(instance)) {
        return 1;
      }
      // First, so that no pod comes meanwhile.
      CniOptions.remove(settings, stateFolder);
      agent.destroy();
    }
    removeQueue(settings.path("socket-path"));
    System.out.println("Removed what instance " + instance + " owned");
    return 0;
  }

  /**
   * Removes the queue of deletions beside the API's socket, whose endpoints are gone with the rest;
   * not while another agent serves that socket, and a stranger's file stays with its folder.
   */
  private static void removeQueue(Path socket) throws IOException {
    Path queue = socket.toAbsolutePath().resolveSibling("deleteQueue");
    if (!Files.isDirectory(queue, LinkOption.NOFOLLOW_LINKS) || isServed(socket)) {
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(queue, "{*.delete,lockfile}")) {
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
    try {
      Files.delete(queue);
    } catch (DirectoryNotEmptyException e) {
      System.err.println("cilium cleanup: " + queue + " stays: it holds other files");
    }
  }

  private static boolean isServed(Path socket) {
    try (var _ = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  private static boolean confirmed(String instance) throws IOException {
    System.out.print(
        "Remove everything of instance " + instance + "? Pods lose their network. [y/N] ");
    System.out.flush();
    int answer = System.in.read();
    return answer == 'y' || answer == 'Y';
  }
}
