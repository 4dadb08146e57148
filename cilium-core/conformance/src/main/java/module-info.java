// SPDX-License-Identifier: Apache-2.0

/** Kits that any implementation of a seam must pass. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.conformance {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires transitive org.junit.jupiter.api;
  requires transitive org.junit.jupiter.params;

  exports io.cilium4j.conformance;

  uses io.cilium4j.core.spi.ClusterStoreProvider;
  uses io.cilium4j.core.spi.DatapathProvider;
  uses io.cilium4j.core.spi.FlowSinkProvider;
  uses io.cilium4j.core.spi.IdentityBackendProvider;
  uses io.cilium4j.core.spi.IpamMode;
  uses io.cilium4j.core.spi.KubernetesSourceProvider;

  provides io.cilium4j.core.spi.ClusterStoreProvider with
      io.cilium4j.conformance.MemoryClusterStoreProvider;
}
