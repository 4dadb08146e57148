// SPDX-License-Identifier: Apache-2.0

/** Whole-system tests. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.it {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.agent;
  requires io.cilium4j.datapath;
}
