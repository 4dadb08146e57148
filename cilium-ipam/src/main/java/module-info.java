// SPDX-License-Identifier: Apache-2.0

/** Addresses for endpoints. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.ipam {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires org.slf4j;
}
