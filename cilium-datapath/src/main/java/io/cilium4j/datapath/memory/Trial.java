// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.datapath.memory.Origin.Tunnelled;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The packet under decision: where it came from, when, what is known of its parties, and whose
 * policy spoke last. One object serves all packets.
 */
final class Trial {
  final Packet packet = new Packet();

  State state = State.empty();
  Origin origin = Origin.NODE;
  int frameBytes;

  /** The frame is many segments in one. */
  boolean isMerged;

  long nowNanos;

  @Nullable LocalEndpoint source;
  @Nullable LocalEndpoint destination;

  /** Where tunnels to the party's node end; null for a party that no tunnel leads to. */
  @Nullable IpAddress sourceNode;

  @Nullable IpAddress destinationNode;
  int sourceIdentity;
  int destinationIdentity;

  /** Whose policy spoke last, and by which rule. */
  TrafficDirection direction = TrafficDirection.EGRESS;

  private @Nullable LocalEndpoint subject;
  int cookie;

  /** The packet is of a flow from a pod to itself, through a service. */
  boolean loops;

  /** The port of the proxy that policy sends the flow to, 0 for none. */
  int proxyPort;

  /** Whose rules say so; means something only where there is a port. */
  TrafficDirection proxyDirection = TrafficDirection.EGRESS;

  private final boolean tunnels;
  private final int tunnelPort;

  /**
   * @param tunnel how other nodes are reached, if through tunnels
   */
  Trial(Optional<Tunnel> tunnel) {
    tunnels = tunnel.isPresent();
    tunnelPort = tunnel.map(Tunnel::port).orElse(0);
  }

  void begin(State current, Origin from, long now) {
    state = current;
    origin = from;
    nowNanos = now;
    source = null;
    destination = null;
    sourceNode = null;
    destinationNode = null;
    sourceIdentity = 0;
    destinationIdentity = 0;
    direction = from.isPod() ? TrafficDirection.EGRESS : TrafficDirection.INGRESS;
    subject = null;
    cookie = 0;
    loops = false;
    proxyPort = 0;
  }

  /** The policy of this endpoint is asked next. */
  void ask(LocalEndpoint asked, TrafficDirection towards) {
    subject = asked;
    direction = towards;
  }

  /** The endpoint whose policy spoke last, the sender where none did; 0 for none. */
  int endpointId() {
    LocalEndpoint decider = subject == null ? sender() : subject;
    return decider == null ? 0 : decider.id();
  }

  /** The pod behind the device that the packet came from, or null. */
  @Nullable LocalEndpoint sender() {
    return origin.isPod() ? state.ofDevice(origin.ifindex()) : null;
  }

  /** Finds out who the parties are; a reason if the packet cannot be theirs. */
  @Nullable DropReason identify() {
    if (origin.isPod()) {
      return identifyFromPod();
    }
    if (origin.isProxy()) {
      return identifyFromProxy();
    }
    return origin.tunnel() == null ? identifyFromNode() : identifyFromTunnel(origin.tunnel());
  }

  private @Nullable DropReason identifyFromPod() {
    LocalEndpoint sender = sender();
    if (sender == null) {
      return DropReason.UNKNOWN_SENDER;
    }
    source = sender;
    sourceIdentity = sender.endpoint().identity();
    if (packet.isFromLinkLocal() || packet.isFromUnspecified()) {
      return packet.protocol == Packet.ICMPV6
          ? DropReason.FORBIDDEN_ICMPV6
          : DropReason.INVALID_SOURCE_IP;
    }
    if (loops ? !sender.isDestinationOf(packet) : !sender.isSourceOf(packet)) {
      return DropReason.INVALID_SOURCE_IP;
    }
    if (LoopAddress.isDestinationOf(packet)) {
      destination = sender;
      destinationIdentity = sourceIdentity;
    } else {
      identifyDestination(packet);
    }
    return forgesTunnel() ? DropReason.ENCAPSULATION_PROHIBITED : null;
  }

  /** Whether a pod speaks to a tunnel as a node does. */
  private boolean forgesTunnel() {
    return tunnels
        && packet.protocol == Packet.UDP
        && packet.destinationPort == tunnelPort
        && destination == null
        && (destinationIdentity == ReservedIdentity.HOST.id() || isRemoteNode(destinationIdentity));
  }

  /** Another node's own address, whatever else is behind it. */
  static boolean isRemoteNode(int identity) {
    return identity == ReservedIdentity.REMOTE_NODE.id()
        || identity == ReservedIdentity.KUBE_APISERVER.id()
        || identity >>> 24 == Identity.REMOTE_NODE_SCOPE >>> 24;
  }

  /** What another node is told of a sender: who is `host` here is a remote node there. */
  static int toldIdentity(int identity) {
    if (identity == ReservedIdentity.HOST.id()) {
      return ReservedIdentity.REMOTE_NODE.id();
    }
    return mayBeTold(identity) ? identity : ReservedIdentity.WORLD.id();
  }

  /** Whether every node of the cluster knows the identity by the same number. */
  private static boolean mayBeTold(int identity) {
    return identity != 0 && identity != ReservedIdentity.HOST.id() && identity >>> 24 == 0;
  }

