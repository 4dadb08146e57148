// SPDX-License-Identifier: Apache-2.0

/** Addresses for endpoints. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.ipam {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires org.slf4j;

  exports io.cilium4j.ipam;

  provides io.cilium4j.core.spi.IpamMode with
      io.cilium4j.ipam.ClusterPoolMode,
      io.cilium4j.ipam.KubernetesMode,
      io.cilium4j.ipam.MultiPoolMode,
      io.cilium4j.ipam.StaticMode;
}
