// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.PolicyMatch;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.spi.FlowSink;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The last flows that the datapath reported. What is known of a flow is looked up when it arrives:
 * a rule's cookie means nothing once the rule is gone, and an address may be another pod's soon.
 *
 * <p>They stand in a {@link Ring} with any number of readers. Safe for use by several threads.
 */
public final class FlowLog implements FlowSink {
  private static final Logger LOG = LoggerFactory.getLogger(FlowLog.class);

  /** How many flows are kept unless asked for otherwise: at about 260 bytes each, 1.1 MB. */
  public static final int DEFAULT_CAPACITY = 4_095;

  /** Most flows that can be kept, about 17 MB. */
  public static final int MAX_CAPACITY = 65_535;

  /** The rules of this moment. */
  @FunctionalInterface
  public interface Rules {
    /** The rule behind a cookie; empty for one that is gone. */
    Optional<RuleOrigin> origin(int cookie);

    /** The revision of the policies that they are of; 0 for none. */
    default long revision() {
      return 0;
    }
  }

  /** Says whose addresses are at this moment. */
  @FunctionalInterface
  public interface Parties {
    /** Who has an address. */
    FlowParty of(End end);
  }

  /**
   * One end of a flow, as the datapath knows it.
   *
   * @param port its port; 0 where the protocol has none
   * @param identity what the datapath took it for
   * @param endpointId the endpoint of this node that it is known to be; 0 if that is not known
   * @param other the address of the other end
   */
  public record End(IpAddress address, int port, int identity, int endpointId, IpAddress other) {}

  /** The reasons of drops that are a policy's word. */
  private static final Set<DropReason> POLICY_DROPS =
      Set.of(DropReason.POLICY_DENIED, DropReason.POLICY_DENY, DropReason.AUTH_REQUIRED);

  private final Rules rules;
  private final Function<Flow, PolicyMatch> matches;
  private final Parties parties;
  private final Predicate<Flow> wanted;
  private final List<Consumer<? super ReportedFlow>> listeners = new CopyOnWriteArrayList<>();

  private final Map<String, String> problems = new ConcurrentHashMap<>();
  private final SharedParties shared = new SharedParties();
  private final EventClock clock = new EventClock();
  private final Ring<ReportedFlow> ring;

  /** Whether other programs can read it. */
  private volatile boolean served;

  /**
   * @param rules the policies' rules
   * @param matches finds how closely the rule of a flow's cookie names it
   * @param parties finds who has an address
   * @param wanted which flows anybody wants to hear of
   * @param capacity how many flows are kept, 1 to {@link #MAX_CAPACITY}
   */
  public FlowLog(
      Rules rules,
      Function<Flow, PolicyMatch> matches,
      Parties parties,
      Predicate<Flow> wanted,
      int capacity) {
    if (capacity < 1 || capacity > MAX_CAPACITY) {
      throw new IllegalArgumentException(
          "flows to keep: " + capacity + ": wanted 1 to " + MAX_CAPACITY);
    }
    this.rules = rules;
    this.matches = matches;
    this.parties = parties;
    this.wanted = wanted;
    this.ring = new Ring<>(capacity);
  }

  @Override
  public void accept(Flow flow) {
    if (!wanted.test(flow)) {
      return;
    }
    RuleOrigin rule = ruleOf(flow);
    if (flow.trace().isPresent()) {
      add(FlowEvent.TRACE, flow, rule, null);
      return;
    }
    boolean isDropped = ReportedFlow.isDropped(flow);
    if (!isDropped || flow.drop().filter(POLICY_DROPS::contains).isPresent()) {
      add(FlowEvent.VERDICT, flow, rule, null);
    }
    if (isDropped) {
      add(FlowEvent.DROP, flow, rule, null);
    }
  }

  /** Takes a request inside of a flow, as a proxy decided it. */
  public void acceptRequest(Flow flow, RuleOrigin rule, HttpAccess http) {
    add(FlowEvent.REQUEST, flow, rule, http);
  }

  /**
   * Takes the answer to a request.
   *
   * @param flow from the server to the client, with the verdict about the request
   */
  public void acceptResponse(Flow flow, RuleOrigin rule, HttpAccess http) {
    add(FlowEvent.RESPONSE, flow, rule, http);
  }

