// SPDX-License-Identifier: Apache-2.0

/** Measurements of the whole and of its parts; {@code benchmarks/run} starts them. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.benchmarks {
  requires static transitive org.jspecify;
  requires io.cilium4j.core;
  requires io.cilium4j.datapath;
  requires io.cilium4j.datapath.observer;
  requires io.cilium4j.datapath.proxy;
  requires io.cilium4j.policy;
  requires io.netty.codec.http;
  requires jdk.management;
  requires jmh.core;

  uses io.cilium4j.core.spi.DatapathProvider;
}
