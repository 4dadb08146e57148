// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.k8s.store.Json;
import tools.jackson.databind.node.ObjectNode;

/** Reads the answers of an API server that are no object of ours. */
final class Answers {
  private Answers() {}

  /**
   * What a {@code Status} says in words.
   *
   * @throws IllegalArgumentException if it is none
   */
  static String message(byte[] body) {
    return message(Json.parse(body));
  }

  static String message(ObjectNode status) {
    return Json.text(status, "message").orElse("");
  }

  /** The code of a {@code Status}. */
  static int code(ObjectNode status) {
    return Json.number(status, "code").orElse(0);
  }
}
