// SPDX-License-Identifier: Apache-2.0

/** Network policy: language, compiler, verdicts explained. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.policy {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.documents;
  requires org.slf4j;

  exports io.cilium4j.policy;
  exports io.cilium4j.policy.controller;
}
