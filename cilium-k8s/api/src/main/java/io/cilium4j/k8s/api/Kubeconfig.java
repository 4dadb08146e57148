// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.documents.DocumentException;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/**
 * A kubeconfig: the server, the authority and the credentials of its current context. Tokens, token
 * files, client certificates, passwords and programs that print credentials ({@link ExecPlugin})
 * are read; the built-in providers of cloud vendors, which {@code kubectl} itself gave up, are not.
 * Paths are relative to the file.
 */
final class Kubeconfig implements ApiAccess {
  private static final int MAX_BYTES = 1 << 20;

  private final Path file;
  private final List<URI> servers;
  private final Object cluster;
  private final Object user;
  private final String namespace;
  private final Optional<TokenFile> tokenFile;
  private final Optional<ExecPlugin> plugin;

  /**
   * Reads the file. What it refers to is read when it is needed.
   *
   * @param given where the server is; empty for where the file says
   * @throws IOException if it cannot be used; the message is one line
   */
  Kubeconfig(Path file, List<URI> given) throws IOException {
    this.file = file;
    Object document = document(SmallFiles.text(file, MAX_BYTES));
    String current = Trees.text(document, "current-context");
    if (current.isEmpty()) {
      throw wrong("current-context: missing");
    }
    Object context = named(document, "contexts", "context", current);
    this.cluster = named(document, "clusters", "cluster", Trees.text(context, "cluster"));
    String userName = Trees.text(context, "user");
    this.user =
        userName.isEmpty() ? java.util.Map.of() : named(document, "users", "user", userName);
    String inContext = Trees.text(context, "namespace");
    this.namespace = inContext.isEmpty() ? "default" : inContext;
    this.servers = given.isEmpty() ? List.of(server()) : List.copyOf(given);
    refuse(cluster, "clusters[]", List.of("proxy-url", "tls-server-name"));
    refuse(user, "users[]", List.of("auth-provider", "as", "as-groups"));
    String token = Trees.text(user, "tokenFile");
    this.tokenFile =
        token.isEmpty()
            ? Optional.empty()
            : Optional.of(new TokenFile(file.resolveSibling(token), System::nanoTime));
    Object exec = Trees.at(user, "exec");
    this.plugin =
        exec == null
            ? Optional.empty()
            : Optional.of(new ExecPlugin(exec, file, servers.getFirst()));
  }

  private Object document(String text) throws IOException {
    try {
      List<@Nullable Object> documents = DocumentReader.read(text);
      Object only = documents.size() == 1 ? documents.getFirst() : null;
      if (only == null || !Trees.text(only, "kind").equals("Config")) {
        throw wrong("wanted one document of kind Config");
      }
      return only;
    } catch (DocumentException e) {
      throw wrong(String.valueOf(e.getMessage()));
    }
  }

  private Object named(Object document, String list, String field, String name) throws IOException {
    for (Object item : Trees.items(document, list)) {
      Object found = Trees.at(item, field);
      if (Trees.text(item, "name").equals(name) && found != null) {
        return found;
      }
    }
    throw wrong(list + ": none is named \"" + name + "\"");
  }

  private URI server() throws IOException {
    String text = Trees.text(cluster, "server");
    try {
      return ApiOptions.server(text);
    } catch (IllegalArgumentException e) {
      throw wrong("clusters[].cluster.server: " + e.getMessage());
    }
  }

  private void refuse(Object of, String path, List<String> fields) throws IOException {
    for (String field : fields) {
      if (Trees.at(of, field) != null) {
        throw wrong(path + "." + field + ": not supported");
      }
    }
  }

  private IOException wrong(String what) {
    return new IOException("kubeconfig " + file + ": " + what);
  }

  @Override
  public List<URI> servers() {
    return servers;
  }

  @Override
  public SSLContext tls() throws IOException {
    try {
      boolean isUnchecked = Boolean.TRUE.equals(Trees.at(cluster, "insecure-skip-tls-verify"));
      return Tls.context(pem(cluster, "certificate-authority"), isUnchecked, identity());
    } catch (GeneralSecurityException e) {
      throw wrong(String.valueOf(e.getMessage()));
    }
  }

  private Optional<Tls.Identity> identity() throws IOException {
    if (plugin.isPresent()) {
      return plugin.get().credential().identity();
    }
    Optional<String> certificate = pem(user, "client-certificate");
    Optional<String> key = pem(user, "client-key");
    if (certificate.isPresent() != key.isPresent()) {
      throw wrong("users[].user: client-certificate and client-key: wanted both or none");
    }
    return certificate.flatMap(each -> key.map(own -> new Tls.Identity(each, own)));
  }

  /** A field that is the text itself in base64, or names the file that has it. */
  private Optional<String> pem(Object of, String field) throws IOException {
    String data = Trees.text(of, field + "-data");
    if (!data.isEmpty()) {
      try {
        byte[] bytes = Base64.getDecoder().decode(data);
        return Optional.of(new String(bytes, StandardCharsets.US_ASCII));
      } catch (IllegalArgumentException e) {
        throw wrong(field + "-data: not base64");
      }
    }
    String path = Trees.text(of, field);
    return path.isEmpty()
        ? Optional.empty()
        : Optional.of(SmallFiles.text(file.resolveSibling(path), MAX_BYTES));
  }

  @Override
  public Optional<String> authorization() throws IOException {
    if (plugin.isPresent()) {
      return plugin.get().credential().token().map(token -> "Bearer " + token);
    }
    if (tokenFile.isPresent()) {
      return Optional.of("Bearer " + tokenFile.get().token());
    }
    String token = Trees.text(user, "token");
    if (!token.isEmpty()) {
      return Optional.of("Bearer " + token);
    }
    String name = Trees.text(user, "username");
    if (!name.isEmpty()) {
      String pair = name + ":" + Trees.text(user, "password");
      return Optional.of(
          "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8)));
    }
    return Optional.empty();
  }

  @Override
  public void rejected() {
    tokenFile.ifPresent(TokenFile::forget);
    plugin.ifPresent(ExecPlugin::forget);
  }

  @Override
  public String namespace() {
    return namespace;
  }
}
