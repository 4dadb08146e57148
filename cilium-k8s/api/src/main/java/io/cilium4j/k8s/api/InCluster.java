// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;

/** What the kubelet puts into each pod: a token, the authority of the server, a namespace. */
final class InCluster implements ApiAccess {

  /** Where it puts them. */
  static final Path FOLDER = Path.of("/var/run/secrets/kubernetes.io/serviceaccount");

  private static final int MAX_BYTES = 1 << 20;

  private final List<URI> servers;
  private final Path folder;
  private final TokenFile token;
  private final String namespace;

  /**
   * Reads the namespace.
   *
   * @param given where the server is; empty for where the environment says
   * @throws IOException if this is no pod; the message is one line
   */
  InCluster(List<URI> given, Path folder, Map<String, String> environment) throws IOException {
    this.folder = folder;
    this.token = new TokenFile(folder.resolve("token"), System::nanoTime);
    this.servers = given.isEmpty() ? List.of(service(environment)) : List.copyOf(given);
    this.namespace = SmallFiles.text(folder.resolve("namespace"), MAX_BYTES).strip();
  }

  private static URI service(Map<String, String> environment) throws IOException {
    String host = environment.getOrDefault("KUBERNETES_SERVICE_HOST", "");
    String port = environment.getOrDefault("KUBERNETES_SERVICE_PORT", "443");
    if (host.isEmpty()) {
      throw new IOException(
          "no API server: neither a kubeconfig nor an address is given, and"
              + " KUBERNETES_SERVICE_HOST is not set");
    }
    return URI.create("https://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port);
  }

  @Override
  public List<URI> servers() {
    return servers;
  }

  @Override
  public SSLContext tls() throws IOException {
    Path file = folder.resolve("ca.crt");
    try {
      return Tls.context(Optional.of(SmallFiles.text(file, MAX_BYTES)), false, Optional.empty());
    } catch (GeneralSecurityException e) {
      throw new IOException(file + ": " + e.getMessage(), e);
    }
  }

  @Override
  public Optional<String> authorization() throws IOException {
    return Optional.of("Bearer " + token.token());
  }

  @Override
  public void rejected() {
    token.forget();
  }

  @Override
  public String namespace() {
    return namespace;
  }
}
