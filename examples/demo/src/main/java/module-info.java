// SPDX-License-Identifier: Apache-2.0

/** Pods, a policy and real packets. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.demo {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
}
