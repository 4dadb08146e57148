// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.ResourceKey;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A process that makes three pods and a policy, and ends without a word to anybody. */
final class Crasher {
  static final int EXIT_CODE = 77;

  private Crasher() {}

  /** Runs it; the pods' namespaces must exist. Gives its exit code. */
  static int run(Path folder, String instance, int octet) throws Exception {
    List<String> command = java(Crasher.class);
    command.addAll(List.of(folder.toString(), instance, Integer.toString(octet)));
    return new ProcessBuilder(command).inheritIO().start().waitFor();
  }

  /** The command that runs a class of these tests in a process of its own. */
  static List<String> java(Class<?> main) throws URISyntaxException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=io.cilium4j.datapath");
    command.addAll(List.of("-p", System.getProperty("jdk.module.path")));
    // The class is a test's, laid over the module as the tests themselves are.
    command.add(
        "--patch-module=io.cilium4j.it="
            + Path.of(Crasher.class.getResource("Crasher.class").toURI())
                .resolve("../../../..")
                .normalize());
    command.addAll(List.of("-m", "io.cilium4j.it/" + main.getName()));
    return command;
  }

  /** Arguments: the lab's folder, the instance, the octet of its addresses. */
  public static void main(String... args) throws Exception {
    var agent = Lab.newAgent(args[1], "ebpf", Integer.parseInt(args[2]), Path.of(args[0]));
    agent.start();
    for (String pod : List.of("alice", "bob", "eve")) {
      var _ = agent.createEndpoint(Lab.request(args[1], pod));
    }
    Files.writeString(
        Path.of(args[0], "manifests", "from-alice.yaml"),
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: from-alice, namespace: default}
        spec:
        %s
        """
            .formatted(RestartKernelIT.FROM_ALICE.indent(2)));
    agent.awaitPolicy(
        new ResourceKey("CiliumNetworkPolicy", "default", "from-alice"), Duration.ofSeconds(30));
    Runtime.getRuntime().halt(EXIT_CODE);
  }
}
