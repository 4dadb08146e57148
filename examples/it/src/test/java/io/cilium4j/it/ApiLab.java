// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.api.ApiClient;
import io.cilium4j.k8s.api.ApiOptions;
import io.cilium4j.k8s.api.ApiStoreProvider;
import io.cilium4j.k8s.crd.CustomResourceInstaller;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;

/**
 * A real API server, without kubelets and controllers, whose agents and operators are processes of
 * their own in this network namespace.
 */
final class ApiLab implements AutoCloseable {
  static final Duration PATIENCE = Duration.ofMinutes(5);

  private static final String NAMESPACE = "kube-system";

  private final Path folder;
  private final KubernetesApiServer server;
  private final List<Program> programs = new ArrayList<>();

  /** An administrator's. */
  final ApiClient admin;

  private ApiLab(Path folder, KubernetesApiServer server) {
    this.folder = folder;
    this.server = server;
    this.admin = ApiOptions.read(options(), Set.of()).connect();
  }

  /** Starts one in an empty folder. */
  static ApiLab start(Path folder) throws IOException {
    Kernel.assumeUsable();
    return new ApiLab(
        folder, KubernetesApiServer.start(Files.createDirectory(folder.resolve("api"))));
  }

  private Map<String, String> options() {
    return Map.of(
        ApiOptions.KUBECONFIG,
        server.kubeconfig().toString(),
        ApiOptions.QPS,
        "5000",
        ApiOptions.BURST,
        "5000",
        ApiOptions.NAMESPACE,
        NAMESPACE);
  }

  /** The kubeconfig of an administrator. */
  Path kubeconfig() {
    return server.kubeconfig();
  }

  /** Where the server is. */
  String address() {
    return server.address();
  }

  Path folder() {
    return folder;
  }

  static Deadline soon() {
    return Deadline.in(PATIENCE);
  }

  /** The cluster's store, as an administrator; the caller's to close. */
  ClusterStore openStore() {
    return new ApiStoreProvider().open(options());
  }

  /** Installs the definitions of custom resources, and waits until they are served. */
  void define() throws IOException {
    var installer = new CustomResourceInstaller(admin);
    installer.install();
    await("the definitions are served", installer::areServed);
  }

  /** Creates the objects of a manifest, each in its own namespace or the default one. */
  void create(String yaml) throws IOException {
    for (Object each : DocumentReader.read(yaml)) {
      if (each != null) {
        create(each);
      }
    }
  }

  /** Creates an object. */
  void create(Object object) throws IOException {
    var _ = admin.post(collection(object), bytes(object), soon());
  }

  /** Merges fields into the object of this path. */
  void patch(String path, Map<String, ?> fields) throws IOException {
    var _ = admin.mergePatch(path, bytes(fields), soon());
  }

  /** Deletes the object of this path, if it is there. */
  void delete(String path) throws IOException {
    if (admin.get(path, soon()).isPresent()) {
      admin.delete(path, bytes(Map.of()), soon());
    }
  }

  /** Whether the object of this path is there, and its JSON has all these texts. */
  boolean has(String path, String... texts) throws IOException {
    String json =
        admin.get(path, soon()).map(each -> new String(each, StandardCharsets.UTF_8)).orElse("");
    return !json.isEmpty() && Stream.of(texts).allMatch(json::contains);
  }

  static byte[] bytes(Object tree) {
    return JsonWriter.write(tree).getBytes(StandardCharsets.UTF_8);
  }

  /** Where objects of this one's kind are created. */
  private static String collection(Object object) {
    String version = Trees.text(object, "apiVersion");
    String kind = Trees.text(object, "kind").toLowerCase(Locale.ROOT);
    String plural = kind.endsWith("y") ? kind.substring(0, kind.length() - 1) + "ies" : kind + "s";
    String namespace = Trees.text(object, "metadata", "namespace");
    return (version.contains("/") ? "/apis/" : "/api/")
        + version
        + (namespace.isEmpty() ? "" : "/namespaces/" + namespace)
        + "/"
        + plural;
  }

  /** A new kubeconfig of whoever has a token. */
  Path kubeconfig(String name, String token) throws IOException {
    return Files.writeString(
        folder.resolve(name + ".kubeconfig"),
        Files.readString(kubeconfig()).replaceFirst("token: [^}]*", "token: " + token));
  }

  /** A kubeconfig of a service account in {@code kube-system}. */
  Path kubeconfigOf(String account) throws IOException {
    return kubeconfig(account, tokenOf(account));
  }

  /** A token of a service account in {@code kube-system}. */
  String tokenOf(String account) throws IOException {
    byte[] asked =
        bytes(
            Map.of(
                "apiVersion",
                "authentication.k8s.io/v1",
                "kind",
                "TokenRequest",
                "spec",
                Map.of()));
    String path = "/api/v1/namespaces/" + NAMESPACE + "/serviceaccounts/" + account + "/token";
    byte[] answer = admin.post(path, asked, soon());
    return Trees.text(
        DocumentReader.readJson(new String(answer, StandardCharsets.UTF_8)), "status", "token");
  }

  /** Starts an agent; does not wait. Nothing of it outlives the lab but its state and pins. */
  AgentProcess agent(String instance, Path kubeconfig, Map<String, String> more)
      throws IOException {
    Map<String, String> options = new TreeMap<>();
    options.put("instance", instance);
    options.put("node-name", instance);
    options.put("datapath", "memory");
    // Of no device: there may be none but the loopback's.
    options.put("ipv4-node", "192.0.2.10");
    options.put("ipv6-node", "2001:db8::10");
    options.put("state-dir", folder.resolve(instance + "/state").toString());
    options.put("k8s-kubeconfig-path", kubeconfig.toString());
    options.put("identity-allocation-mode", "crd");
    options.put("enable-health-checking", "false");
    options.putAll(more);
    AgentProcess agent =
        AgentProcess.launch(
            Optional.empty(), Files.createDirectories(folder.resolve(instance)), options);
    programs.add(agent.program());
    return agent;
  }

  /** Starts an operator; does not wait. */
  Program operator(Path kubeconfig, String... more) throws IOException {
    List<String> options = new ArrayList<>(List.of("operator"));
    options.add("--k8s-kubeconfig-path=" + kubeconfig);
    options.add("--k8s-namespace=" + NAMESPACE);
    if (Stream.of(more).noneMatch(each -> each.startsWith("--cluster-pool-ipv4-cidr="))) {
      options.add("--cluster-pool-ipv4-cidr=10.97.0.0/16");
    }
    options.add("--cluster-pool-ipv6-cidr=fd97::/104");
    options.add("--operator-api-serve-addr=127.0.0.1:0");
    options.addAll(List.of(more));
    Program operator =
        Program.launch(Optional.empty(), "io.cilium4j.operator/io.cilium4j.operator.Main", options);
    programs.add(operator);
    return operator;
  }

  /** What {@link #await} looks at. */
  interface Condition {
    boolean holds() throws Exception;
  }

  /** Waits for something. */
  static void await(String what, Condition condition) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      String seen = "it does not hold";
      try {
        if (condition.holds()) {
          return;
        }
      } catch (Exception e) {
        seen = e.toString();
      }
      String last = seen;
      assertTrue(System.nanoTime() - end < 0, () -> what + ": " + last);
      LockSupport.parkNanos(10_000_000L);
    }
  }

  @Override
  public void close() {
    programs.forEach(Program::kill);
    admin.close();
    server.close();
  }
}