  private @Nullable DropReason identifyFromTunnel(Tunnelled tunnel) {
    IpAddress node = tunnel.node();
    IpcacheEntry end = state.entryOf(node.family(), node.high(), node.low());
    boolean isNodes = end != null && end.tunnelEndpoint().filter(node::equals).isPresent();
    if (!isNodes || state.nodes().mtuBytes(node) == null) {
      return DropReason.UNKNOWN_SENDER;
    }
    sourceNode = node;
    sourceIdentity = tunnel.identity();
    if (!mayBeTold(sourceIdentity)) {
      return DropReason.INVALID_IDENTITY;
    }
    if (packet.isFromLinkLocal()
        || LoopAddress.isSourceOf(packet)
        || state.sourceOf(packet) != null) {
      return DropReason.INVALID_SOURCE_IP;
    }
    int known = state.identityOf(packet.family, packet.sourceHigh, packet.sourceLow);
    if (known == ReservedIdentity.HOST.id()) {
      return DropReason.INVALID_SOURCE_IP;
    }
    if (sourceIdentity == ReservedIdentity.REMOTE_NODE.id() && isRemoteNode(known)) {
      // A node says that it is one; what else it is stands here.
      sourceIdentity = known;
    }
    identifyDestination(packet);
    boolean here =
        destination != null
            || (destinationIdentity == ReservedIdentity.HOST.id() && !packet.endsAtNode());
    return here ? null : DropReason.NO_LOCAL_ENDPOINT;
  }

  /** What the kernel itself says on our own devices. */
  private boolean staysOnLink() {
    return packet.protocol == Packet.ICMPV6
        && (packet.isFromLinkLocal() || packet.isFromUnspecified())
        && packet.isToGroupV6();
  }

  /** The proxy's packets have the addresses of the flow's ends. */
  private @Nullable DropReason identifyFromProxy() {
    if (staysOnLink()) {
      return DropReason.FORBIDDEN_ICMPV6;
    }
    identifySource(packet);
    if (LoopAddress.isSourceOf(packet)) {
      return DropReason.INVALID_SOURCE_IP;
    }
    identifyDestination(packet);
    return forgesTunnel() ? DropReason.ENCAPSULATION_PROHIBITED : null;
  }

  private @Nullable DropReason identifyFromNode() {
    if (staysOnLink()) {
      return DropReason.FORBIDDEN_ICMPV6;
    }
    identifySource(packet);
    // What a node sends outside the tunnel has no pod's address of another node.
    boolean avoidsTunnel = source == null && sourceNode != null && !isRemoteNode(sourceIdentity);
    if (LoopAddress.isSourceOf(packet) || avoidsTunnel) {
      return DropReason.INVALID_SOURCE_IP;
    }
    identifyDestination(packet);
    if (destination == null && destinationNode == null) {
      destinationIdentity = 0;
      return DropReason.NO_LOCAL_ENDPOINT;
    }
    return null;
  }

  /** Finds out who the parties of another packet are, such as one that an ICMP error quotes. */
  void identifyQuoted(Packet quoted) {
    identifySource(quoted);
    identifyDestination(quoted);
  }

  private void identifySource(Packet subject) {
    LocalEndpoint local = state.sourceOf(subject);
    source = local;
    sourceNode = null;
    if (local != null) {
      sourceIdentity = local.endpoint().identity();
    } else if (subject.isFromLinkLocal()) {
      sourceIdentity = ReservedIdentity.HOST.id();
    } else {
      IpcacheEntry entry = state.entryOf(subject.family, subject.sourceHigh, subject.sourceLow);
      sourceIdentity = identityOf(entry);
      sourceNode = nodeOf(entry);
    }
  }

  private void identifyDestination(Packet subject) {
    LocalEndpoint local = state.destinationOf(subject);
    destination = local;
    destinationNode = null;
    if (local != null) {
      destinationIdentity = local.endpoint().identity();
    } else if (subject.endsAtNode()) {
      destinationIdentity = ReservedIdentity.HOST.id();
    } else {
      IpcacheEntry entry =
          state.entryOf(subject.family, subject.destinationHigh, subject.destinationLow);
      destinationIdentity = identityOf(entry);
      destinationNode = nodeOf(entry);
    }
  }

  private static int identityOf(@Nullable IpcacheEntry entry) {
    return entry == null ? ReservedIdentity.WORLD.id() : entry.identity();
  }

  private @Nullable IpAddress nodeOf(@Nullable IpcacheEntry entry) {
    return tunnels && entry != null ? entry.tunnelEndpoint().orElse(null) : null;
  }

  /** The receiver's place. */
  int destinationPlace() {
    return placeOf(destination, destinationNode);
  }

  /** The sender's place: what comes from the stack goes back there, whoever's it is. */
  int sourcePlace() {
    return origin.isPod() || origin.isStack() ? origin.ifindex() : placeOf(source, sourceNode);
  }

  private static int placeOf(@Nullable LocalEndpoint local, @Nullable IpAddress node) {
    if (local != null) {
      return local.ifindex();
    }
    return node == null ? FlowEntry.STACK : FlowEntry.OVERLAY;
  }
}
