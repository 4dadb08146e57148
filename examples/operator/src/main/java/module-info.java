// SPDX-License-Identifier: Apache-2.0

/** The operator of a cluster. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.operator {
  requires static transitive org.jspecify;
  requires io.cilium4j.core;
  requires io.cilium4j.identity;
  requires io.cilium4j.ipam;
  requires io.cilium4j.k8s;
  requires io.cilium4j.k8s.api;
  requires io.cilium4j.policy;
  requires jdk.httpserver;
  requires org.slf4j;

  uses io.cilium4j.core.spi.ClusterStoreProvider;
}
