// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api;

import java.nio.charset.StandardCharsets;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JavaType;

/**
 * An answer of the agent.
 *
 * @param status the HTTP status
 * @param body what came with it; empty where nothing did
 */
@SuppressWarnings("ArrayRecordComponent") // Read once and compared by nobody.
public record ApiResponse(int status, byte[] body) {

  /** Longest part of an error's body that a message repeats, in characters. */
  private static final int MAX_REASON_CHARS = 1000;

  /** Whether the agent did what it was asked for, at least in part. */
  public boolean isSuccess() {
    return status >= 200 && status < 300;
  }

  /**
   * The body as a value.
   *
   * @throws ApiException if the agent refused, or the body is no such value
   */
  public <T> T as(Class<T> type) {
    return type.cast(read(ApiJson.mapper().constructType(type)));
  }

  /** As {@link #as}, of a list. */
  public <T> List<T> asListOf(Class<T> type) {
    var list = ApiJson.mapper().getTypeFactory().constructCollectionType(List.class, type);
    return ((List<?>) read(list)).stream().map(type::cast).toList();
  }

  private Object read(JavaType type) {
    orThrow();
    try {
      Object value = ApiJson.mapper().readValue(body, type);
      if (value == null) {
        throw new ApiException(status, "the agent answered null");
      }
      return value;
    } catch (JacksonException e) {
      throw new ApiException("the agent's answer: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * This answer, if it is a success.
   *
   * @throws ApiException with the agent's reason, if it is not
   */
  public ApiResponse orThrow() {
    if (!isSuccess()) {
      throw new ApiException(
          status, "status " + status + (body.length == 0 ? "" : ": " + reason()));
    }
    return this;
  }

  /** An error's body is a JSON text; whatever else stands there is told as it is. */
  private String reason() {
    String reason;
    try {
      var node = ApiJson.mapper().readTree(body);
      reason = node.isString() ? node.stringValue() : text();
    } catch (JacksonException _) {
      reason = text();
    }
    String line = reason.replaceAll("\\p{Cntrl}+", " ").strip();
    return line.length() > MAX_REASON_CHARS ? line.substring(0, MAX_REASON_CHARS) + "…" : line;
  }

  /** The body as it came. */
  public String text() {
    return new String(body, StandardCharsets.UTF_8);
  }
}
