// SPDX-License-Identifier: Apache-2.0

/** The HTTP proxy that decides each request of a redirected connection. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.datapath.proxy {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;

  exports io.cilium4j.datapath.proxy;
}
