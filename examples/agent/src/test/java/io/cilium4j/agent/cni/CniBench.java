// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cni;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentBuilder;
import io.cilium4j.agent.RecordingDatapath;
import io.cilium4j.agent.rest.RestConfig;
import io.cilium4j.agent.rest.RestServer;
import io.cilium4j.cni.CniShim;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** An agent on a datapath that remembers, called by the executable as a container runtime does. */
final class CniBench implements AutoCloseable {

  /** What is told of a call. */
  record Outcome(int code, String output) {

    Map<String, @Nullable Object> tree() {
      return Trees.map(DocumentReader.readJson(output));
    }

    /** The number of the error; 0 for success. */
    int error() {
      return code == 0 ? 0 : Trees.at(tree(), "code") instanceof Integer error ? error : -1;
    }

    String address() {
      return addresses().getFirst();
    }

    List<String> addresses() {
      return Trees.items(tree(), "ips").stream().map(each -> Trees.text(each, "address")).toList();
    }
  }

  final RecordingDatapath datapath = new RecordingDatapath();
  private final Path folder;
  private final Path shim;
  private final UnaryOperator<AgentBuilder<Agent>> more;
  private Agent agent;
  private RestServer cni;
  private RestServer api;

  CniBench(Path folder, UnaryOperator<AgentBuilder<Agent>> more) throws IOException {
    this.folder = folder;
    this.more = more;
    shim = folder.resolve(CniShim.NAME);
    Files.write(shim, CniShim.executable());
    Files.setPosixFilePermissions(shim, PosixFilePermissions.fromString("rwxr-xr-x"));
    Files.createDirectories(folder.resolve("manifests"));
    agent = newAgent();
    agent.start();
    cni = RestServer.startCni(agent, RestConfig.at(socket()));
    api = RestServer.start(agent, RestConfig.at(folder.resolve("cilium.sock")));
  }

  CniBench(Path folder) throws IOException {
    this(folder, UnaryOperator.identity());
  }

  private Agent newAgent() {
    return more.apply(
            Agent.builder()
                .instance("c")
                .datapath(datapath)
                .stateFolder(folder.resolve("state"))
                .manifests(folder.resolve("manifests"))
                .podCidrs("10.1.0.0/24", "fd00:1::/112"))
        .build();
  }

  Path socket() {
    return folder.resolve("cni.sock");
  }

  Path folder() {
    return folder;
  }

  Agent agent() {
    return agent;
  }

  void startAgent() throws IOException {
    agent = newAgent();
    agent.start();
    cni = RestServer.startCni(agent, RestConfig.at(socket()));
    api = RestServer.start(agent, RestConfig.at(folder.resolve("cilium.sock")));
  }

  void stopAgent() {
    api.close();
    cni.close();
    agent.stop();
  }

  static Map<String, String> variables(String command, String container, String device) {
    Map<String, String> all = new TreeMap<>();
    all.put("CNI_COMMAND", command);
    all.put("CNI_CONTAINERID", container);
    all.put("CNI_IFNAME", device);
    all.put("CNI_NETNS", "/run/netns/" + container);
    all.put(
        "CNI_ARGS",
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME="
            + container
            + ";K8S_POD_INFRA_CONTAINER_ID="
            + container
            + ";K8S_POD_UID=u-"
            + container);
    return all;
  }

  Outcome call(String command, String container) {
    return call(variables(command, container, "eth0"), "");
  }

  Outcome call(String command, String container, String more) {
    return call(variables(command, container, "eth0"), more);
  }

  Outcome call(Map<String, String> variables, String more) {
    return call(variables, "cilium", more);
  }

  Outcome call(Map<String, String> variables, String network, String more) {
    return call("1.1.0", variables, network, more);
  }

  Outcome call(String version, Map<String, String> variables, String network, String more) {
    String config =
        "{\"cniVersion\": \"" + version + "\", \"name\": \"" + network + "\"" + more + "}";
    try {
      var builder = new ProcessBuilder(shim.toString());
      builder.environment().put("CILIUM_SOCK", folder.resolve("cilium.sock").toString());
      builder.environment().putAll(variables);
      Process process = builder.start();
      try (var in = process.getOutputStream()) {
        in.write(config.getBytes(StandardCharsets.UTF_8));
      }
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(process.waitFor(60, TimeUnit.SECONDS));
      return new Outcome(process.exitValue(), output);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    stopAgent();
  }
}
