// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/**
 * A real API server with its etcd on this machine, for tests: no kubelet, scheduler or controllers,
 * so an object stays as it is written.
 *
 * <p>The programs {@code kube-apiserver} and {@code etcd} are looked for in the folder that {@code
 * KUBEBUILDER_ASSETS} names, then in {@code ~/.cache/kube-assets}. A test that needs them is
 * skipped where they are not; with {@code -Dkubernetes.tests=required} it fails.
 *
 * <p>Not safe for use by several threads.
 */
public final class KubernetesApiServer implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(2);

  private static final String TOKEN = "admintoken";

  private final Path assets;
  private final Path folder;
  private final int port;
  private final int etcdPort;
  private final Process etcd;
  private Process server;

  private KubernetesApiServer(Path assets, Path folder) throws IOException {
    this.assets = assets;
    this.folder = folder;
    this.port = freePort();
    this.etcdPort = freePort();
    int peerPort = freePort();
    String client = "http://127.0.0.1:" + etcdPort;
    String peer = "http://127.0.0.1:" + peerPort;
    writeKey();
    Files.writeString(folder.resolve("tokens.csv"), TOKEN + ",admin,admin,\"system:masters\"\n");
    Files.writeString(
        kubeconfig(),
        """
        apiVersion: v1
        kind: Config
        current-context: test
        clusters: [{name: test, cluster: {server: "https://127.0.0.1:%d", insecure-skip-tls-verify: true}}]
        users: [{name: admin, user: {token: %s}}]
        contexts: [{name: test, context: {cluster: test, user: admin}}]
        """
            .formatted(port, TOKEN));
    this.etcd =
        run(
            "etcd",
            "--data-dir=" + folder.resolve("etcd"),
            "--listen-client-urls=" + client,
            "--advertise-client-urls=" + client,
            "--listen-peer-urls=" + peer,
            "--initial-advertise-peer-urls=" + peer,
            "--initial-cluster=default=" + peer,
            "--unsafe-no-fsync");
    this.server = runServer();
    Runtime.getRuntime().addShutdownHook(new Thread(this::end));
  }

  /**
   * Starts one in a folder, and waits until it serves.
   *
   * @param folder an empty one, which the server fills
   */
  public static KubernetesApiServer start(Path folder) throws IOException {
    Optional<Path> assets = assets();
    Assumptions.assumeTrue(
        assets.isPresent() || "required".equals(System.getProperty("kubernetes.tests")),
        "no kube-apiserver and etcd: neither in KUBEBUILDER_ASSETS nor in ~/.cache/kube-assets");
    var started =
        new KubernetesApiServer(
            assets.orElseThrow(() -> new IOException("no kube-apiserver and etcd are installed")),
            folder);
    started.awaitReady();
    return started;
  }

  private static Optional<Path> assets() throws IOException {
    List<Path> folders = new ArrayList<>();
    String named = System.getenv("KUBEBUILDER_ASSETS");
    if (named != null) {
      folders.add(Path.of(named));
    }
    Path cache = Path.of(System.getProperty("user.home"), ".cache", "kube-assets");
    if (Files.isDirectory(cache)) {
      try (Stream<Path> versions = Files.list(cache)) {
        versions.sorted().forEach(folders::add);
      }
    }
    return folders.stream()
        .filter(each -> Files.isExecutable(each.resolve("kube-apiserver")))
        .filter(each -> Files.isExecutable(each.resolve("etcd")))
        .findFirst();
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** What signs the tokens of service accounts. */
  private void writeKey() throws IOException {
    try {
      var generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(2048);
      String key =
          Base64.getMimeEncoder()
              .encodeToString(generator.generateKeyPair().getPrivate().getEncoded());
      Files.writeString(
          folder.resolve("sa.key"),
          "-----BEGIN PRIVATE KEY-----\n" + key + "\n-----END PRIVATE KEY-----\n");
    } catch (NoSuchAlgorithmException e) {
      throw new IOException(e);
    }
  }

  private Process runServer() throws IOException {
    return run(
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:" + etcdPort,
        "--cert-dir=" + folder.resolve("certs"),
        "--secure-port=" + port,
        "--bind-address=127.0.0.1",
        // Nobody asks there; without it the server looks for a default route, which may not be.
        "--advertise-address=192.0.2.1",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-key-file=" + folder.resolve("sa.key"),
        "--service-account-signing-key-file=" + folder.resolve("sa.key"),
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        "--token-auth-file=" + folder.resolve("tokens.csv"),
        "--disable-admission-plugins=ServiceAccount",
        "--watch-cache=true");
  }

  private Process run(String program, String... flags) throws IOException {
    List<String> words = new ArrayList<>();
    words.add(assets.resolve(program).toString());
    words.addAll(List.of(flags));
    File log = folder.resolve(program + ".log").toFile();
    return new ProcessBuilder(words)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log))
        .start();
  }

  private void awaitReady() throws IOException {
    // Not by a client of ours, which is what is tested.
    long end = System.nanoTime() + PATIENCE.toNanos();
    try {
      while (true) {
        var asked =
            new ProcessBuilder(
                    "curl",
                    "-sk",
                    "--max-time",
                    "5",
                    "-H",
                    "Authorization: Bearer " + TOKEN,
                    "https://127.0.0.1:" + port + "/readyz")
                .redirectErrorStream(true)
                .start();
        String answer = new String(asked.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (answer.strip().equals("ok")) {
          return;
        }
        if (System.nanoTime() - end > 0 || !server.isAlive() || !etcd.isAlive()) {
          end();
          throw new IOException(
              "the API server did not start; see " + folder + "/*.log: " + answer);
        }
        server.waitFor(200, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** The kubeconfig of an administrator. */
  public Path kubeconfig() {
    return folder.resolve("kubeconfig");
  }

  /** Where it is served. */
  public String address() {
    return "https://127.0.0.1:" + port;
  }

  /** Ends the server, without a word to its clients; what it stored stays. */
  public void kill() {
    server.destroyForcibly();
    server.onExit().join();
  }

  /** Starts it again, at the same place, and waits until it serves. */
  public void restart() throws IOException {
    server = runServer();
    awaitReady();
  }

  private void end() {
    server.destroyForcibly();
    etcd.destroyForcibly();
  }

  /** Ends it. */
  @Override
  public void close() {
    end();
    server.onExit().join();
    etcd.onExit().join();
  }
}
