// SPDX-License-Identifier: Apache-2.0

/** Network policies in JUnit tests. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.policy.test {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires transitive io.cilium4j.policy;
  requires transitive org.junit.jupiter.api;
  requires io.cilium4j.documents;

  exports io.cilium4j.policy.test;
}
