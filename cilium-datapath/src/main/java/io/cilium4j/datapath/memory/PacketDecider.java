// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.FlowSink;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides packets, one at a time. The steps, in the order of {@code docs/datapath.md}:
 *
 * <ol>
 *   <li>{@link PacketParser} reads the headers; a later fragment gets its ports from {@link
 *       FragmentTable}.
 *   <li>{@link Conntrack} may know the flow. If its verdict is of the present epoch and the packet
 *       comes from where the entry says, that is all.
 *   <li>Both parties are identified: by device, by local address, by ipcache.
 *   <li>Policy is asked, always in the direction in which the flow began.
 *   <li>The flow is entered, brought up to date, or removed.
 * </ol>
 *
 * <p>Everything a verdict depends on comes from one {@link State}, read once for each packet. A
 * packet of a known flow allocates nothing.
 *
 * <p>Safe for use by several threads. {@link #setState} returns when no packet is being decided by
 * the state before.
 */
final class PacketDecider {

  private final LongSupplier clockNanos;
  private final FlowSink events;
  private final Counters counters;
  private final Conntrack conntrack;
  private final FragmentTable fragments = new FragmentTable();
  private final EventLimiter limiter = new EventLimiter();

  private final Packet packet = new Packet();
  private final Packet quoted = new Packet();
  private final Trial trial = new Trial();

  private volatile State state = State.empty();

  /** The packet under decision: where it came from, when, and what is known of its parties. */
  private static final class Trial {
    State state = State.empty();
    Origin origin = Origin.NODE;
    int frameBytes;
    long nowNanos;

    @Nullable LocalEndpoint source;
    @Nullable LocalEndpoint destination;
    int sourceIdentity;
    int destinationIdentity;

    /** Whose policy spoke last, and by which rule. */
    TrafficDirection direction = TrafficDirection.EGRESS;

    int endpointId;
    int cookie;
    int proxyPort;

    void begin(State current, Origin from, long now) {
      state = current;
      origin = from;
      nowNanos = now;
      source = null;
      destination = null;
      sourceIdentity = 0;
      destinationIdentity = 0;
      direction = from.isPod() ? TrafficDirection.EGRESS : TrafficDirection.INGRESS;
      LocalEndpoint sender = from.isPod() ? current.ofDevice(from.ifindex()) : null;
      endpointId = sender == null ? 0 : sender.id();
      cookie = 0;
      proxyPort = 0;
    }
  }

  /** What to tell of flows that pass. */
  private enum Report {
    NOTHING,
    /** Flows that a rule names, and audited ones: not those that pass for want of a policy. */
    PASSED
  }

  /**
   * @param clockNanos the monotonic clock
   * @param events takes what is to be reported, on the deciding thread; may not wait
   * @param conntrackCapacity flows of each family
   */
  PacketDecider(
      LongSupplier clockNanos, FlowSink events, Counters counters, int conntrackCapacity) {
    this.clockNanos = clockNanos;
    this.events = events;
    this.counters = counters;
    this.conntrack = new Conntrack(conntrackCapacity);
  }

  State state() {
    return state;
  }

  /** Puts a state in force. When this returns no packet is decided by the one before. */
  synchronized void setState(State next) {
    state = next;
  }

  /**
   * Decides a packet and takes note of its flow.
   *
   * @param frame an Ethernet frame between position and limit, in network byte order; not changed
   */
  synchronized Decision decide(ByteBuffer frame, Origin origin) {
    State current = state;
    trial.begin(current, origin, clockNanos.getAsLong());
    trial.frameBytes = frame.remaining();
    DropReason unreadable = PacketParser.parse(frame, packet);
    if (unreadable == null) {
      unreadable = resolveFragment();
    }
    if (unreadable != null) {
      return drop(unreadable);
    }
    if (packet.quoted != 0) {
      Decision related = decideRelated(frame);
      if (related != null) {
        return related;
      }
      // What was found out about the quoted flow is not about this one.
      trial.begin(current, origin, trial.nowNanos);
    }
    Conntrack.Flow flow = conntrack.find(packet, trial.nowNanos);
    if (flow == null) {
      return decideUnknown(null);
    }
    boolean fromA = conntrack.sourceIsA();
    if (flow.epoch != trial.state.epoch() || flow.device(fromA) != origin.ifindex()) {
      return decideUnknown(flow);
    }
    return pass(flow, fromA);
  }

  private @Nullable DropReason resolveFragment() {
    switch (packet.fragment) {
      case NONE -> {}
      case FIRST -> fragments.learn(packet, trial.origin.ifindex());
      case LATER -> {
        if (!fragments.complete(packet, trial.origin.ifindex())) {
          return DropReason.FRAGMENT_NOT_FOUND;
        }
      }
    }
    return null;
  }

  /** A packet without a valid verdict; {@code stale} is its flow, if there is one. */
  private Decision decideUnknown(Conntrack.@Nullable Flow stale) {
    if (packet.isLinkLocal()) {
      return drop(DropReason.FORBIDDEN_ICMPV6);
    }
    DropReason unknown = identify(packet);
    if (unknown != null) {
      return drop(unknown);
    }
    if (stale != null) {
      boolean fromA = conntrack.sourceIsA();
      boolean original = fromA == stale.initiatorIsA;
      DropReason revoked = askBoth(packet, original, stale.policyPort, Report.NOTHING);
      if (revoked == null) {
        refresh(stale, fromA, original);
        return pass(stale, fromA);
      }
      conntrack.remove(packet);
      if (original) {
        return drop(revoked);
      }
    }
    DropReason denied = askBoth(packet, true, packet.policyPort, Report.PASSED);
    if (denied != null) {
      return drop(denied);
    }
    Conntrack.Flow flow =
        conntrack.add(
            packet,
            trial.origin.ifindex(),
            deviceOf(trial.destination),
            trial.state.epoch(),
            trial.nowNanos);
    flow.proxyPort = trial.proxyPort;
    return deliver(flow, deviceOf(trial.destination));
  }

  /** Finds out who the parties are; a reason if the packet cannot be theirs. */
  private @Nullable DropReason identify(Packet subject) {
    State current = trial.state;
    if (trial.origin.isPod()) {
      LocalEndpoint sender = current.ofDevice(trial.origin.ifindex());
      if (sender == null) {
        return DropReason.UNKNOWN_SENDER;
      }
      trial.source = sender;
      trial.sourceIdentity = sender.endpoint().identity();
      if (!sender.isSourceOf(subject)) {
        return DropReason.INVALID_SOURCE_IP;
      }
    } else {
      identifySource(subject);
    }
    identifyDestination(subject);
    if (!trial.origin.isPod() && trial.destination == null) {
      trial.destinationIdentity = 0;
      return DropReason.NO_LOCAL_ENDPOINT;
    }
    return null;
  }

  private void identifySource(Packet subject) {
    LocalEndpoint local = trial.state.sourceOf(subject);
    trial.source = local;
    trial.sourceIdentity =
        local != null
            ? local.endpoint().identity()
            : trial.state.identityOf(subject.family, subject.sourceHigh, subject.sourceLow);
  }

  private void identifyDestination(Packet subject) {
    LocalEndpoint local = trial.state.destinationOf(subject);
    trial.destination = local;
    trial.destinationIdentity =
        local != null
            ? local.endpoint().identity()
            : trial.state.identityOf(
                subject.family, subject.destinationHigh, subject.destinationLow);
  }

  /**
   * The initiator may send, and the responder may be sent to.
   *
   * @param original whether the packet goes the way the flow began
   * @param port the responder's, or the ICMP type of the request
   * @return why not, or null
   */
  private @Nullable DropReason askBoth(Packet subject, boolean original, int port, Report report) {
    LocalEndpoint initiator = original ? trial.source : trial.destination;
    LocalEndpoint responder = original ? trial.destination : trial.source;
    int initiatorIdentity = original ? trial.sourceIdentity : trial.destinationIdentity;
    int responderIdentity = original ? trial.destinationIdentity : trial.sourceIdentity;
    trial.proxyPort = 0;
    DropReason denied = null;
    if (initiator != null) {
      denied = ask(initiator, TrafficDirection.EGRESS, responderIdentity, subject, port, report);
    }
    if (denied == null && responder != null) {
      denied = ask(responder, TrafficDirection.INGRESS, initiatorIdentity, subject, port, report);
    }
    return denied;
  }

  /** One endpoint's word. */
  private @Nullable DropReason ask(
      LocalEndpoint subject,
      TrafficDirection direction,
      int peer,
      Packet flowPacket,
      int port,
      Report report) {
    trial.direction = direction;
    trial.endpointId = subject.id();
    PolicyEntry entry = subject.row().policy().lookup(direction, peer, flowPacket.protocol, port);
    trial.cookie = entry == null ? 0 : entry.cookie();
    DropReason refusal = refusal(entry);
    boolean audited = subject.row().audited();
    if (refusal != null && !audited) {
      return refusal;
    }
    if (report == Report.PASSED && (refusal != null || trial.cookie != 0)) {
      report(refusal != null || entry == null ? Verdict.AUDITED : entry.verdict(), refusal);
    }
    return null;
  }

  /** Why an entry does not let a packet through, or null. */
  private @Nullable DropReason refusal(@Nullable PolicyEntry entry) {
    if (entry == null) {
      return DropReason.POLICY_DENIED;
    }
    if (entry.isDeny()) {
      return DropReason.POLICY_DENY;
    }
    if (entry.auth().type() != 0) {
      return DropReason.AUTH_REQUIRED;
    }
    if (entry.verdict() == Verdict.REDIRECTED) {
      if (entry.proxyPort() == 0) {
        return DropReason.POLICY_DENIED;
      }
      // Of two proxies the sender's comes first; what it sends on is a flow of its own.
      trial.proxyPort = trial.proxyPort == 0 ? entry.proxyPort() : trial.proxyPort;
    }
    return null;
  }

  /** Brings a flow that is still allowed up to the present epoch and the present devices. */
  private void refresh(Conntrack.Flow flow, boolean fromA, boolean original) {
    flow.epoch = trial.state.epoch();
    flow.proxyPort = trial.proxyPort;
    flow.setDevice(fromA, trial.origin.ifindex());
    // A flow that came to a pod by way of the stack goes back that way, though it may have begun
    // at a pod: the stack may have translated its addresses.
    boolean backToStack =
        trial.origin.isPod() && !original && flow.device(!fromA) == Conntrack.STACK;
    if (!backToStack) {
      flow.setDevice(!fromA, deviceOf(trial.destination));
    }
  }

  /**
   * An ICMP error that is about a flow we know passes as that flow does. A pod may speak of packets
   * that were for itself; from the node any router may speak.
   *
   * @return null if it is about no such flow, and is to be decided for itself
   */
  private @Nullable Decision decideRelated(ByteBuffer frame) {
    if (!PacketParser.parseQuoted(frame, packet, quoted)
        || quoted.sourceHigh != packet.destinationHigh
        || quoted.sourceLow != packet.destinationLow) {
      return null;
    }
    boolean aboutItself =
        quoted.destinationHigh == packet.sourceHigh && quoted.destinationLow == packet.sourceLow;
    if (trial.origin.isPod() && !aboutItself) {
      return null;
    }
    Conntrack.Flow flow = conntrack.find(quoted, trial.nowNanos);
    // Refuses a forged sender before anything it says is believed.
    if (flow == null || identify(packet) != null) {
      return null;
    }
    boolean quotedFromA = conntrack.sourceIsA();
    if (flow.epoch != trial.state.epoch() && !refreshQuoted(flow, quotedFromA)) {
      return null;
    }
    return deliver(
        flow, trial.origin.isPod() ? flow.device(quotedFromA) : deviceOf(trial.destination));
  }

  /** Asks again for the flow that an error quotes, whose parties are not the error's own. */
  private boolean refreshQuoted(Conntrack.Flow flow, boolean quotedFromA) {
    LocalEndpoint receiver = trial.destination;
    identifySource(quoted);
    identifyDestination(quoted);
    boolean original = quotedFromA == flow.initiatorIsA;
    boolean allowed = askBoth(quoted, original, flow.policyPort, Report.NOTHING) == null;
    trial.destination = receiver;
    if (allowed) {
      flow.epoch = trial.state.epoch();
      flow.proxyPort = trial.proxyPort;
    }
    return allowed;
  }

  private Decision pass(Conntrack.Flow flow, boolean fromA) {
    flow.see(packet, fromA, trial.nowNanos);
    return deliver(flow, flow.device(!fromA));
  }

  private Decision deliver(Conntrack.Flow flow, int device) {
    if (flow.proxyPort != 0) {
      return forward(new Decision.ToProxy(flow.proxyPort));
    }
    LocalEndpoint receiver = device == Conntrack.STACK ? null : trial.state.ofDevice(device);
    if (!trial.origin.isPod()) {
      return receiver == null ? drop(DropReason.NO_LOCAL_ENDPOINT) : forward(receiver.direct());
    }
    if (receiver == null) {
      return forward(Decision.ToStack.INSTANCE);
    }
    // A router answers a packet whose hops are used up; the node's stack is that router.
    return forward(packet.hopLimit <= 1 ? Decision.ToStack.INSTANCE : receiver.routed());
  }

  private Decision forward(Decision decision) {
    counters.countForwarded(
        trial.origin.isPod() ? TrafficDirection.EGRESS : TrafficDirection.INGRESS,
        trial.frameBytes);
    return decision;
  }

  private static int deviceOf(@Nullable LocalEndpoint endpoint) {
    return endpoint == null ? Conntrack.STACK : endpoint.ifindex();
  }

  private Decision drop(DropReason reason) {
    counters.countDropped(reason, trial.direction, trial.frameBytes);
    if (!reason.equals(DropReason.FORBIDDEN_ICMPV6)) {
      report(Verdict.DENIED, reason);
    }
    return new Decision.Drop(reason, trial.direction, trial.endpointId, trial.cookie);
  }

  private void report(Verdict verdict, @Nullable DropReason reason) {
    int code = reason == null ? 0 : reason.code();
    long suppressed = limiter.take(trial.endpointId, code, trial.nowNanos);
    if (suppressed == EventLimiter.SUPPRESSED) {
      return;
    }
    boolean icmp = PacketParser.isIcmp(packet.protocol);
    events.accept(
        new Flow(
            trial.nowNanos,
            verdict,
            Optional.ofNullable(reason),
            trial.direction,
            trial.endpointId,
            trial.sourceIdentity,
            trial.destinationIdentity,
            packet.source(),
            packet.destination(),
            packet.protocol,
            icmp ? 0 : packet.sourcePort,
            icmp ? packet.policyPort : packet.destinationPort,
            trial.cookie,
            suppressed));
  }
}
