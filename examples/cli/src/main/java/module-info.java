// SPDX-License-Identifier: Apache-2.0

/** The cilium command. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.cli {
  requires static transitive org.jspecify;
  requires io.cilium4j.api.http;
  requires io.cilium4j.core;
  requires io.cilium4j.datapath;
  requires io.cilium4j.documents;
  requires io.cilium4j.k8s;
  requires io.cilium4j.policy;
  requires java.net.http;
}
