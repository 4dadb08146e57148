// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.proxy.DnsAccess.Answer;
import io.cilium4j.datapath.proxy.DnsAccess.Outcome;
import io.cilium4j.datapath.proxy.DnsLog.Failure;
import io.netty.channel.EventLoop;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * What becomes of questions to DNS, by datagrams or by connections: which are passed on, and when
 * their answers are given. An answer with addresses is told to {@link DnsNames} first, and held
 * until these are in force, so that a client never knows an address before its policy does.
 *
 * <p>Safe for use by several threads.
 */
public final class DnsService {

  private final RequestPolicies policies;
  private final DnsNames names;
  private final DnsLog log;
  private final DnsLimits limits;
  private final AtomicInteger waiting = new AtomicInteger();
  private final Map<Integer, Integer> ofEndpoint = new ConcurrentHashMap<>();

  /**
   * @param policies the rules in force
   * @param names told of answers
   * @param log told of questions and answers
   * @param limits what is taken of clients
   */
  public DnsService(RequestPolicies policies, DnsNames names, DnsLog log, DnsLimits limits) {
    this.policies = policies;
    this.names = names;
    this.log = log;
    this.limits = limits;
  }

  /** Gives a client an answer, on its event loop. */
  @FunctionalInterface
  interface Client {
    void answer(byte[] message);

    /** There will be none. */
    default void unanswered() {
      // A client that sent a datagram waits, and asks again.
    }
  }

  /** Passes a question on, on the client's event loop. */
  @FunctionalInterface
  interface Server {
    void ask(Asked asked);
  }

  /**
   * A question that is passed on. Who passed it on either has it {@linkplain DnsService#answered
   * answered} or given up, by {@link DnsService#timedOut} or {@link DnsService#unreachable}, once,
   * on its event loop.
   *
   * @param loop where all about it happens
   */
  record Asked(
      DnsQuery query,
      ProxiedFlow flow,
      Decision decision,
      Client client,
      EventLoop loop,
      long sinceNanos) {

    int endpointId() {
      return flow.checks().getFirst().endpointId();
    }
  }

  DnsLimits limits() {
    return limits;
  }

  DnsLog log() {
    return log;
  }

  /** Whether the rules of a flow ask about names, so that it carries DNS and nothing else. */
  boolean isAsked(ProxiedFlow flow) {
    Check check = flow.checks().getFirst();
    return check.direction() == TrafficDirection.EGRESS && policies.matcher(check).asksQueries();
  }

  /** Decides a question and has it passed on, or refuses it. On the loop. */
  void ask(byte[] message, ProxiedFlow flow, Client client, Server server, EventLoop loop) {
    DnsQuery query;
    try {
      query = DnsQuery.read(message);
    } catch (DnsFormatException e) {
      refuseForm(message, flow, e.rcode(), client);
      return;
    }
    Decision decision = decide(flow, query);
    if (!decision.passes()) {
      tell(query, flow, Outcome.DENIED, decision, Optional.empty(), 0);
      int rcode = limits.refusal().rcode();
      client.answer(query.failure(rcode));
      tell(query, flow, Outcome.DENIED, decision, Optional.of(Answer.of(rcode)), 0);
      return;
    }
    var asked = new Asked(query, flow, decision, client, loop, System.nanoTime());
    if (!admit(asked.endpointId())) {
      log.failed(Failure.TOO_MANY);
      client.unanswered();
      return;
    }
    tell(query, flow, Outcome.FORWARDED, decision, Optional.empty(), 0);
    server.ask(asked);
  }

  private void refuseForm(byte[] message, ProxiedFlow flow, int rcode, Client client) {
    if (rcode < 0) {
      log.failed(Failure.UNKNOWN);
      client.unanswered();
      return;
    }
    long now = System.nanoTime();
    log.asked(
        new DnsAccess(now, flow, "", "", Outcome.ERROR, Optional.empty(), Optional.empty(), 0));
    client.answer(DnsMessages.failure(message, DnsReader.HEADER_BYTES, rcode));
    log.answered(
        new DnsAccess(
            now, flow, "", "", Outcome.ERROR, Optional.empty(), Optional.of(Answer.of(rcode)), 0));
  }

