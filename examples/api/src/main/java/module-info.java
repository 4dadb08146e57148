// SPDX-License-Identifier: Apache-2.0

/** The agent's REST API: its types, and a client. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.api {
  requires static transitive org.jspecify;
  requires transitive tools.jackson.databind;
  requires io.cilium4j.api.http;
  requires com.fasterxml.jackson.annotation;

  exports io.cilium4j.api;
  exports io.cilium4j.api.model;

  // Records are read and written by their components.
  opens io.cilium4j.api.model to
      tools.jackson.databind;
}
