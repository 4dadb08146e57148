// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.net.FirstRedirect;
import io.cilium4j.datapath.net.Nft;
import io.cilium4j.datapath.net.ProxyDatagrams;
import io.cilium4j.datapath.net.ProxyNamespace;
import io.cilium4j.datapath.net.ProxySteering;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The proxy's namespace as proxies see it. It is made when it is first needed; whose a connection
 * is stands in conntrack.
 *
 * <p>Safe for use by several threads.
 */
final class MemoryProxy implements ProxyPlace {

  private final Nft nft;
  private final Supplier<ProxyNamespace> maker;
  private final PacketDecider decider;
  private final FirstRedirect first = new FirstRedirect();
  private @Nullable Room room;

  private record Room(ProxyNamespace namespace, ProxySteering steering) {}

  /**
   * @param maker makes the namespace, or gives the one that there is
   */
  MemoryProxy(Nft nft, Supplier<ProxyNamespace> maker, PacketDecider decider) {
    this.nft = nft;
    this.maker = maker;
    this.decider = decider;
  }

  private synchronized Room room() {
    Room present = room;
    if (present == null) {
      ProxyNamespace namespace = maker.get();
      present = new Room(namespace, new ProxySteering(nft, namespace));
      room = present;
    }
    return present;
  }

  @Override
  public <S> S inside(Supplier<S> socket) {
    return room().namespace.netns().visit(socket);
  }

  @Override
  public void listen(IpFamily family, int descriptor) {
    room().steering.lead(Protocol.TCP, family, LibC.boundPort(descriptor));
  }

  @Override
  public Subscription receive(IpFamily family, DatagramReceiver receiver) {
    ProxyDatagrams datagrams = inside(() -> ProxyDatagrams.open(family));
    try {
      room().steering.lead(Protocol.UDP, family, LibC.boundPort(datagrams.descriptor()));
    } catch (RuntimeException e) {
      datagrams.close();
      throw e;
    }
    datagrams.start(receiver);
    return datagrams;
  }

  @Override
  public void beforeFirstRedirect(Runnable action) {
    first.set(action);
  }

  /**
   * Does what is to be done before the first redirect, if this batch brings it. What is done may
   * wait for other threads, which come here: nothing may be locked.
   */
  void prepareFor(List<Change<RowKey, Row>> changes) {
    if (first.isDueFor(changes)) {
      room();
      first.run();
    }
  }

  @Override
  public Optional<Proxied> find(int protocol, Address client, Address server) {
    return decider.proxied(protocol, client, server);
  }
}
