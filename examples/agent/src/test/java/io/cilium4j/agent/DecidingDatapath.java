// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.memory.MemoryDatapath;
import io.cilium4j.datapath.memory.MemoryDatapathProvider;
import io.cilium4j.datapath.memory.Origin;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The memory datapath without devices, which need privileges: what it decides of packets is the
 * real thing.
 */
final class DecidingDatapath implements DatapathProvider, Datapath {
  private final Set<Integer> devices = new HashSet<>();
  private @Nullable MemoryDatapath memory;
  private int flows;

  private MemoryDatapath memory() {
    if (memory == null) {
      throw new IllegalStateException("not open");
    }
    return memory;
  }

  /** Whether the first packet of a new TCP flow passes. */
  synchronized boolean passes(Endpoint from, Endpoint to, int port) {
    flows++;
    ByteBuffer frame = ByteBuffer.allocate(14 + 20 + 20);
    frame.putShort(12, (short) 0x0800);
    frame.put(14, (byte) 0x45).putShort(16, (short) 40).put(22, (byte) 64).put(23, (byte) 6);
    frame.put(26, v4(from)).put(30, v4(to));
    frame.putShort(34, (short) (10_000 + flows)).putShort(36, (short) port);
    frame.put(46, (byte) 0x50).put(47, (byte) 0x02);
    return memory().decide(frame, new Origin(from.device().hostIfindex())).passes();
  }

  private static byte[] v4(Endpoint endpoint) {
    return endpoint.addresses().stream().filter(IpAddress::isV4).findFirst().orElseThrow().bytes();
  }

  @Override
  public String name() {
    return "deciding";
  }

  @Override
  public Availability probe() {
    return new Availability(true, "a test");
  }

  @Override
  public synchronized Datapath open(Config config) {
    memory = new MemoryDatapathProvider().open(config);
    return this;
  }

  @Override
  public String description() {
    return "decides";
  }

  @Override
  public synchronized EndpointInterface connect(ConnectRequest request) {
    devices.add(request.endpointId());
    var mac = new MacAddress(request.endpointId());
    return new EndpointInterface(
        "t" + request.endpointId(), request.endpointId(), mac, mac, request.netns());
  }

  @Override
  public synchronized void disconnect(EndpointInterface device) {
    devices.remove(device.hostIfindex());
  }

  @Override
  public synchronized boolean holds(EndpointInterface device) {
    return devices.contains(device.hostIfindex());
  }

  @Override
  public Set<RowKind> rowKinds() {
    return memory().rowKinds();
  }

  @Override
  public void apply(List<Change<RowKey, Row>> changes) {
    memory().apply(changes);
  }

  @Override
  public void prune(RowKind kind, Set<RowKey> wanted) {
    memory().prune(kind, wanted);
  }

  @Override
  public Subscription subscribe(FlowSink sink) {
    return memory().subscribe(sink);
  }

  @Override
  public List<Traffic> traffic() {
    return memory().traffic();
  }

  @Override
  public Map<String, Long> counters() {
    return memory().counters();
  }

  @Override
  public void close() {
    memory().close();
  }

  @Override
  public void destroy() {
    memory().destroy();
  }
}
