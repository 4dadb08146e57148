// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpFamily;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The flows that were allowed, each with the epoch of its verdict. The flow used least recently
 * makes room for a new one. Whoever opens many flows thus makes others ask the policy again, and
 * their replies wait for the initiator's next packet; no verdict changes by it.
 *
 * <p>A flow's key is its two ends, an end being (address, port), and its protocol. The ends stand
 * in numerical order, so that both directions have the same key: the smaller one is {@code A}. For
 * ICMP echo both ports are the identifier, for other ICMP they are 0 and the type.
 *
 * <p>Not safe for use by several threads: {@link PacketDecider} holds its lock.
 */
final class Conntrack {

  /** What stands at an end: this, or the index of an endpoint's device. */
  static final int STACK = 0;

  private static final long SECOND_NANOS = 1_000_000_000L;

  /** A TCP connection both sides of which were heard: a little over two hours of silence. */
  static final long ESTABLISHED_NANOS = 8000 * SECOND_NANOS;

  /** A flow of another protocol, or a connection that was not answered yet. */
  static final long SHORT_NANOS = 60 * SECOND_NANOS;

  /** A connection that was closed or reset: time for its last segments. */
  static final long CLOSING_NANOS = 10 * SECOND_NANOS;

  private static final long[] MULTIPLIERS = new SecureRandom().longs(5).map(n -> n | 1).toArray();

  /** The key; mutable, so that a look-up can use one object for all packets. */
  private static final class Key {
    long highA;
    long lowA;
    long highB;
    long lowB;

    /** Both ports and the protocol: A's in bits 39 to 24, B's in 23 to 8. */
    long portsAndProtocol;

    /** Takes the packet's key; true where the packet's source is end A. */
    boolean set(Packet packet) {
      boolean sourceIsA = sourceIsSmaller(packet);
      int portA = sourceIsA ? packet.sourcePort : packet.destinationPort;
      int portB = sourceIsA ? packet.destinationPort : packet.sourcePort;
      highA = sourceIsA ? packet.sourceHigh : packet.destinationHigh;
      lowA = sourceIsA ? packet.sourceLow : packet.destinationLow;
      highB = sourceIsA ? packet.destinationHigh : packet.sourceHigh;
      lowB = sourceIsA ? packet.destinationLow : packet.sourceLow;
      portsAndProtocol = ((long) portA << 24) | ((long) portB << 8) | packet.protocol;
      return sourceIsA;
    }

    private static boolean sourceIsSmaller(Packet packet) {
      int order = Long.compareUnsigned(packet.sourceHigh, packet.destinationHigh);
      if (order == 0) {
        order = Long.compareUnsigned(packet.sourceLow, packet.destinationLow);
      }
      return order == 0 ? packet.sourcePort <= packet.destinationPort : order < 0;
    }

    Key copy() {
      Key copy = new Key();
      copy.highA = highA;
      copy.lowA = lowA;
      copy.highB = highB;
      copy.lowB = lowB;
      copy.portsAndProtocol = portsAndProtocol;
      return copy;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Key that
          && portsAndProtocol == that.portsAndProtocol
          && lowA == that.lowA
          && lowB == that.lowB
          && highA == that.highA
          && highB == that.highB;
    }

    /**
     * Multiply-shift with multipliers that nobody outside knows: peers choose addresses and ports,
     * and could otherwise choose them so that all land in one bucket.
     */
    @Override
    public int hashCode() {
      long sum = highA * MULTIPLIERS[0] + lowA * MULTIPLIERS[1];
      sum += highB * MULTIPLIERS[2] + lowB * MULTIPLIERS[3];
      sum += portsAndProtocol * MULTIPLIERS[4];
      return (int) (sum >>> 32);
    }
  }

  /** A flow that was allowed. */
  static final class Flow {
    /** The epoch of the verdict. */
    long epoch;

    /** The port of the proxy that the flow goes through, 0 for none. */
    int proxyPort;

    private int deviceA;
    private int deviceB;

    /** Whether end A sent the first packet. */
    final boolean initiatorIsA;

