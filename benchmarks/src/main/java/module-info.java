// SPDX-License-Identifier: Apache-2.0

/** Measurements. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.benchmarks {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
}
