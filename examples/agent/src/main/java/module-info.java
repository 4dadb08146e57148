// SPDX-License-Identifier: Apache-2.0

/** The agent of one node. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.agent {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires org.slf4j;
  requires io.cilium4j.datapath;
  requires io.cilium4j.identity;
  requires io.cilium4j.ipam;
  requires io.cilium4j.k8s;
  requires io.cilium4j.policy;
}
