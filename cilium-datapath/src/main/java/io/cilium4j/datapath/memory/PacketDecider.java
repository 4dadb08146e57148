// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.FlowTrace;
import io.cilium4j.core.FlowTrace.Life;
import io.cilium4j.core.FlowTrace.Point;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.Datapath.EndpointFlows;
import io.cilium4j.core.spi.Datapath.Peer;
import io.cilium4j.core.spi.DatapathProvider.NoBackendResponse;
import io.cilium4j.core.spi.DatapathProvider.Tracing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.ProxyPlace.Address;
import io.cilium4j.core.spi.ProxyPlace.Party;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.memory.EndRewriter.Checksum;
import io.cilium4j.datapath.memory.Origin.Tunnelled;
import io.cilium4j.datapath.net.FrameKind;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides packets, one at a time. The steps, in the order of {@code docs/datapath.md}:
 *
 * <ol>
 *   <li>{@link PacketParser} reads the headers; a later fragment gets its ports from {@link
 *       FragmentTable}. {@link Neighbours} answers for what a pod asks its node unasked.
 *   <li>{@link Conntrack} may know the flow. If its verdict is of the present epoch and the packet
 *       comes from where the entry says, that is all.
 *   <li>What a pod sends to a service becomes a packet to one of its backends: {@link Services}.
 *   <li>{@link Trial} finds out who the parties are: by device, by local address, by ipcache.
 *   <li>{@link FlowRules} asks policy ({@link PolicyQuestions}), always in the direction in which
 *       the flow began, and enters the flow, brings it up to date, or revokes it.
 *   <li>An ICMP error passes as the flow that it is about: {@link RelatedErrors}.
 * </ol>
 *
 * <p>Everything a verdict depends on comes from one {@link State}, read once for each packet. A
 * packet of a known flow allocates nothing.
 *
 * <p>Safe for use by several threads. {@link #setState} returns when no packet is being decided by
 * the state before.
 */
final class PacketDecider {

  /** How long a walk over all flows leaves the tables to packets between two steps. */
  private static final long REST_NANOS = 100_000;

  private final LongSupplier clockNanos;
  private final Counters counters;
  private final Conntrack conntrackV4;
  private final Conntrack conntrackV6;
  private final FlowSweep sweep;
  private final FragmentTable fragments = new FragmentTable();

  private final Trial trial;
  private final FlowEvents events;
  private final PolicyQuestions questions;
  private final Services services;
  private final FlowRules rules;
  private final Delivery delivery;
  private final RelatedErrors related;

  private final boolean refuses;

  private volatile State state = State.empty();

  /**
   * @param clockNanos the monotonic clock
   * @param events takes what is to be reported, on the deciding thread; may not wait
   * @param conntrackCapacity flows of each family, but for those beyond a share
   */
  PacketDecider(
      LongSupplier clockNanos, FlowSink events, Counters counters, int conntrackCapacity) {
    this(
        clockNanos,
        events,
        counters,
        conntrackCapacity,
        new Choices(NoBackendResponse.REJECT, Optional.empty(), Tracing.CHANGES));
  }

  /**
   * What an instance is told.
   *
   * @param response what becomes of packets to services that cannot serve
   * @param tunnel how other nodes are reached, if through tunnels
   * @param tracing which of the packets that pass are reported
   */
  record Choices(NoBackendResponse response, Optional<Tunnel> tunnel, Tracing tracing) {}

  /** As the other one. */
  PacketDecider(
      LongSupplier clockNanos,
      FlowSink events,
      Counters counters,
      int conntrackCapacity,
      Choices choices) {
    this.trial = new Trial(choices.tunnel());
    this.services = new Services(trial);
    this.refuses = choices.response() == NoBackendResponse.REJECT;
    this.clockNanos = clockNanos;
    this.counters = counters;
    this.conntrackV4 = new Conntrack(conntrackCapacity);
    this.conntrackV6 = new Conntrack(conntrackCapacity);
    this.sweep = new FlowSweep(clockNanos.getAsLong(), conntrackV4, conntrackV6);
    this.events = new FlowEvents(trial, events, choices.tracing());
    this.questions = new PolicyQuestions(trial, this.events);
    this.delivery = new Delivery(trial, fragments, counters, this.events);
    this.rules = new FlowRules(trial, questions, services, choices.tracing().everyPacket());
    this.related = new RelatedErrors(trial, questions, fragments);
  }

  State state() {
    return state;
  }

  /** Puts a state in force. When this returns no packet is decided by the one before. */
  synchronized void setState(State next) {
    state = next;
    fragments.retain(next);
    conntrackV4.retainOwners(next);
    conntrackV6.retainOwners(next);
  }

  /**
   * Decides a packet and takes note of its flow.
   *
   * @param frame an Ethernet frame between position and limit, in network byte order; its addresses
   *     and ports are changed where the packet is a service's and passes
   * @param kind what else is known of it
   */
  Decision decide(ByteBuffer frame, FrameKind kind, Origin origin) {
    return decide(frame, kind, Checksum.WHOLE, origin);
  }

  /**
   * As {@link #decide(ByteBuffer, FrameKind, Origin)}.
   *
   * @param checksum what the transport's checksum is of
   */
  synchronized Decision decide(ByteBuffer frame, FrameKind kind, Checksum checksum, Origin origin) {
    State current = state;
    Packet packet = trial.packet;
    trial.begin(current, origin, clockNanos.getAsLong());
    trial.frameBytes = frame.remaining();
    trial.isMerged = kind == FrameKind.MERGED;
    services.begin();
    DropReason unreadable = PacketParser.parse(frame, kind, packet);
    if (unreadable != null) {
      return packet.isArp && origin.isPod() ? decideNeighbour(frame) : delivery.drop(unreadable);
    }
    if (origin.isPod() && Neighbours.isDiscovery(packet, current)) {
      return decideNeighbour(frame);
    }
    if (packet.fragment == Packet.Fragment.LATER
        && !fragments.complete(packet, origin.podIfindex())) {
      return decideWithoutPorts();
    }
    Conntrack conntrack = packet.isIpv6() ? conntrackV6 : conntrackV4;
    if (packet.icmp == IcmpKind.ERROR && packet.fragment != Packet.Fragment.LATER) {
      if (related.isRelated(frame, conntrack)) {
        related.requote(frame);
        return delivery.deliver(related.place(), related.node(), related.sender());
      }
      // What was found out about the quoted flow is not about this one.
      trial.begin(current, origin, trial.nowNanos);
    }
    FlowEntry flow = conntrack.find(packet, trial.nowNanos);
    boolean fromA = conntrack.sourceIsA();
    if (flow != null && isPresent(flow, fromA)) {
      return follow(flow, fromA, conntrack, frame, checksum);
    }
    return decideSlowly(flow, conntrack, frame, checksum);
  }

  /** The way of a packet that conntrack answers for. */
  private Decision follow(
      FlowEntry flow, boolean fromA, Conntrack conntrack, ByteBuffer frame, Checksum checksum) {
    boolean asks = flow.isOfFrontend();
    boolean answers = flow.isAnswer(fromA, trial.origin);
    int before = flow.life();
    long last = flow.lastSeenSeconds();
    if (trial.origin.isProxy() && before == 0 && trial.packet.hasFlags(Packet.RST)) {
      // The first answer: nobody listens there.
      counters.countUnseen(DropReason.PROXY_GONE, trial.direction, 1);
    }
    if (flow.see(trial.packet, fromA, trial.nowNanos) && (asks || answers)) {
      services.tell(flow, fromA, conntrack);
    }
    conntrack.touch(flow);
    trial.proxyPort = trial.origin.isProxy() ? 0 : flow.proxyPort;
    trial.proxyDirection = flow.proxyDirection;
    if (before != flow.life() || events.isSampled(last, flow.lastSeenSeconds())) {
      traceKnown(flow, fromA);
    }
    boolean written = true;
    if (asks) {
      written = EndRewriter.replaceDestination(frame, trial.packet, flow.otherEnd(), checksum);
    } else if (answers) {
      written = EndRewriter.replaceSource(frame, trial.packet, flow.otherEnd(), checksum);
    }
    return written
        ? delivery.deliver(flow.place(!fromA), flow.node(!fromA), flow.identity(fromA))
        : delivery.drop(DropReason.INVALID_PACKET);
  }

  /** Tells of a packet that its flow's entry answered for. */
  private void traceKnown(FlowEntry flow, boolean fromA) {
    trial.sourceIdentity = flow.identity(fromA);
    trial.destinationIdentity = flow.identity(!fromA);
    End asked = End.destinationOf(trial.packet);
    if (flow.isOfFrontend()) {
      // Inside of the node there are backends.
      trial.packet.setDestination(flow.otherEnd());
    }
    events.trace(
        new FlowTrace(point(flow.place(!fromA)), FlowRules.lifeOf(flow, fromA)),
        flow.endpoint(fromA),
        flow.endpoint(!fromA));
    trial.packet.setDestination(asked);
  }

  private Point point(int place) {
    if (trial.proxyPort != 0) {
      return Point.TO_PROXY;
    }
    return switch (place) {
      case FlowEntry.STACK -> Point.TO_STACK;
      case FlowEntry.OVERLAY -> Point.TO_OVERLAY;
      default -> Point.TO_ENDPOINT;
    };
  }

  private static int idOf(@Nullable LocalEndpoint endpoint) {
    return endpoint == null ? 0 : endpoint.id();
  }

  private Decision decideSlowly(
      @Nullable FlowEntry found, Conntrack conntrack, ByteBuffer frame, Checksum checksum) {
    Packet packet = trial.packet;
    DropReason lost = trial.origin.isPod() ? services.findBackend(conntrack) : null;
    FlowEntry flow = services.isTranslated() ? conntrack.find(packet, trial.nowNanos) : found;
    DropReason denied = trial.identify();
    if (denied == null && lost != null) {
      return refuse(lost, frame);
    }
    if (denied == null) {
      denied = rules.decide(flow, conntrack);
    }
    if (trial.origin.isProxy()) {
      trial.proxyPort = 0; // That is where it comes from.
    }
    if (denied != null) {
      return delivery.drop(denied);
    }
    Life life = rules.life();
    if (life != null) {
      events.trace(
          new FlowTrace(point(rules.place()), life), idOf(trial.source), idOf(trial.destination));
    }
    boolean written = true;
    End answeredAs = rules.answeredAs(conntrack);
    if (services.isTranslated()) {
      End backend = services.restore();
      written =
          EndRewriter.replaceDestination(frame, packet, backend, checksum)
              && (!trial.loops
                  || EndRewriter.replaceSource(
                      frame, packet, LoopAddress.inPlaceOfSource(packet), checksum));
    } else if (answeredAs != null) {
      var client = new End(packet.sourceHigh, packet.sourceLow, packet.destinationPort);
      written =
          EndRewriter.replaceSource(frame, packet, answeredAs, checksum)
              && (!trial.loops || EndRewriter.replaceDestination(frame, packet, client, checksum));
    }
    return written
        ? delivery.deliver(rules.place(), trial.destinationNode, trial.sourceIdentity)
        : delivery.drop(DropReason.INVALID_PACKET);
  }

  /** Whether the entry's verdict holds for the packet, and nobody need be asked. */
  private boolean isPresent(FlowEntry flow, boolean fromA) {
    return flow.epoch == trial.state.epoch()
        && !flow.revoked
        && flow.fits(fromA, trial.origin)
        && comesFromItsPlace(flow, fromA)
        && !(trial.packet.isOpening() && (fromA != flow.initiatorIsA || flow.mayBeginAnew()));
  }

  private boolean comesFromItsPlace(FlowEntry flow, boolean fromA) {
    if (trial.origin.isProxy()) {
      return flow.proxyPort != 0;
    }
    Tunnelled tunnel = trial.origin.tunnel();
    int place = tunnel == null ? trial.origin.ifindex() : FlowEntry.OVERLAY;
    if (flow.place(fromA) != place) {
      return false;
    }
    if (tunnel == null) {
      return trial.origin.isPod() || flow.place(!fromA) != FlowEntry.STACK;
    }
    int identity = flow.identity(fromA);
    boolean isItsIdentity =
        tunnel.identity() == identity
            || (tunnel.identity() == ReservedIdentity.REMOTE_NODE.id()
                && Trial.isRemoteNode(identity));
    return isItsIdentity
        && tunnel.node().equals(flow.node(fromA))
        && trial.state.nodes().mtuBytes(tunnel.node()) != null;
  }

  private Decision decideNeighbour(ByteBuffer frame) {
    LocalEndpoint sender = trial.sender();
    if (sender == null) {
      return delivery.drop(DropReason.UNKNOWN_SENDER);
    }
    trial.sourceIdentity = sender.endpoint().identity();
    DropReason forbidden =
        trial.packet.isArp
            ? Neighbours.checkArp(frame, trial.packet, sender)
            : Neighbours.checkDiscovery(frame, trial.packet, sender);
    return forbidden == null
        ? delivery.forward(Decision.ToStack.INSTANCE)
        : delivery.drop(forbidden);
  }

  private Decision decideWithoutPorts() {
    DropReason denied = trial.identify();
    boolean orphaned = isForServices() || LoopAddress.isDestinationOf(trial.packet);
    if (denied == null && trial.origin.isPod() && orphaned) {
      denied = DropReason.FRAGMENT_NOT_FOUND;
    }
    if (denied == null) {
      denied = questions.askWithoutPorts();
    }
    return denied == null
        ? delivery.deliver(trial.destinationPlace(), trial.destinationNode, trial.sourceIdentity)
        : delivery.drop(denied);
  }

  private boolean isForServices() {
    return trial.state.frontends().isForServices(trial.packet);
  }

  /** Drops what asks a service that cannot serve, and tells the sender. */
  private Decision refuse(DropReason reason, ByteBuffer frame) {
    Decision.Drop drop = delivery.drop(reason);
    LocalEndpoint sender = trial.sender();
    if (!refuses || sender == null) {
      return drop;
    }
    return new Decision.Drop(
        reason,
        drop.direction(),
        drop.endpointId(),
        drop.cookie(),
        Optional.ofNullable(Refusal.of(frame, trial.packet, sender.endpoint())));
  }

  /**
   * Takes note of a packet from outside that the node dropped, since its source is somebody inside.
   *
   * @param header its beginning, from the IP header on
   * @param untold how many more were dropped
   */
  synchronized void dropForged(ByteBuffer header, long untold) {
    trial.begin(state, Origin.NODE, clockNanos.getAsLong());
    if (PacketParser.parseEnds(header, trial.packet)) {
      trial.frameBytes = PacketParser.ETHERNET_BYTES + trial.packet.end;
      delivery.drop(DropReason.INVALID_SOURCE_IP);
    }
    counters.countUnseen(DropReason.INVALID_SOURCE_IP, trial.direction, untold);
  }

  /** Whose a connection through the proxy is; empty where there is none. */
  synchronized Optional<Proxied> proxied(int protocol, Address client, Address server) {
    var packet = new Packet();
    packet.family = client.address().family();
    packet.protocol = protocol;
    packet.setSource(End.of(client.address(), client.port()));
    packet.setDestination(End.of(server.address(), server.port()));
    Conntrack conntrack = packet.isIpv6() ? conntrackV6 : conntrackV4;
    FlowEntry flow = conntrack.find(packet, clockNanos.getAsLong());
    if (flow == null || flow.proxyPort == 0) {
      return Optional.empty();
    }
    boolean fromA = conntrack.sourceIsA();
    return Optional.of(
        new Proxied(
            new Party(flow.endpoint(fromA), flow.identity(fromA)),
            new Party(flow.endpoint(!fromA), flow.identity(!fromA))));
  }

  /**
   * Looks for flows that are over, a part of them at a time, if it is time for it.
   *
   * @return in how many nanoseconds to come again
   */
  synchronized long sweep() {
    return sweep.step(clockNanos.getAsLong());
  }

  /**
   * As {@link io.cilium4j.core.spi.Datapath#connected}: of TCP what nobody closed. Packets are
   * decided in between.
   */
  Set<Peer> connected(Set<IpAddress> addresses) {
    Set<Peer> found = new HashSet<>();
    for (IpFamily family : IpFamily.values()) {
      if (addresses.stream().anyMatch(each -> each.family() == family)) {
        FlowWalk walk = (family == IpFamily.IPV6 ? conntrackV6 : conntrackV4).walk();
        while (lookAtSome(walk, family, addresses, found)) {
          LockSupport.parkNanos(REST_NANOS);
        }
      }
    }
    return found;
  }

  private synchronized boolean lookAtSome(
      FlowWalk walk, IpFamily family, Set<IpAddress> addresses, Set<Peer> found) {
    long now = clockNanos.getAsLong();
    return walk.step(flow -> {
      if (!flow.isExpired(now) && !flow.mayBeginAnew()) {
        for (boolean endA : new boolean[] {true, false}) {
          IpAddress peer = flow.address(family, !endA);
          if (flow.endpoint(endA) != 0 && addresses.contains(peer)) {
            found.add(new Peer(flow.endpoint(endA), peer));
          }
        }
      }
    });
  }

  /** The flows that endpoints are charged with, by endpoint id. */
  synchronized List<EndpointFlows> endpointFlows() {
    Map<Integer, EndpointFlows> all = new TreeMap<>();
    State current = state;
    for (Conntrack conntrack : List.of(conntrackV4, conntrackV6)) {
      conntrack.forEachOwner((ifindex, owner) -> {
        LocalEndpoint endpoint = current.ofDevice(ifindex);
        if (endpoint != null) {
          all.merge(
              endpoint.id(),
              new EndpointFlows(endpoint.id(), owner.main, owner.overflowed),
              (a, b) ->
                  new EndpointFlows(
                      a.endpointId(), a.flows() + b.flows(), a.overflowed() + b.overflowed()));
        }
      });
    }
    return List.copyOf(all.values());
  }

  /** How many flows are known. */
  synchronized int flows() {
    return conntrackV4.size() + conntrackV6.size();
  }

  /**
   * How many flows did not fit an endpoint's share of conntrack, since the endpoint has been known,
   * by its id.
   */
  synchronized Map<Integer, Long> overflowedFlows() {
    Map<Integer, Long> all = new TreeMap<>();
    State current = state;
    addOverflowed(conntrackV4, current, all);
    addOverflowed(conntrackV6, current, all);
    return all;
  }

  private static void addOverflowed(Conntrack conntrack, State current, Map<Integer, Long> all) {
    conntrack.forEachOwner((ifindex, owner) -> {
      LocalEndpoint endpoint = current.ofDevice(ifindex);
      if (endpoint != null && owner.overflowed != 0) {
        all.merge(endpoint.id(), owner.overflowed, Long::sum);
      }
    });
  }
}
