// SPDX-License-Identifier: Apache-2.0

/** The proxies that decide each HTTP request and each question to DNS of a redirected flow. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.datapath.proxy {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.core;
  // For the filters inside of programs, which have these where they use them.
  requires static transitive jdk.httpserver;
  requires io.netty.buffer;
  requires io.netty.codec;
  requires io.netty.codec.http;
  requires io.netty.codec.http2;
  requires io.netty.common;
  requires io.netty.handler;
  requires transitive io.netty.transport;
  requires io.netty.transport.classes.epoll;
  requires io.netty.transport.unix.common;
  requires org.slf4j;

  exports io.cilium4j.datapath.proxy;
}
