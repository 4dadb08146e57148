// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import java.net.InetSocketAddress;
import java.time.Clock;

/** The ways in which an address is tried; both may wait as long as the configured timeout. */
interface Probes {
  Probe icmp(IpAddress to);

  Probe http(IpAddress to);

  /** Over the network. */
  static Probes real(HealthConfig config, Clock clock) {
    boolean mayPing = Ping.isPermitted();
    return new Probes() {
      @Override
      public Probe icmp(IpAddress to) {
        return mayPing ? Ping.send(to, config.timeout(), clock) : new Probe.Unknown();
      }

      @Override
      public Probe http(IpAddress to) {
        var at = new InetSocketAddress(to.toInetAddress(), config.port());
        return HelloClient.get(at, config.timeout(), clock);
      }
    };
  }
}
