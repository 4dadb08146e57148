// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A program that prints credentials, as kubeconfigs of cloud vendors name them ({@code
 * client.authentication.k8s.io}). What it printed is used until shortly before it says that it
 * expires, or until the server refuses it.
 */
final class ExecPlugin {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** How long before its end a credential is replaced. */
  private static final Duration MARGIN = Duration.ofSeconds(30);

  private static final int MAX_BYTES = 1 << 20;

  private final String apiVersion;
  private final List<String> command;
  private final Map<String, String> environment;
  private final Path folder;
  private @Nullable Credential kept;

  /** What the program printed. */
  record Credential(
      Optional<String> token, Optional<Tls.Identity> identity, Optional<Instant> expires) {}

  ExecPlugin(Object exec, Path kubeconfig, URI server) throws IOException {
    this.apiVersion = Trees.text(exec, "apiVersion");
    if (!apiVersion.startsWith("client.authentication.k8s.io/")) {
      throw new IOException(
          "kubeconfig " + kubeconfig + ": users[].user.exec.apiVersion \"" + apiVersion + "\"");
    }
    Path parent = kubeconfig.toAbsolutePath().getParent();
    this.folder = parent == null ? Path.of("/") : parent;
    String program = Trees.text(exec, "command");
    if (program.isEmpty()) {
      throw new IOException("kubeconfig " + kubeconfig + ": users[].user.exec.command: missing");
    }
    var words = new ArrayList<String>();
    // As kubectl: with a slash it is a path from the file on, else one of PATH's.
    words.add(program.contains("/") ? folder.resolve(program).toString() : program);
    Trees.items(exec, "args").forEach(word -> words.add(String.valueOf(word)));
    this.command = List.copyOf(words);
    var variables = new java.util.TreeMap<String, String>();
    for (Object pair : Trees.items(exec, "env")) {
      variables.put(Trees.text(pair, "name"), Trees.text(pair, "value"));
    }
    variables.put(
        "KUBERNETES_EXEC_INFO",
        JsonWriter.write(
            Map.of(
                "apiVersion",
                apiVersion,
                "kind",
                "ExecCredential",
                "spec",
                Map.of("interactive", false, "cluster", Map.of("server", server.toString())))));
    this.environment = Map.copyOf(variables);
  }

  /**
   * The credential, of the program's last run or of another.
   *
   * @throws IOException if it gave none
   */
  synchronized Credential credential() throws IOException {
    Credential last = kept;
    if (last == null
        || last.expires().filter(end -> Instant.now().plus(MARGIN).isAfter(end)).isPresent()) {
      last = run();
      kept = last;
    }
    return last;
  }

  /** What it printed is of no use. */
  synchronized void forget() {
    kept = null;
  }

  private Credential run() throws IOException {
    var builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")));
    builder.environment().putAll(environment);
    Process process = builder.start();
    // One that hangs is killed, which ends its output.
    var _ =
        process
            .onExit()
            .orTimeout(PATIENCE.toSeconds(), TimeUnit.SECONDS)
            .exceptionally(_ -> process.destroyForcibly());
    try (InputStream out = process.getInputStream()) {
      byte[] printed = out.readNBytes(MAX_BYTES);
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS) || process.exitValue() != 0) {
        throw new IOException(
            command.getFirst()
                + ": gave no credential"
                + (process.isAlive() ? ", and hangs" : ": exit code " + process.exitValue()));
      }
      return read(DocumentReader.readJson(new String(printed, StandardCharsets.UTF_8)));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(command.getFirst() + ": interrupted", e);
    } catch (DocumentException | DateTimeException e) {
      throw new IOException(command.getFirst() + ": printed no ExecCredential", e);
    } finally {
      process.destroyForcibly();
    }
  }

  private Credential read(@Nullable Object printed) throws IOException {
    String token = Trees.text(printed, "status", "token");
    String certificate = Trees.text(printed, "status", "clientCertificateData");
    String key = Trees.text(printed, "status", "clientKeyData");
    String expires = Trees.text(printed, "status", "expirationTimestamp");
    if (!Trees.text(printed, "kind").equals("ExecCredential")
        || (token.isEmpty() && (certificate.isEmpty() || key.isEmpty()))) {
      throw new IOException(command.getFirst() + ": printed no ExecCredential");
    }
    return new Credential(
        Optional.of(token).filter(text -> !text.isEmpty()),
        key.isEmpty() ? Optional.empty() : Optional.of(new Tls.Identity(certificate, key)),
        expires.isEmpty() ? Optional.empty() : Optional.of(Instant.parse(expires)));
  }
}
