// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.proxy;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.datapath.proxy.ProxyNetwork;
import java.util.function.Supplier;

/**
 * The network to which a datapath leads redirected connections.
 *
 * @param place the datapath's
 */
public record PlaceNetwork(ProxyPlace place) implements ProxyNetwork {
  @Override
  public <S> S inside(Supplier<S> socket) {
    return place.inside(socket);
  }

  @Override
  public boolean isTransparent() {
    return true;
  }

  @Override
  public void listen(String listener, IpFamily family, int descriptor) {
    place.listen(family, descriptor);
  }
}
