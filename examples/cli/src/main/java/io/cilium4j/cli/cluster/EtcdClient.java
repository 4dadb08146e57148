// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.cluster;

import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.cli.json.Json;
import io.cilium4j.cli.json.JsonReader;
import io.cilium4j.cli.json.JsonWriter;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Keys of an etcd, 3.4 or newer, through its own JSON gateway ({@code /v3/kv/…}), in which keys and
 * values are base64 and 64-bit numbers are strings. A command of a tenth of a second has no use for
 * gRPC's classes.
 */
final class EtcdClient {
  /** Most keys that one command reads. */
  private static final int MAX_KEYS = 100_000;

  /** Largest answer, in bytes. */
  private static final int MAX_BYTES = 64 << 20;

  private static final int MAX_REASON_CHARS = 200;

  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private final URI address;

  /** An etcd behind an address, {@code http[s]://HOST:PORT}. */
  EtcdClient(URI address) {
    this.address = address;
  }

  /**
   * A key with its value.
   *
   * @param data the value, which may be any bytes, as base64
   * @param modRevision the store's revision at which it was last written
   * @param lease the lease with which it ends; 0 for none
   */
  record Entry(String key, String data, long modRevision, long lease) {
    /** The value as text. */
    String text() {
      return new String(Base64.getDecoder().decode(data), StandardCharsets.UTF_8);
    }
  }

  /** A key, or all that begin with it, in their order; empty if there is none. */
  List<Entry> get(String key, boolean recursive) throws IOException {
    Json range =
        range(key, recursive)
            .with("limit", Json.of(MAX_KEYS))
            .with("sort_order", Json.of("ASCEND"));
    Json answer = call("range", range);
    if (answer.get("more").isTrue()) {
      throw new CommandException("kvstore: more than " + MAX_KEYS + " keys begin with " + key);
    }
    List<Entry> entries = new ArrayList<>();
    for (Json each : answer.get("kvs").items()) {
      entries.add(
          new Entry(
              new String(bytes(each.get("key")), StandardCharsets.UTF_8),
              Base64.getEncoder().encodeToString(bytes(each.get("value"))),
              number(each.get("mod_revision")),
              number(each.get("lease"))));
    }
    return entries;
  }

  /** Writes a key. */
  void put(String key, String value) throws IOException {
    var _ = call("put", Json.object("key", base64(utf8(key))).with("value", base64(utf8(value))));
  }

  /** Removes a key, or all that begin with it; how many there were. */
  long delete(String key, boolean recursive) throws IOException {
    return number(call("deleterange", range(key, recursive)).get("deleted"));
  }

  private static Json range(String key, boolean recursive) {
    Json range = Json.object("key", base64(utf8(key)));
    return recursive ? range.with("range_end", base64(endOf(utf8(key)))) : range;
  }

  /** The first key behind all that begin with this one; a zero byte stands for no end. */
  private static byte[] endOf(byte[] prefix) {
    for (int i = prefix.length - 1; i >= 0; i--) {
      if (prefix[i] != (byte) 0xff) {
        byte[] end = Arrays.copyOf(prefix, i + 1);
        end[i]++;
        return end;
      }
    }
    return new byte[1];
  }

  private Json call(String operation, Json body) throws IOException {
    HttpRequest request =
        HttpRequest.newBuilder(address.resolve("/v3/kv/" + operation))
            .timeout(PATIENCE)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(JsonWriter.compact(body)))
            .build();
    HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
    try {
      // The request's own time ends with the head of the answer.
      return read(
          client
              .sendAsync(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), MAX_BYTES))
              .get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS));
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      throw new CommandException(
          cause instanceof ConnectException
              ? "kvstore: cannot reach etcd at " + address
              : "kvstore: etcd at " + address + ": " + (cause == null ? e : cause).getMessage(),
          e);
    } catch (TimeoutException e) {
      throw new CommandException(
          "kvstore: etcd at " + address + ": no answer within " + PATIENCE.toSeconds() + " s", e);
    } catch (IOException e) {
      throw new CommandException("kvstore: etcd at " + address + ": " + e.getMessage(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandException("kvstore: interrupted", e);
    } finally {
      client.shutdownNow();
    }
  }

  private static Json read(HttpResponse<byte[]> answer) throws IOException {
    String text = new String(answer.body(), StandardCharsets.UTF_8);
    Json json;
    try {
      json = JsonReader.parse(text);
    } catch (IllegalArgumentException e) {
      throw new IOException("it does not answer as etcd does (status " + answer.statusCode() + ")");
    }
    if (!(json instanceof Json.Obj)) {
      throw new IOException("it does not answer as etcd does");
    }
    if (answer.statusCode() != 200) {
      String reason = TextTable.clean(json.get("error").text("status " + answer.statusCode()));
      throw new IOException(reason.substring(0, Math.min(reason.length(), MAX_REASON_CHARS)));
    }
    return json;
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Json base64(byte[] bytes) {
    return Json.of(Base64.getEncoder().encodeToString(bytes));
  }

  private static byte[] bytes(Json base64) throws IOException {
    try {
      return Base64.getDecoder().decode(base64.text());
    } catch (IllegalArgumentException e) {
      throw new IOException("it does not answer as etcd does", e);
    }
  }

  private static long number(Json text) throws IOException {
    try {
      return Long.parseLong(text.text("0"));
    } catch (NumberFormatException e) {
      throw new IOException("it does not answer as etcd does", e);
    }
  }
}
