// SPDX-License-Identifier: Apache-2.0

/** The nouns of the system, its state tables and its seams. */
@org.jspecify.annotations.NullMarked
@SuppressWarnings("module") // The modules that re2j is exported to are compiled after this one.
module io.cilium4j.core {
  requires static transitive org.jspecify;
  requires org.slf4j;

  exports io.cilium4j.core;
  exports io.cilium4j.core.cluster;
  exports io.cilium4j.core.metrics;
  exports io.cilium4j.core.service;
  exports io.cilium4j.core.spi;
  exports io.cilium4j.core.state;
  // No API: for the modules that speak TLS.
  exports io.cilium4j.core.tls to
      io.cilium4j.datapath.observer,
      io.cilium4j.k8s.api;
  // Not ours, and no API: for the modules that match what users wrote.
  exports io.cilium4j.core.re2j to
      io.cilium4j.datapath.observer,
      io.cilium4j.identity,
      io.cilium4j.policy;

  uses io.cilium4j.core.spi.DatapathProvider;
}
