// SPDX-License-Identifier: Apache-2.0

/** The agent of one node. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.agent {
  requires static transitive org.jspecify;
  requires transitive io.cilium4j.api;
  requires transitive io.cilium4j.cni;
  requires transitive io.cilium4j.core;
  requires transitive io.cilium4j.datapath.proxy;
  requires transitive io.cilium4j.policy;
  requires transitive io.cilium4j.service;
  requires io.cilium4j.documents;
  requires transitive io.cilium4j.identity;
  requires io.netty.buffer;
  requires io.netty.codec;
  requires io.netty.codec.http;
  requires io.netty.common;
  requires io.netty.handler;
  requires io.netty.transport;
  requires jdk.net;
  requires org.slf4j;
  requires tools.jackson.databind;
  // Found by ServiceLoader; named here so that whoever has the agent has one of each.
  requires transitive io.cilium4j.datapath;
  requires transitive io.cilium4j.ipam;
  requires io.cilium4j.k8s;

  exports io.cilium4j.agent;
  exports io.cilium4j.agent.cluster;
  exports io.cilium4j.agent.rest;

  // Records that stand in files of its state.
  opens io.cilium4j.agent.state to
      tools.jackson.databind;

  uses io.cilium4j.core.spi.DatapathProvider;
  uses io.cilium4j.core.spi.FlowSinkProvider;
  uses io.cilium4j.core.spi.IdentityBackendProvider;
  uses io.cilium4j.core.spi.IpamMode;
  uses io.cilium4j.core.spi.KubernetesSourceProvider;
}
