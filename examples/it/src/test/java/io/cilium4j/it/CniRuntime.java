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
    return call(shim, command, pod, netns, more);
  }

  /** Calls the plugin that sets a pod's loopback device up, which is the same executable. */
  Outcome callLoopback(String command, String pod, Path netns) throws IOException {
    Path loopback = folder.resolve("loopback");
    Files.copy(
        shim, loopback, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES);
    return call(loopback, command, pod, netns, "");
  }

  private Outcome call(Path executable, String command, String pod, Path netns, String more) {
    Map<String, String> variables = new TreeMap<>();
    variables.put("CNI_COMMAND", command);
    variables.put("CNI_CONTAINERID", pod);
    variables.put("CNI_IFNAME", "eth0");
    variables.put("CNI_NETNS", netns.toString());
    variables.put("CNI_ARGS", "K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + pod);
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
}