  /**
   * Rules on names are those of the client's side alone: none can be written for the server's. A
   * flow that goes through the proxy goes on so when its rule is gone.
   */
  private Decision decide(ProxiedFlow flow, DnsQuery query) {
    Check check = flow.checks().getFirst();
    if (check.direction() != TrafficDirection.EGRESS) {
      return Decision.deny(RuleOrigin.DEFAULT_DENY);
    }
    RequestMatcher matcher = policies.matcher(check);
    Decision decision = matcher.decideQuery(query.name());
    return decision.passes() || matcher.asksQueries() ? decision : matcher.decideWithoutRequest();
  }

  private boolean admit(int endpointId) {
    if (waiting.incrementAndGet() > limits.questions()) {
      waiting.decrementAndGet();
      return false;
    }
    if (ofEndpoint.merge(endpointId, 1, Integer::sum) > limits.endpointQuestions()) {
      leave(endpointId);
      return false;
    }
    return true;
  }

  private void leave(int endpointId) {
    waiting.decrementAndGet();
    ofEndpoint.computeIfPresent(endpointId, (_, count) -> count == 1 ? null : count - 1);
  }

  /** How many questions wait for their answers. */
  public int waiting() {
    return waiting.get();
  }

  /** Gives the client what the server answered, when the policy knows it. On the loop. */
  void answered(Asked asked, Answer answer, byte[] message) {
    leave(asked.endpointId());
    long latency = System.nanoTime() - asked.sinceNanos();
    byte[] own = DnsMessages.withId(message, asked.query().id());
    if (answer.rcode() != 0 || answer.addresses().isEmpty()) {
      give(asked, answer, own, latency);
      return;
    }
    CompletableFuture<Boolean> known =
        names
            .learned(
                asked.endpointId(), asked.query().name(), answer.addresses(), answer.timeToLive())
            .toCompletableFuture();
    if (limits.holdTime().isZero()) {
      give(asked, answer, own, latency);
      return;
    }
    // All of this happens on the loop, so the answer is given once.
    var isGiven = new boolean[1];
    Consumer<Boolean> end =
        isKnown -> {
          if (!isGiven[0]) {
            isGiven[0] = true;
            if (!isKnown) {
              log.failed(Failure.HELD_TOO_LONG);
            }
            give(asked, answer, own, latency);
          }
        };
    if (known.isDone()) {
      end.accept(isTrue(known));
      return;
    }
    var timeout =
        asked
            .loop()
            .schedule(() -> end.accept(false), limits.holdTime().toNanos(), TimeUnit.NANOSECONDS);
    var _ =
        known.whenCompleteAsync(
            (_, _) -> {
              timeout.cancel(false);
              end.accept(isTrue(known));
            },
            asked.loop());
  }

  private static boolean isTrue(CompletableFuture<Boolean> done) {
    return !done.isCompletedExceptionally() && done.getNow(false);
  }

  private void give(Asked asked, Answer answer, byte[] message, long latencyNanos) {
    asked.client().answer(message);
    tell(
        asked.query(),
        asked.flow(),
        Outcome.FORWARDED,
        asked.decision(),
        Optional.of(answer),
        latencyNanos);
  }

  /** There will be no answer; the client asks again, or somebody else. On the loop. */
  void timedOut(Asked asked) {
    leave(asked.endpointId());
    log.failed(Failure.TIMEOUT);
    asked.client().unanswered();
  }

  /** The server cannot be asked. On the loop. */
  void unreachable(Asked asked) {
    leave(asked.endpointId());
    asked.client().answer(asked.query().failure(DnsMessages.SERVFAIL));
    tell(
        asked.query(),
        asked.flow(),
        Outcome.ERROR,
        asked.decision(),
        Optional.of(Answer.of(DnsMessages.SERVFAIL)),
        0);
  }

  private void tell(
      DnsQuery query,
      ProxiedFlow flow,
      Outcome outcome,
      Decision decision,
      Optional<Answer> answer,
      long latencyNanos) {
    var access =
        new DnsAccess(
            System.nanoTime(),
            flow,
            query.name(),
            DnsMessages.typeName(query.type()),
            outcome,
            Optional.of(decision),
            answer,
            latencyNanos);
    if (answer.isPresent()) {
      log.answered(access);
    } else {
      log.asked(access);
    }
  }
}
