// SPDX-License-Identifier: Apache-2.0

/** Pods, a policy and real packets. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.demo {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  requires io.cilium4j.agent;
  requires io.cilium4j.api;
  requires io.cilium4j.datapath;
  requires io.netty.buffer;
  requires io.netty.codec.http;
  requires io.netty.common;
  requires io.netty.transport;

  uses io.cilium4j.core.spi.DatapathProvider;

  provides io.cilium4j.core.spi.DatapathProvider with
      io.cilium4j.demo.AskedDatapathProvider;
}
