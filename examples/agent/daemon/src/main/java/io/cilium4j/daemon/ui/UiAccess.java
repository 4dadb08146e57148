// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.ui;

import com.sun.net.httpserver.Headers;
import java.io.IOException;
import java.net.Inet6Address;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Who may ask the page's server. A browser must have been led to an address of loopback by its own
 * name, which a stranger's page cannot pretend ({@code Host}), and must not act for such a page
 * ({@code Origin}, {@code Sec-Fetch-Site}). Data wants a token besides, which stands in a file that
 * only the agent's user may read; it is another one after each start.
 *
 * @param hosts the values of {@code Host}
 */
public record UiAccess(Set<String> hosts, String token, Path link) implements AutoCloseable {
  private static final int TOKEN_BYTES = 32;

  private static final String BEARER = "Bearer ";

  /**
   * Makes a token and writes the link with it.
   *
   * @param address where the page is served
   * @param link the file
   * @throws IllegalArgumentException with a line for people if others than this machine reach it
   * @throws IOException if the file cannot be written
   */
  public static UiAccess open(InetSocketAddress address, Path link) throws IOException {
    if (address.getAddress() == null || !address.getAddress().isLoopbackAddress()) {
      throw new IllegalArgumentException("wanted an address of loopback, such as 127.0.0.1:12000");
    }
    byte[] random = new byte[TOKEN_BYTES];
    new SecureRandom().nextBytes(random);
    String token = Base64.getUrlEncoder().withoutPadding().encodeToString(random);
    String literal = address.getAddress().getHostAddress();
    String host = address.getAddress() instanceof Inet6Address ? "[::1]" : literal;
    String port = ":" + address.getPort();
    write(link, "http://" + host + port + "/#token=" + token + "\n");
    return new UiAccess(Set.of(host + port, "localhost" + port), token, link);
  }

  private static void write(Path link, String text) throws IOException {
    Set<PosixFilePermission> own = PosixFilePermissions.fromString("rw-------");
    Files.deleteIfExists(link);
    try (var channel =
        Files.newByteChannel(
            link,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
            PosixFilePermissions.asFileAttribute(own))) {
      channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }
  }

  /**
   * The status that a request is refused with; 0 for none.
   *
   * @param isForData whether it needs the token
   */
  int refusal(Headers headers, boolean isForData) {
    String host = one(headers, "Host");
    if (host == null || !hosts.contains(host)) {
      return 403;
    }
    String origin = one(headers, "Origin");
    String site = one(headers, "Sec-Fetch-Site");
    boolean isOwn =
        (origin == null || origin.equals("http://" + host))
            && (site == null || site.equals("same-origin") || site.equals("none"));
    if (!isOwn) {
      return 403;
    }
    return isForData && !hasToken(one(headers, "Authorization")) ? 401 : 0;
  }

  private static @Nullable String one(Headers headers, String name) {
    List<String> values = headers.get(name);
    return values == null ? null : values.size() == 1 ? values.getFirst() : "";
  }

  private boolean hasToken(@Nullable String authorization) {
    return authorization != null
        && authorization.startsWith(BEARER)
        && MessageDigest.isEqual(
            authorization.substring(BEARER.length()).getBytes(StandardCharsets.UTF_8),
            token.getBytes(StandardCharsets.UTF_8));
  }

  /** Takes the link back. */
  @Override
  public void close() throws IOException {
    Files.deleteIfExists(link);
  }

  /** Without the token. */
  @Override
  public String toString() {
    return "UiAccess[hosts=" + hosts + "]";
  }
}
