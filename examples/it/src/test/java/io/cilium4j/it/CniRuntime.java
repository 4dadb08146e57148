// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.cni.CniShim;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Calls the CNI plugin's executable as a container runtime does. */
final class CniRuntime {
  private final Path folder;
  private final Path shim;

  /** Puts the executable into a folder, in which the agent's sockets are as well. */
  CniRuntime(Path folder) throws IOException {
    this.folder = folder;
    shim = folder.resolve(CniShim.NAME);
    Files.write(shim, CniShim.executable());
    Files.setPosixFilePermissions(shim, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** The socket on which the agent is to answer. */
  Path socket() {
    return folder.resolve("cni.sock");
  }

  /** What the executable printed, and its code. */
  record Outcome(int code, String output) {

    @Nullable Object tree() {
      return DocumentReader.readJson(output);
    }

    /** The addresses of the result, without the length of their network. */
    List<String> addresses() {
      return Trees.items(tree(), "ips").stream()
          .map(each -> Trees.text(each, "address").replaceFirst("/.*", ""))
          .toList();
    }

    /** The number of the error; 0 for success. */
    int error() {
      return code == 0 ? 0 : Trees.at(tree(), "code") instanceof Integer error ? error : -1;
    }
  }

  /** Calls for a pod in the default namespace whose sandbox has its name. */
  Outcome call(String command, String pod, Path netns, String more) {
    return call(shim, command, "default", pod, netns, more);
  }

  /** As above, for a pod in any namespace. */
  Outcome callIn(String namespace, String command, String pod, Path netns) {
    return call(shim, command, namespace, pod, netns, "");
  }

  /** Calls the plugin that sets a pod's loopback device up, which is the same executable. */
  Outcome callLoopback(String command, String pod, Path netns) throws IOException {
    Path loopback = folder.resolve("loopback");
    Files.copy(
        shim, loopback, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
    return call(loopback, command, "default", pod, netns, "");
  }

  private Outcome call(
      Path executable, String command, String namespace, String pod, Path netns, String more) {
    Map<String, String> variables = new TreeMap<>();
    variables.put("CNI_COMMAND", command);
    variables.put("CNI_CONTAINERID", pod);
    variables.put("CNI_IFNAME", "eth0");
    variables.put("CNI_NETNS", netns.toString());
    variables.put("CNI_ARGS", "K8S_POD_NAMESPACE=" + namespace + ";K8S_POD_NAME=" + pod);
    variables.put("CILIUM_SOCK", folder.resolve("cilium.sock").toString());
    String config = "{\"cniVersion\": \"1.1.0\", \"name\": \"cilium\"" + more + "}";
    try {
      var builder = new ProcessBuilder(executable.toString());
      builder.environment().putAll(variables);
      Process process = builder.start();
      try (var in = process.getOutputStream()) {
        in.write(config.getBytes(StandardCharsets.UTF_8));
      }
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new Outcome(process.waitFor(), output);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  Outcome call(String command, String pod, Path netns) {
    return call(command, pod, netns, "");
  }

  /**
   * How long one call takes a shell, from fork to end, in nanoseconds: of {@code VERSION} what the
   * executable costs alone, of {@code STATUS} what it costs with a short answer of the agent. Of
   * several loops the quickest. This process itself takes longer to start a program than the
   * program runs.
   */
  long shellNanos(String command, int loops, int calls) throws IOException {
    Path config = folder.resolve("status.json");
    Files.writeString(config, "{\"cniVersion\": \"1.1.0\", \"name\": \"cilium\"}");
    String script =
        "i=0; while [ $i -lt "
            + calls
            + " ]; do \"$0\" < \"$1\" > /dev/null || exit 1; i=$((i + 1)); done";
    long least = Long.MAX_VALUE;
    for (int i = 0; i < loops; i++) {
      var builder = new ProcessBuilder("sh", "-c", script, shim.toString(), config.toString());
      builder.environment().put("CNI_COMMAND", command);
      builder.environment().put("CILIUM_SOCK", folder.resolve("cilium.sock").toString());
      long begin = System.nanoTime();
      int code = builder.inheritIO().start().onExit().join().exitValue();
      if (code != 0) {
        throw new IOException(command + " failed");
      }
      least = Math.min(least, (System.nanoTime() - begin) / calls);
    }
    return least;
  }
}
