// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.memory.EndRewriter.Checksum;
import io.cilium4j.datapath.net.FrameBatch;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.PacketSocket;
import io.cilium4j.datapath.net.Poller;
import io.cilium4j.datapath.net.ProxyNamespace;
import io.cilium4j.datapath.net.TunnelSocket;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves frames between devices, in a thread of its own: reads them from whichever device has some,
 * has each decided, and writes it to the device that the decision names. A frame goes on as it
 * came, unfinished checksum and many segments in one included; only Ethernet addresses, the hop
 * limit and the ends of what is a service's change, in place.
 *
 * <p>The thread holds this object's lock while it carries one batch, so that {@link #attach} and
 * {@link #detach} never close a socket under it.
 */
final class Forwarder implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Forwarder.class);

  /** Frames read at one go: enough to spread the cost of a call, few enough to be fair. */
  private static final int BATCH_FRAMES = 64;

  /** How long the thread sleeps at most when nothing comes. */
  private static final long POLL_MILLIS = 60_000;

  private static final long NANOS_PER_MILLI = 1_000_000;

  /** The poller's token of the tunnel: no device has this index. */
  private static final long TUNNEL = 1L << 32;

  /**
   * A device's socket and what its frames stand for.
   *
   * @param mtuBytes the largest packet that it takes
   */
  private record Port(PacketSocket socket, Origin origin, int mtuBytes) {}

  private final PacketDecider decider;

  /** The way to the node's stack; guarded by this once the thread runs. */
  private MacAddress stackMac;

  private PacketSocket stack;
  private int stackIfindex;
  private final Poller poller;
  private final FrameBatch batch = new FrameBatch(BATCH_FRAMES);
  private final ByteBuffer view = batch.memory().asByteBuffer();
  private final Map<Integer, Port> ports = new HashMap<>();
  private final AtomicLong undeliverable = new AtomicLong();
  private final AtomicLong unproxied = new AtomicLong();
  private final @Nullable TunnelSocket tunnel;

  /** The device that leads to the proxy, and the station behind it; guarded by this. */
  private int proxyIfindex;

  private MacAddress proxyMac = new MacAddress(0);
  private final Thread thread;
  private volatile boolean closing;

  /**
   * Starts to forward; there is no pod yet.
   *
   * @param decider says where each frame goes
   * @param devices the way to the node's stack
   * @param tunnel the way to other nodes, if it is one; the forwarder closes it
   */
  Forwarder(
      String instance, PacketDecider decider, NodeDevices devices, @Nullable TunnelSocket tunnel) {
    this.decider = decider;
    this.tunnel = tunnel;
    this.stackMac = devices.host().mac();
    this.poller = new Poller();
    this.stack = PacketSocket.open(devices.net().index());
    this.stackIfindex = devices.net().index();
    ports.put(stackIfindex, new Port(stack, Origin.NODE, NodeDevices.MAX_MTU_BYTES));
    poller.add(stack, devices.net().index());
    if (tunnel != null) {
      poller.add(tunnel, TUNNEL);
    }
    this.thread =
        Thread.ofPlatform().name(instance + "-forwarder").daemon().unstarted(this::forward);
    thread.start();
  }

  /**
   * Reads a pod's device from now on; no change if it is read already.
   *
   * @param mtuBytes the largest packet that it takes
   */
  synchronized void attach(int ifindex, int mtuBytes) {
    if (closing || ports.containsKey(ifindex)) {
      return;
    }
    PacketSocket socket = PacketSocket.open(ifindex);
    try {
      poller.add(socket, ifindex);
    } catch (RuntimeException e) {
      socket.close();
      throw e;
    }
    ports.put(ifindex, new Port(socket, new Origin(ifindex), mtuBytes));
  }

  /** Hands packets to the proxy, and reads what it sends, from now on. */
  synchronized void attachProxy(ProxyNamespace proxy) {
    Link device = proxy.link();
    attach(device.index(), device.mtuBytes());
    ports.computeIfPresent(
        device.index(), (_, port) -> new Port(port.socket, Origin.PROXY, port.mtuBytes));
    proxyIfindex = device.index();
    proxyMac = proxy.inside();
  }

  /** A device takes larger or smaller packets from now on; no error if it is not read. */
  synchronized void setMtu(int ifindex, int mtuBytes) {
    ports.computeIfPresent(ifindex, (_, port) -> new Port(port.socket, port.origin, mtuBytes));
  }

  /** The way to the node's stack is another pair of devices by now; no change if it is not. */
  synchronized void moveStack(NodeDevices devices) {
    int ifindex = devices.net().index();
    if (closing || ports.containsKey(ifindex)) {
      return;
    }
    PacketSocket socket = PacketSocket.open(ifindex);
    try {
      poller.add(socket, ifindex);
    } catch (RuntimeException e) {
      socket.close();
      throw e;
    }
    detach(stackIfindex);
    stack = socket;
    stackMac = devices.host().mac();
    stackIfindex = ifindex;
    ports.put(ifindex, new Port(socket, Origin.NODE, NodeDevices.MAX_MTU_BYTES));
  }

  /** Whether a device is read. */
  synchronized boolean isAttached(int ifindex) {
    return ports.containsKey(ifindex);
  }

  /** Lets go of a pod's device; no error if it is not read. */
  synchronized void detach(int ifindex) {
    Port port = ports.remove(ifindex);
    if (port != null) {
      poller.remove(port.socket);
      port.socket.close();
    }
  }

  /** Frames that passed but that the receiver's device did not take. */
  long undeliverable() {
    return undeliverable.get();
  }

  /** Frames dropped because they need a proxy, and there is no way to one. */
  long unproxied() {
    return unproxied.get();
  }

  @Override
  public void close() {
    closing = true;
    poller.wakeUp();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    synchronized (this) {
      ports.values().forEach(port -> port.socket.close());
      ports.clear();
      if (tunnel != null) {
        tunnel.close();
      }
      poller.close();
      batch.close();
    }
  }

  private void forward() {
    while (!closing) {
      long untilSweep = decider.sweep() / NANOS_PER_MILLI;
      int ready = poller.poll((int) Math.min(untilSweep, POLL_MILLIS));
      for (int i = 0; i < ready; i++) {
        if (poller.token(i) == TUNNEL) {
          forwardFromTunnel();
          continue;
        }
        int ifindex = (int) poller.token(i);
        try {
          forwardFrom(ifindex);
        } catch (RuntimeException e) {
          // One device must not stop the others, nor keep the thread busy with its failure.
          LOG.warn("a device is no longer forwarded ifindex={}", ifindex, e);
          detach(ifindex);
        }
      }
    }
  }

  /** Carries one batch. Frames in a row to the same device leave with one call. */
  private synchronized void forwardFrom(int ifindex) {
    Port port = ports.get(ifindex);
    if (port == null) {
      return;
    }
    Origin origin = port.origin;
    forward(port.socket.receive(batch), _ -> origin);
  }

  private synchronized void forwardFromTunnel() {
    if (tunnel != null) {
      TunnelSocket from = tunnel;
      forward(from.receive(batch), i -> Origin.ofTunnel(from.sender(i), from.key(i)));
    }
  }

  private void forward(int count, IntFunction<Origin> origins) {
    int first = 0;
    PacketSocket receiver = null;
    for (int i = 0; i < count; i++) {
      PacketSocket next = prepare(i, origins.apply(i));
      if (next != receiver) {
        send(receiver, first, i);
        receiver = next;
        first = i;
      }
    }
    send(receiver, first, count);
  }

  private void send(@Nullable PacketSocket receiver, int first, int end) {
    if (receiver != null) {
      int lost = end - first - receiver.send(batch, first, end);
      if (lost > 0) {
        undeliverable.addAndGet(lost);
      }
    }
  }

  /** Decides a frame and readies it for its receiver; null where it goes no further. */
  private @Nullable PacketSocket prepare(int index, Origin origin) {
    int length = batch.length(index);
    if (length == 0) {
      undeliverable.incrementAndGet();
      return null;
    }
    int start = (int) batch.offset(index);
    view.limit(start + length).position(start);
    Checksum checksum = batch.hasPartialChecksum(index) ? Checksum.OF_ADDRESSES : Checksum.WHOLE;
    return switch (decider.decide(view, batch.kind(index), checksum, origin)) {
      case Decision.ToEndpoint(Endpoint endpoint, boolean routed) ->
          deliver(index, endpoint, routed);
      case Decision.ToStack() -> deliverToStack();
      case Decision.ToNode to -> {
        if (to.routed()) {
          FrameRewriter.decrementHopLimit(view);
        }
        if (tunnel == null || !tunnel.send(batch, view, index, to.node(), to.identity())) {
          undeliverable.incrementAndGet();
        }
        yield null;
      }
      case Decision.ToProxy(int _) -> deliverToProxy();
      case Decision.Drop drop -> drop.refusal().map(answer -> refuse(index, answer)).orElse(null);
    };
  }

  /** Puts an answer in the place of the frame. */
  private @Nullable PacketSocket refuse(int index, Refusal answer) {
    Endpoint sender = answer.receiver();
    Port port = ports.get(sender.device().hostIfindex());
    byte[] frame = answer.frame();
    batch.put(index, frame, frame.length);
    FrameRewriter.readdress(view, sender.device().podMac(), sender.device().hostMac());
    return port == null ? null : port.socket;
  }

  private @Nullable PacketSocket deliverToProxy() {
    Port port = ports.get(proxyIfindex);
    if (port == null) {
      unproxied.incrementAndGet();
      return null;
    }
    FrameRewriter.readdress(view, proxyMac, proxyMac);
    return port.socket;
  }

  private PacketSocket deliverToStack() {
    FrameRewriter.readdress(view, stackMac, stackMac);
    return stack;
  }

  private @Nullable PacketSocket deliver(int index, Endpoint endpoint, boolean routed) {
    Port port = ports.get(endpoint.device().hostIfindex());
    if (port == null) {
      undeliverable.incrementAndGet();
      return null;
    }
    if (routed) {
      if (batch.packetBytes(index) > port.mtuBytes) {
        // A router answers that; the node's stack is that router, and its route tells the size.
        return deliverToStack();
      }
      FrameRewriter.decrementHopLimit(view);
    }
    FrameRewriter.readdress(view, endpoint.device().podMac(), endpoint.device().hostMac());
    return port.socket;
  }
}
