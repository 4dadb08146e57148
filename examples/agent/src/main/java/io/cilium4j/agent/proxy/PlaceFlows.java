// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.proxy;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.ProxyPlace.Address;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.proxy.Check;
import io.cilium4j.datapath.proxy.FlowResolver;
import io.cilium4j.datapath.proxy.ProxiedFlow;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Whose a flow is, as the datapath decided it. The policy of each end that is an endpoint of this
 * node is asked: a side whose rules say nothing of requests lets all of them through.
 *
 * @param place the datapath's
 * @param protocol TCP or UDP
 */
public record PlaceFlows(ProxyPlace place, Protocol protocol) implements FlowResolver {

  @Override
  public Optional<ProxiedFlow> resolve(InetSocketAddress client, InetSocketAddress server) {
    return place
        .find(protocol.number(), address(client), address(server))
        .filter(ends -> ends.client().endpoint() != 0 || ends.server().endpoint() != 0)
        .map(ends ->
            new ProxiedFlow(
                client,
                server,
                ends.client().identity(),
                ends.server().identity(),
                checks(ends, server.getPort())));
  }

  private List<Check> checks(Proxied ends, int port) {
    List<Check> checks = new ArrayList<>(2);
    if (ends.client().endpoint() != 0) {
      checks.add(
          new Check(
              ends.client().endpoint(),
              TrafficDirection.EGRESS,
              ends.server().identity(),
              protocol.number(),
              port));
    }
    if (ends.server().endpoint() != 0) {
      checks.add(
          new Check(
              ends.server().endpoint(),
              TrafficDirection.INGRESS,
              ends.client().identity(),
              protocol.number(),
              port));
    }
    return checks;
  }

  /** As sockets have it. */
  public static InetSocketAddress socketAddress(Address address) {
    return new InetSocketAddress(address.address().toInetAddress(), address.port());
  }

  private static Address address(InetSocketAddress address) {
    return new Address(IpAddress.of(address.getAddress()), address.getPort());
  }
}
