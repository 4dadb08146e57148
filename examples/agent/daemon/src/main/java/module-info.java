// SPDX-License-Identifier: Apache-2.0

/** The agent as a daemon. */
@org.jspecify.annotations.NullMarked
module io.cilium4j.daemon {
  requires static transitive org.jspecify;
  requires io.cilium4j.agent;
  requires io.cilium4j.cni;
  requires io.cilium4j.core;
  requires io.cilium4j.datapath.observer;
  requires io.cilium4j.ipam;
  requires io.cilium4j.k8s;
  requires io.cilium4j.k8s.api;
  requires io.cilium4j.policy;
  requires jdk.httpserver;
  requires micrometer.core;
  requires micrometer.registry.prometheus;
  requires io.prometheus.metrics.model;
  requires org.slf4j;
  requires tools.jackson.databind;
  requires tools.jackson.dataformat.yaml;

  uses io.cilium4j.core.spi.ClusterStoreProvider;

  provides org.slf4j.spi.SLF4JServiceProvider with
      io.cilium4j.daemon.log.LogProvider;
}
