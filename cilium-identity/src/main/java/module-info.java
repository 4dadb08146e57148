// SPDX-License-Identifier: Apache-2.0

/** Labels to identities, addresses to identities. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.identity {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires org.slf4j;
  requires tools.jackson.core;

  exports io.cilium4j.identity;

  provides io.cilium4j.core.spi.IdentityBackendProvider with
      io.cilium4j.identity.ClusterIdentityBackendProvider,
      io.cilium4j.identity.MemoryIdentityBackendProvider;
}
