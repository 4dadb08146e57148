// SPDX-License-Identifier: Apache-2.0

/** The CNI protocol, and the executable that forwards a container runtime's calls. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.cni {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.documents;
  requires org.slf4j;

  exports io.cilium4j.cni;
}
