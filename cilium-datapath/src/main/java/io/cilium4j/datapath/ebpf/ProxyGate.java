// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.ebpf.ConntrackRecord.Side;
import io.cilium4j.datapath.net.FirstRedirect;
import io.cilium4j.datapath.net.ProxyDatagrams;
import io.cilium4j.datapath.net.ProxyNamespace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The proxy's namespace as proxies see it: their listeners stand in a map that the namespace's
 * socket look-up reads, and whose a connection is stands in conntrack.
 *
 * <p>Safe for use by several threads.
 */
final class ProxyGate implements ProxyPlace, AutoCloseable {

  /** Indices of {@code cilium_listeners}. */
  private static final int TCP4 = 0;

  private static final int TCP6 = 1;

  private static final int UDP4 = 2;

  private static final int UDP6 = 3;

  private final ProxyNamespace namespace;
  private final BpfProgram steer;
  private final BpfFs links;
  private final BpfMap<Integer, Long> listeners;
  private final List<BpfMap<ConntrackKey, ConntrackRecord>> flows = new ArrayList<>();
  private final FirstRedirect first = new FirstRedirect();

  /**
   * Gives the namespace its program.
   *
   * @param steer {@code cil_steer}
   */
  ProxyGate(ProxyNamespace namespace, BpfProgram steer, Pins pins) {
    this.namespace = namespace;
    this.steer = steer;
    this.links = pins.proxy();
    attach();
    this.listeners =
        BpfMap.openPinned(pins.maps().pin(KernelMaps.LISTENERS), Codec.u32(), Codec.u64());
    for (KernelMaps.FlowTable table : KernelMaps.FLOW_TABLES) {
      flows.add(table.open(pins.maps().folder()));
    }
  }

  /** Sees that the program is at its place; gives whether it was not. */
  boolean attach() {
    Path pin = links.pin(steer.name());
    if (Files.exists(pin)) {
      try (BpfLink link = BpfLink.openPinned(pin)) {
        link.update(steer);
        return false;
      } catch (BpfException e) {
        // Its namespace ended, or somebody detached it.
        links.remove(steer.name());
      }
    }
    try (BpfLink link = BpfLink.attachSocketLookup(steer, namespace.netns().path())) {
      link.pin(pin);
    }
    return true;
  }

  @Override
  public <S> S inside(Supplier<S> socket) {
    return namespace.netns().visit(socket);
  }

  @Override
  public void listen(IpFamily family, int descriptor) {
    try {
      listeners.put(family == IpFamily.IPV4 ? TCP4 : TCP6, (long) descriptor);
    } catch (BpfException e) {
      throw new DatapathException("descriptor " + descriptor + " as the proxy's listener: " + e, e);
    }
  }

  @Override
  public Subscription receive(IpFamily family, DatagramReceiver receiver) {
    ProxyDatagrams datagrams = inside(() -> ProxyDatagrams.open(family));
    try {
      listeners.put(family == IpFamily.IPV4 ? UDP4 : UDP6, (long) datagrams.descriptor());
    } catch (BpfException e) {
      datagrams.close();
      throw new DatapathException("the proxy's socket for datagrams: " + e, e);
    }
    datagrams.start(receiver);
    return datagrams;
  }

  @Override
  public void beforeFirstRedirect(Runnable action) {
    first.set(action);
  }

  /** Does what is to be done before the first redirect, if this batch brings it. */
  void prepareFor(List<Change<RowKey, Row>> changes) {
    if (first.isDueFor(changes)) {
      first.run();
    }
  }

  @Override
  public Optional<Proxied> find(int protocol, Address client, Address server) {
    boolean clientIsLow = compare(client, server) <= 0;
    Address low = clientIsLow ? client : server;
    Address high = clientIsLow ? server : client;
    var key = new ConntrackKey(low.address(), low.port(), high.address(), high.port(), protocol, 0);
    for (int i = 0; i < KernelMaps.FLOW_TABLES.size(); i++) {
      if (KernelMaps.FLOW_TABLES.get(i).family() == client.address().family()) {
        Optional<ConntrackRecord> record = flows.get(i).lookup(key);
        if (record.isPresent() && record.get().has(ConntrackRecord.PROXY)) {
          Party first = party(record.get().low());
          Party second = party(record.get().high());
          return Optional.of(clientIsLow ? new Proxied(first, second) : new Proxied(second, first));
        }
      }
    }
    return Optional.empty();
  }

  private static Party party(Side side) {
    return new Party(side.endpoint(), side.identity());
  }

  /** As {@code ct_key_of} orders the ends: by the bytes on the wire. */
  private static int compare(Address a, Address b) {
    int order = a.address().compareTo(b.address());
    return order != 0 ? order : Integer.compare(a.port(), b.port());
  }

  @Override
  public void close() {
    listeners.close();
    flows.forEach(BpfMap::close);
  }
}
