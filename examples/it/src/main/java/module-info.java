// SPDX-License-Identifier: Apache-2.0

/** Whole-system tests. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.it {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.agent;
  requires io.cilium4j.cni;
  // What tests start as a process of its own.
  requires io.cilium4j.cli;
  requires io.cilium4j.daemon;
  requires io.cilium4j.operator;
  // What the tests drive part by part.
  requires io.cilium4j.datapath;
  requires io.cilium4j.datapath.observer;
  requires io.cilium4j.documents;
  requires io.cilium4j.k8s.api;
  requires io.cilium4j.policy;

  // A pod's server.
  requires jdk.httpserver;

  uses io.cilium4j.core.spi.ClusterStoreProvider;
  uses io.cilium4j.core.spi.DatapathProvider;
}
