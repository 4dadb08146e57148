// SPDX-License-Identifier: Apache-2.0

/** Flows for Hubble's clients. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.datapath.observer {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.datapath;
  requires com.google.protobuf;
  requires com.google.protobuf.util;
  requires io.grpc;
  requires io.grpc.netty;
  requires io.grpc.protobuf;
  requires io.grpc.stub;
  requires io.netty.buffer;
  requires io.netty.common;
  requires io.netty.handler;
  requires io.netty.transport;
  requires org.slf4j;

  // gRPC and protobuf have no descriptor that says that they need these.
  requires com.google.common;
  requires com.google.gson;
  requires io.netty.codec.http2;

  exports io.cilium4j.datapath.observer;

  // Fields are read by name where filters and masks name them.
  exports io.cilium4j.datapath.observer.proto to
      com.google.protobuf;
}