  /** Takes a question to DNS inside of a flow, as a proxy decided it. */
  public void acceptRequest(Flow flow, RuleOrigin rule, DnsAccess dns) {
    add(FlowEvent.REQUEST, flow, rule, null, dns);
  }

  /**
   * Takes the answer to a question to DNS.
   *
   * @param flow from the server to the client, with the verdict about the question
   */
  public void acceptResponse(Flow flow, RuleOrigin rule, DnsAccess dns) {
    add(FlowEvent.RESPONSE, flow, rule, null, dns);
  }

  private void add(FlowEvent event, Flow flow, RuleOrigin rule, @Nullable HttpAccess http) {
    add(event, flow, rule, http, null);
  }

  private void add(
      FlowEvent event,
      Flow flow,
      RuleOrigin rule,
      @Nullable HttpAccess http,
      @Nullable DnsAccess dns) {
    Instant time = clock.at(flow.timeNanos());
    boolean isSource = ReportedFlow.isSource(event, flow);
    int id = flow.endpointId();
    FlowParty source =
        shared(
            new End(
                flow.source(),
                flow.sourcePort(),
                flow.sourceIdentity(),
                isSource ? id : 0,
                flow.destination()));
    FlowParty destination =
        shared(
            new End(
                flow.destination(),
                flow.destinationPort(),
                flow.destinationIdentity(),
                isSource ? 0 : id,
                flow.source()));
    boolean hasRule = event == FlowEvent.VERDICT && flow.cookie() != 0;
    PolicyMatch match = hasRule ? matches.apply(flow) : PolicyMatch.NONE;
    ReportedFlow reported =
        ring.add(number ->
            new ReportedFlow(
                number,
                time,
                event,
                flow,
                rule,
                rules.revision(),
                match,
                source,
                destination,
                Optional.ofNullable(http),
                Optional.ofNullable(dns)));
    for (Consumer<? super ReportedFlow> listener : listeners) {
      try {
        listener.accept(reported);
      } catch (RuntimeException e) {
        LOG.warn("flow listener failed error=\"{}\"", e.toString());
      }
    }
  }

  private FlowParty shared(End end) {
    return shared.of(parties.of(end));
  }

  private RuleOrigin ruleOf(Flow flow) {
    int cookie = flow.cookie();
    boolean isOfPolicy = flow.drop().isEmpty() || POLICY_DROPS.contains(flow.drop().get());
    if (flow.trace().isPresent() || (cookie == 0 && !isOfPolicy)) {
      return RuleOrigin.NONE;
    }
    return cookie == 0
        ? RuleOrigin.DEFAULT_DENY
        : rules.origin(cookie).orElseGet(() -> new RuleOrigin(cookie, "", "a rule that is gone"));
  }

  /** The flows that are kept, the oldest first. */
  public List<ReportedFlow> flows() {
    return ring.read(1, ring.capacity()).items();
  }

  /** Where they are kept, for readers who keep their place. */
  public Ring<ReportedFlow> ring() {
    return ring;
  }

  /** Whether other programs can read it, for those who look whether they can. */
  public boolean isServed() {
    return served;
  }

  /** Notes that other programs can read it from now on, or no longer can. */
  public void setServed(boolean isServed) {
    this.served = isServed;
  }

  /** What is wrong with what serves them, a whole line each, by where it is wrong. */
  public Map<String, String> problems() {
    return new TreeMap<>(problems);
  }

  /** Notes that something is wrong, or no longer is. */
  public void note(String where, Optional<String> problem) {
    if (problem.isPresent()) {
      problems.put(where, problem.get());
    } else {
      problems.remove(where);
    }
  }

  /** How many flows are kept at most. */
  public int capacity() {
    return ring.capacity();
  }

  /** How many flows were reported, which is the number of the last one. */
  public long reported() {
    return ring.added();
  }

  /** Calls the listener for each flow from now on, on the datapath's thread. */
  public void listen(Consumer<? super ReportedFlow> listener) {
    listeners.add(listener);
  }

  /** Ends that. */
  public void unlisten(Consumer<? super ReportedFlow> listener) {
    listeners.remove(listener);
  }
}
