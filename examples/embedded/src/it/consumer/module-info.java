// SPDX-License-Identifier: Apache-2.0

/** Somebody's program on the module path. */
module consumer {
  requires io.cilium4j.agent;
  requires io.cilium4j.datapath.proxy;
  requires io.cilium4j.policy;

  uses io.cilium4j.core.spi.DatapathProvider;
  uses io.cilium4j.core.spi.FlowSinkProvider;
  uses io.cilium4j.core.spi.IdentityBackendProvider;
  uses io.cilium4j.core.spi.IpamMode;
  uses io.cilium4j.core.spi.KubernetesSourceProvider;
}
