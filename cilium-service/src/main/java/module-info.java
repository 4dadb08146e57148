// SPDX-License-Identifier: Apache-2.0

/** Services: who has which frontend, and what stands behind it. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.service {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.documents;
  requires org.slf4j;

  exports io.cilium4j.service;
}
