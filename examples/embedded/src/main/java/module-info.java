// SPDX-License-Identifier: Apache-2.0

/** Cilium4j as a dependency: small programs that show how to use the library. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.embedded {
  requires static transitive org.jspecify;
  requires io.cilium4j.agent;
  requires io.cilium4j.datapath;
  requires io.cilium4j.datapath.proxy;
  requires io.cilium4j.policy;
  requires jdk.httpserver;
}
