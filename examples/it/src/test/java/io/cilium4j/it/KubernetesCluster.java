// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * A whole Kubernetes on this machine: control plane and nodes with kubelet and containerd, each a
 * set of namespaces, made by {@code shared/tools/kubernetes/cluster} beside the project's folder.
 * Where that or what it needs is not, tests are skipped; with {@code -Dkubernetes.tests=required}
 * they fail.
 */
final class KubernetesCluster implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  private static final Path TOOLS = Path.of("../../../shared/tools/kubernetes").toAbsolutePath();

  private final Path folder;
  private final List<Process> processes = new ArrayList<>();

  private KubernetesCluster(Path folder) {
    this.folder = folder;
  }

  /** Starts one with two nodes, {@code n1} and {@code n2}. */
  static KubernetesCluster up(Path folder) throws IOException {
    String missing = missing();
    if (!missing.isEmpty() && "required".equals(System.getProperty("kubernetes.tests"))) {
      throw new AssertionError("tests of a whole Kubernetes are required, but " + missing);
    }
    Assumptions.assumeTrue(missing.isEmpty(), "no tests of a whole Kubernetes here: " + missing);
    var cluster = new KubernetesCluster(folder);
    try {
      cluster.run(tool("up", folder.toString(), "2"));
      return cluster;
    } catch (IOException e) {
      cluster.close();
      throw e;
    }
  }

  private static String missing() throws IOException {
    if (!Files.isExecutable(TOOLS.resolve("cluster"))) {
      return "there is no " + TOOLS + "/cluster";
    }
    for (String program : List.of("containerd", "runc", "busybox", "curl")) {
      if (Stream.of(System.getenv("PATH").split(":", -1))
          .noneMatch(each -> Files.isExecutable(Path.of(each, program)))) {
        return program + " is not installed";
      }
    }
    Path cache = Path.of(System.getProperty("user.home"), ".cache", "kube-assets");
    if (Files.isDirectory(cache)) {
      try (Stream<Path> versions = Files.list(cache)) {
        if (versions.anyMatch(each -> Files.isExecutable(each.resolve("kubectl")))) {
          return System.getProperty("user.name").equals("root") ? "" : "this is not root";
        }
      }
    }
    return "there is no kubelet in " + cache + ": run " + TOOLS + "/build all";
  }

  private static List<String> tool(String... words) {
    return Stream.concat(Stream.of(TOOLS.resolve("cluster").toString()), Stream.of(words)).toList();
  }

  /** Where a kubeconfig is, which is good inside of the nodes. */
  Path kubeconfig() {
    return folder.resolve("kubeconfig");
  }

  /** What {@code kubectl} says, as an administrator. */
  String kubectl(String... words) throws IOException {
    return run(
        Stream.concat(tool("kubectl", folder.toString()).stream(), Stream.of(words)).toList());
  }

  /** Applies a manifest. */
  void apply(String yaml) throws IOException {
    Path file = Files.writeString(folder.resolve("apply.yaml"), yaml);
    var _ = kubectl("apply", "-f", file.toString());
  }

  /** Waits until {@code kubectl} says what is wanted. */
  String await(Predicate<String> wanted, String... words) throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      String said;
      try {
        said = kubectl(words);
      } catch (IOException e) {
        said = String.valueOf(e.getMessage());
      }
      if (wanted.test(said)) {
        return said;
      }
      if (System.nanoTime() - end > 0) {
        throw new AssertionError(String.join(" ", words) + ": not in time:\n" + said + logs());
      }
    }
  }

  /** What a command says that is run in a node. */
  String enter(String node, String... words) throws IOException {
    return run(
        Stream.concat(tool("enter", folder.toString(), node).stream(), Stream.of(words)).toList());
  }

  /** Starts one of the project's programs in a node; it ends with the cluster. */
  Process start(String node, String name, String module, String... words) throws IOException {
    List<String> command = new ArrayList<>(tool("enter", folder.toString(), node));
    command.addAll(java(module));
    command.addAll(List.of(words));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log(name).toFile()))
            .start();
    processes.add(process);
    return process;
  }

  /** Runs one of the project's programs in a node, and tells what it says. */
  String java(String node, String module, String... words) throws IOException {
    return enter(
        node, Stream.concat(java(module).stream(), Stream.of(words)).toArray(String[]::new));
  }

  private static List<String> java(String module) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "--enable-native-access=io.cilium4j.datapath",
        "-Dslf4j.internal.verbosity=ERROR",
        "-p",
        System.getProperty("jdk.module.path"),
        "-m",
        module);
  }

  private Path log(String name) {
    return folder.resolve(name + ".log");
  }

  private String logs() throws IOException {
    var text = new StringBuilder();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path each : files.filter(file -> file.toString().endsWith(".log")).sorted().toList()) {
        List<String> lines = Files.readAllLines(each);
        text.append("\n--- ").append(each.getFileName()).append('\n');
        lines
            .subList(Math.max(0, lines.size() - 20), lines.size())
            .forEach(line -> text.append(line).append('\n'));
      }
    }
    return text.toString();
  }

  private String run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = process.onExit().join().exitValue();
    if (code != 0) {
      throw new IOException("exit code " + code + " of " + String.join(" ", command) + ": " + said);
    }
    return said;
  }

  /** Ends all of it. */
  @Override
  public void close() throws IOException {
    var _ = run(tool("down", folder.toString()));
    processes.forEach(each -> each.destroyForcibly().onExit().join());
  }
}
