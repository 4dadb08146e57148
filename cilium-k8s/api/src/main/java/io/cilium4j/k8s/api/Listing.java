// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.k8s.api.ApiClient.Streamed;
import io.cilium4j.k8s.store.Json;
import java.io.IOException;
import java.time.Duration;
import java.util.TreeMap;
import java.util.function.Consumer;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.node.ObjectNode;

/** Reads the list of a kind's objects one object at a time, however many there are. */
final class Listing {

  /** How long the answer may be on its way, and how long it may pause. */
  static final Duration TIME = Duration.ofSeconds(60);

  /** Most objects that are asked for at once where the server reads them from its own store. */
  private static final int PAGE = 500;

  private Listing() {}

  /** What a list says of itself. */
  record Head(String version, String next) {}

  /**
   * Reads all objects as they are now: the server asks its own store.
   *
   * @param each told each object; may throw IllegalArgumentException
   * @throws IOException if it could not be read to its end
   */
  static void readLatest(ApiClient client, String path, Consumer<ObjectNode> each)
      throws IOException {
    String next = "";
    do {
      var query = new TreeMap<String, String>();
      query.put("limit", Integer.toString(PAGE));
      if (!next.isEmpty()) {
        query.put("continue", next);
      }
      try (Streamed stream = client.stream(path, query, TIME)) {
        next = read(stream, each).next();
      }
    } while (!next.isEmpty());
  }

  /**
   * Reads one list.
   *
   * @throws IOException if it could not be read to its end
   */
  static Head read(Streamed stream, Consumer<ObjectNode> each) throws IOException {
    ObjectNode head = Json.object();
    boolean isWhole;
    try (BoundedInput in = new BoundedInput(stream, TIME);
        JsonParser parser = ObjectTrees.parser(in)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        if (field.equals("metadata")) {
          head = ObjectTrees.object(parser);
        } else if (field.equals("items") && parser.currentToken() == JsonToken.START_ARRAY) {
          while (parser.nextToken() == JsonToken.START_OBJECT) {
            each.accept(ObjectTrees.object(parser));
            in.mark();
          }
        } else {
          parser.skipChildren();
        }
      }
      isWhole = parser.currentToken() == JsonToken.END_OBJECT;
    } catch (JacksonException e) {
      throw new IOException(ApiClient.reason(e), e);
    }
    String version = Json.text(head, "resourceVersion").orElse("");
    if (!isWhole || version.isEmpty()) {
      throw new IOException("the list ended too early");
    }
    return new Head(version, Json.text(head, "continue").orElse(""));
  }
}
