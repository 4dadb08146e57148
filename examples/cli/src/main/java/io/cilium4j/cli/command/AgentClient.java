// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.command;

import io.cilium4j.api.http.HttpExchange;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonReader;
import io.cilium4j.cli.json.JsonWriter;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.ProtocolException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;

/** Asks the agent behind a UNIX socket; each request has a connection of its own. */
public final class AgentClient {
  /** How long the agent may take: the creation of an endpoint is its slowest answer. */
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final String BASE_PATH = "/v1";
  private static final String HEALTH_BASE_PATH = "/v1beta";
  private static final int MAX_REASON_CHARS = 1000;

  private final Path socket;
  private final String basePath;
  private final Duration patience;

  public AgentClient(Path socket) {
    this(socket, BASE_PATH, PATIENCE);
  }

  private AgentClient(Path socket, String basePath, Duration patience) {
    this.socket = socket;
    this.basePath = basePath;
    this.patience = patience;
  }

  /** Of the API that tells which nodes are reached. */
  public static AgentClient ofHealth(Path socket) {
    return new AgentClient(socket, HEALTH_BASE_PATH, PATIENCE);
  }

  /** The same agent, asked for no longer than this. */
  public AgentClient within(Duration limit) {
    return new AgentClient(socket, basePath, limit);
  }

  /**
   * An answer.
   *
   * @param status the HTTP status
   * @param body what came with it
   */
  public record Reply(int status, String body) {
    public boolean isSuccess() {
      return status >= 200 && status < 300;
    }

    /** The body as JSON; absent where there is none. */
    public Json json() {
      if (body.isBlank()) {
        return Json.absent();
      }
      try {
        return JsonReader.parse(body);
      } catch (IllegalArgumentException e) {
        throw new CommandException("the agent's answer: " + e.getMessage(), e);
      }
    }

    /** What came with a success; a refusal ends the command. */
    public Json orThrow(String subject) {
      if (!isSuccess()) {
        throw new CommandException(subject + ": " + reason());
      }
      return json();
    }

    /** Why the agent refuses, in its own words where it has any. */
    public String reason() {
      String words = body;
      if (body.startsWith("\"")) {
        words = json().text();
      }
      String line = words.replaceAll("\\p{Cntrl}+", " ").strip();
      if (line.isEmpty()) {
        return switch (status) {
          case 400 -> "the agent cannot read the request";
          case 403 -> "the agent does not allow it";
          case 404 -> "not found";
          case 429 -> "the agent has too many requests; try again";
          case 501 -> "this agent does not support it";
          default -> "the agent answers " + status;
        };
      }
      return line.length() > MAX_REASON_CHARS ? line.substring(0, MAX_REASON_CHARS) + "…" : line;
    }
  }

  /** What {@code GET} answers; a refusal ends the command. */
  public Json get(String path) throws IOException {
    return call("GET", path, Json.absent());
  }

  /** Sends a request and reads what comes back; a refusal ends the command. */
  public Json call(String method, String path, Json body) throws IOException {
    return send(method, path, Map.of(), body).orThrow(subject(path));
  }

  /** A path without its query, as a user may read it. */
  private static String subject(String path) {
    int query = path.indexOf('?');
    return (query < 0 ? path : path.substring(0, query)).substring(1);
  }

  /** Sends a request; a refusal is an answer like any other. */
  public Reply send(String method, String path, Map<String, String> headers, Json body)
      throws IOException {
    var answer = new ByteArrayOutputStream();
    int status = exchange(method, path, headers, body, (_, piece) -> answer.writeBytes(piece));
    return new Reply(status, answer.toString(StandardCharsets.UTF_8));
  }

  /** Hands on a long answer line by line as it comes; a refusal ends the command. */
  public void lines(String path, Consumer<String> each) throws IOException {
    var pending = new ByteArrayOutputStream();
    int status =
        exchange(
            "GET",
            path,
            Map.of(),
            Json.absent(),
            (code, piece) -> {
              for (byte next : piece) {
                if (next == '\n' && code == 200) {
                  each.accept(pending.toString(StandardCharsets.UTF_8));
                  pending.reset();
                } else {
                  pending.write(next);
                }
              }
            });
    new Reply(status, pending.toString(StandardCharsets.UTF_8)).orThrow(subject(path));
  }

  /** Takes a piece of an answer of some status. */
  private interface Pieces {
    void take(int status, byte[] piece);
  }

  private int exchange(
      String method, String path, Map<String, String> headers, Json body, Pieces pieces)
      throws IOException {
    byte[] content = utf8(body.isAbsent() ? "" : JsonWriter.compact(body));
    try (var exchange = new HttpExchange(AgentSocket.open(socket, "the agent"), patience)) {
      int status = exchange.send(method, basePath + path, headers, content);
      exchange.readBody(piece -> pieces.take(status, piece));
      return status;
    } catch (SocketTimeoutException | ProtocolException | EOFException e) {
      throw new CommandException("agent at unix://" + socket + ": " + e.getMessage(), e);
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  /** A value as a part of a path or query: everything but the plainest characters is encoded. */
  public static String encode(String value) {
    var encoded = new StringBuilder();
    for (byte b : utf8(value)) {
      char c = (char) (b & 0xff);
      if (c < 128 && (Character.isLetterOrDigit(c) || "-._~:".indexOf(c) >= 0)) {
        encoded.append(c);
      } else {
        encoded.append('%').append("0123456789ABCDEF".charAt(c >> 4));
        encoded.append("0123456789ABCDEF".charAt(c & 0xf));
      }
    }
    return encoded.toString();
  }
}
