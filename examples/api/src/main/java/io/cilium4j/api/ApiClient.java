// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

import io.cilium4j.api.http.HttpExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * Asks the agent behind a UNIX socket. Each request has a connection of its own, which is what a
 * program wants that asks once; there is nothing to close.
 *
 * <p>Safe for use by several threads.
 */
public final class ApiClient {

  /** Where the agent listens unless it was told otherwise. */
  public static final Path DEFAULT_SOCKET = Path.of("/var/run/cilium/cilium.sock");

  /** Where the health API listens unless it was told otherwise. */
  public static final Path DEFAULT_HEALTH_SOCKET = Path.of("/var/run/cilium/health.sock");

  private static final String BASE_PATH = "/v1";
  private static final String HEALTH_BASE_PATH = "/v1beta";

  private final Path socket;
  private final Duration timeout;
  private final String basePath;

  /**
   * A client; nothing is opened yet.
   *
   * @param timeout how long a request may take, from connecting to the last byte of the answer
   */
  public ApiClient(Path socket, Duration timeout) {
    this(socket, timeout, BASE_PATH);
  }

  private ApiClient(Path socket, Duration timeout, String basePath) {
    this.socket = socket;
    this.timeout = timeout;
    this.basePath = basePath;
  }

  /** A client of the health API, which has a socket of its own. */
  public static ApiClient ofHealth(Path socket, Duration timeout) {
    return new ApiClient(socket, timeout, HEALTH_BASE_PATH);
  }

  /** What {@code GET} answers. */
  public <T> T get(String path, Class<T> type) {
    return call("GET", path, null).as(type);
  }

  /** What {@code GET} answers, where that is a list. */
  public <T> List<T> list(String path, Class<T> type) {
    return call("GET", path, null).asListOf(type);
  }

  /** Sends a request; {@code body} is written as JSON, null for none. */
  public ApiResponse call(String method, String path, @Nullable Object body) {
    return call(method, path, Map.of(), body);
  }

  /**
   * Sends a request.
   *
   * @param path below the API's own, {@code /v1}, with its query, everything encoded as a URL wants
   *     it
   * @param headers the operation's own, such as {@code brief}
   * @throws ApiException if no agent answers; a refusal is an answer like any other
   */
  public ApiResponse call(
      String method, String path, Map<String, String> headers, @Nullable Object body) {
    var content = new ByteArrayOutputStream();
    int status = exchange(method, path, headers, body, (_, piece) -> content.writeBytes(piece));
    return new ApiResponse(status, content.toByteArray());
  }

  /**
   * Reads an answer that comes line by line, as long as the agent sends it and the time allows.
   *
   * @param each called for each line that is a JSON value
   * @throws ApiException if the agent refuses
   */
  public void lines(String path, Consumer<JsonNode> each) {
    var line = new ByteArrayOutputStream();
    int status =
        exchange(
            "GET",
            path,
            Map.of(),
            null,
            (code, piece) -> {
              for (byte next : piece) {
                if (next == '\n' && code == 200) {
                  each.accept(ApiJson.mapper().readTree(line.toByteArray()));
                  line.reset();
                } else {
                  line.write(next);
                }
              }
            });
    new ApiResponse(status, line.toByteArray()).orThrow();
  }

  /** Takes a piece of an answer of some status. */
  private interface Pieces {
    void take(int status, byte[] piece);
  }

  private int exchange(
      String method,
      String path,
      Map<String, String> headers,
      @Nullable Object body,
      Pieces pieces) {
    byte[] content = body == null ? new byte[0] : ApiJson.mapper().writeValueAsBytes(body);
    try (var exchange =
        new HttpExchange(SocketChannel.open(UnixDomainSocketAddress.of(socket)), timeout)) {
      int status = exchange.send(method, basePath + path, headers, content);
      exchange.readBody(piece -> pieces.take(status, piece));
      return status;
    } catch (IOException e) {
      throw new ApiException("agent at " + socket + ": " + reason(e), e);
    }
  }

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
