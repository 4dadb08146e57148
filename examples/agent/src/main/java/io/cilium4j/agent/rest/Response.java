// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import io.cilium4j.api.ApiJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** What an operation answers. */
sealed interface Response {

  int OK = 200;
  int CREATED = 201;

  /** The HTTP status. */
  int status();

  /** What the body is. */
  Type type();

  /** What a body is: by it clients choose how to read it. */
  enum Type {
    JSON("application/json"),
    /** Whatever a client hands on without reading it. */
    BYTES("application/octet-stream");

    private final String mediaType;

    Type(String mediaType) {
      this.mediaType = mediaType;
    }

    String mediaType() {
      return mediaType;
    }
  }

  /**
   * An answer as a whole; an empty body is none.
   *
   * @param ifLost done where the client is gone before the answer
   */
  @SuppressWarnings("ArrayRecordComponent") // Written once and compared by nobody.
  record Whole(int status, Type type, byte[] body, Runnable ifLost) implements Response {
    Whole(int status, Type type, byte[] body) {
      this(status, type, body, () -> {});
    }

    /** This answer, with something that is done where the client is gone before it. */
    Whole ifLost(Runnable task) {
      return new Whole(status, type, body, task);
    }
  }

  /** An answer that comes in pieces, as long as somebody reads it. */
  record Pieces(int status, Type type, Producer producer) implements Response {}

  /** Makes the pieces; runs until it has no more, or the reader is gone. */
  interface Producer {
    void produce(Sink sink) throws IOException, InterruptedException;
  }

  /** Where pieces go. */
  interface Sink {
    /** Sends a piece; waits until the reader took it, and fails when he does not. */
    void write(byte[] piece) throws IOException;

    /** Whether anybody still reads. */
    boolean isOpen();
  }

  /** A value. */
  static Whole json(int status, Object value) {
    return new Whole(status, Type.JSON, ApiJson.mapper().writeValueAsBytes(value));
  }

  /** A value, and all is well. */
  static Response ok(Object value) {
    return json(OK, value);
  }

  /** JSON that is written already. */
  static Response text(String json) {
    return new Whole(OK, Type.JSON, json.getBytes(StandardCharsets.UTF_8));
  }

  /** All is well, and there is nothing to say. */
  static Response done() {
    return empty(OK);
  }

  /** A status alone. */
  static Whole empty(int status) {
    return new Whole(status, Type.JSON, new byte[0]);
  }

  /** An error: a JSON text, or nothing where there is none. */
  static Whole error(int status, String text) {
    return text.isEmpty() ? empty(status) : json(status, text);
  }
}
