// SPDX-License-Identifier: Apache-2.0

/** HTTP requests over a UNIX socket. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.api.http {
  requires static transitive org.jspecify;

  exports io.cilium4j.api.http;
}