    /** What policy is asked for: the responder's port, or the ICMP type of the first packet. */
    final int policyPort;

    private long expiresNanos;
    private boolean answered;
    private boolean finA;
    private boolean finB;
    private boolean reset;

    private Flow(int deviceA, int deviceB, boolean initiatorIsA, int policyPort) {
      this.deviceA = deviceA;
      this.deviceB = deviceB;
      this.initiatorIsA = initiatorIsA;
      this.policyPort = policyPort;
    }

    /** The device at an end, or {@link #STACK}. */
    int device(boolean endA) {
      return endA ? deviceA : deviceB;
    }

    void setDevice(boolean endA, int device) {
      if (endA) {
        deviceA = device;
      } else {
        deviceB = device;
      }
    }

    private boolean isClosing() {
      return reset || (finA && finB);
    }

    /** Takes note of a packet that passes: how far the connection is, how long it may be silent. */
    void see(Packet packet, boolean fromA, long nowNanos) {
      answered |= fromA != initiatorIsA;
      if (packet.protocol == Packet.TCP) {
        reset |= packet.hasFlags(Packet.RST);
        finA |= fromA && packet.hasFlags(Packet.FIN);
        finB |= !fromA && packet.hasFlags(Packet.FIN);
      }
      expiresNanos = nowNanos + lifetimeNanos(packet.protocol);
    }

    private long lifetimeNanos(int protocol) {
      if (isClosing()) {
        return CLOSING_NANOS;
      }
      return protocol == Packet.TCP && answered ? ESTABLISHED_NANOS : SHORT_NANOS;
    }
  }

  private final Key probe = new Key();
  private final Map<Key, Flow> flowsV4;
  private final Map<Key, Flow> flowsV6;
  private boolean sourceIsA;

  /**
   * @param capacity how many flows of each family it holds
   */
  Conntrack(int capacity) {
    this.flowsV4 = leastRecentlyUsed(capacity);
    this.flowsV6 = leastRecentlyUsed(capacity);
  }

  private static Map<Key, Flow> leastRecentlyUsed(int capacity) {
    return new LinkedHashMap<>(64, 0.75f, true) {
      private static final long serialVersionUID = 1L;

      @Override
      protected boolean removeEldestEntry(Map.Entry<Key, Flow> eldest) {
        return size() > capacity;
      }
    };
  }

  /**
   * The packet's flow, stale or not; null where there is none, its time is over, or the packet
   * opens the connection anew. {@link #sourceIsA} speaks of this packet from now on.
   */
  @Nullable Flow find(Packet packet, long nowNanos) {
    sourceIsA = probe.set(packet);
    Map<Key, Flow> flows = flows(packet.family);
    Flow flow = flows.get(probe);
    if (flow == null) {
      return null;
    }
    if (nowNanos - flow.expiresNanos >= 0 || (flow.isClosing() && packet.isOpening())) {
      flows.remove(probe);
      return null;
    }
    return flow;
  }

  /** Whether the packet of the last {@link #find} comes from end A. */
  boolean sourceIsA() {
    return sourceIsA;
  }

  /** Enters the packet's flow, in place of what its key had. The packet is its first. */
  Flow add(Packet packet, int sourceDevice, int destinationDevice, long epoch, long nowNanos) {
    boolean fromA = probe.set(packet);
    Flow flow =
        fromA
            ? new Flow(sourceDevice, destinationDevice, true, packet.policyPort)
            : new Flow(destinationDevice, sourceDevice, false, packet.policyPort);
    flow.epoch = epoch;
    flow.see(packet, fromA, nowNanos);
    flows(packet.family).put(probe.copy(), flow);
    return flow;
  }

  void remove(Packet packet) {
    probe.set(packet);
    flows(packet.family).remove(probe);
  }

  int size() {
    return flowsV4.size() + flowsV6.size();
  }

  private Map<Key, Flow> flows(IpFamily family) {
    return family == IpFamily.IPV4 ? flowsV4 : flowsV6;
  }
}
