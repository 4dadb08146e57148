// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
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
    try (var connection = new Connection(socket, System.nanoTime() + timeout.toNanos())) {
      connection.send(request(method, path, headers, body));
      int status = connection.readHead();
      connection.readBody(piece -> content.write(piece, 0, piece.length));
      return new ApiResponse(status, content.toByteArray());
    } catch (IOException e) {
      throw new ApiException("agent at " + socket + ": " + reason(e), e);
    }
  }

  /**
   * Reads an answer that comes line by line, as long as the agent sends it and the time allows.
   *
   * @param each called for each line that is a JSON value
   * @throws ApiException if the agent refuses
   */
  public void lines(String path, Consumer<JsonNode> each) {
    try (var connection = new Connection(socket, System.nanoTime() + timeout.toNanos())) {
      connection.send(request("GET", path, Map.of(), null));
      int status = connection.readHead();
      var line = new ByteArrayOutputStream();
      connection.readBody(piece -> {
        for (byte b : piece) {
          if (b == '\n' && status == 200) {
            each.accept(ApiJson.mapper().readTree(line.toByteArray()));
            line.reset();
          } else {
            line.write(b);
          }
        }
      });
      new ApiResponse(status, line.toByteArray()).orThrow();
    } catch (IOException e) {
      throw new ApiException("agent at " + socket + ": " + reason(e), e);
    }
  }

  private static String reason(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }

  private byte[] request(
      String method, String path, Map<String, String> headers, @Nullable Object body) {
    byte[] content = body == null ? new byte[0] : ApiJson.mapper().writeValueAsBytes(body);
    Map<String, String> all = new LinkedHashMap<>();
    all.put("Host", "localhost");
    all.put("Accept", "application/json");
    all.put("Connection", "close");
    all.putAll(headers);
    if (body != null) {
      all.put("Content-Type", "application/json");
    }
    all.put("Content-Length", Integer.toString(content.length));
    var head = new StringBuilder(method + " " + basePath + path + " HTTP/1.1\r\n");
    all.forEach((name, value) -> head.append(name).append(": ").append(value).append("\r\n"));
    if (head.chars().filter(c -> c == '\n').count() != all.size() + 1L) {
      throw new IllegalArgumentException("a line break in the path or in a header");
    }
    head.append("\r\n");
    var bytes = new ByteArrayOutputStream();
    bytes.writeBytes(head.toString().getBytes(StandardCharsets.ISO_8859_1));
    bytes.writeBytes(content);
    return bytes.toByteArray();
  }
}
