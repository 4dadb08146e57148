// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.FieldMask;
import com.google.protobuf.Timestamp;
import io.cilium4j.core.Node;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.Numbered;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.flow.Ring;
import io.cilium4j.datapath.observer.proto.Flow;
import io.cilium4j.datapath.observer.proto.GetAgentEventsRequest;
import io.cilium4j.datapath.observer.proto.GetAgentEventsResponse;
import io.cilium4j.datapath.observer.proto.GetDebugEventsRequest;
import io.cilium4j.datapath.observer.proto.GetDebugEventsResponse;
import io.cilium4j.datapath.observer.proto.GetFlowsRequest;
import io.cilium4j.datapath.observer.proto.GetFlowsResponse;
import io.cilium4j.datapath.observer.proto.GetNamespacesResponse;
import io.cilium4j.datapath.observer.proto.GetNodesResponse;
import io.cilium4j.datapath.observer.proto.LostEvent;
import io.cilium4j.datapath.observer.proto.LostEventSource;
import io.cilium4j.datapath.observer.proto.Namespace;
import io.cilium4j.datapath.observer.proto.NodeState;
import io.cilium4j.datapath.observer.proto.ServerStatusResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.LongFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** The answers of the observer. Safe for use by several threads. */
final class Observer {

  /** How long a reader that waits for flows sleeps before it looks whether its client has gone. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final ObserverConfig config;
  private final FlowMessages messages;
  private final Ring<AgentNotes.Entry> noEvents = new Ring<>(1);

  Observer(ObserverConfig config) {
    this.config = config;
    this.messages = new FlowMessages(config);
  }

  /** How a flow is told. */
  FlowMessages messages() {
    return messages;
  }

  ServerStatusResponse status() {
    FlowLog flows = config.flows();
    long seen = flows.reported();
    Duration up = Duration.between(config.startedAt(), Instant.now());
    return ServerStatusResponse.newBuilder()
        .setNumFlows(Math.min(seen, flows.capacity()))
        .setMaxFlows(flows.capacity())
        .setSeenFlows(seen)
        .setUptimeNs(up.toNanos())
        .setVersion(config.version())
        .setFlowsRate(rate())
        .build();
  }

  /** Flows a second of the last minute, as far back as they are kept. */
  private double rate() {
    Instant now = Instant.now();
    Instant from = now.minus(Duration.ofMinutes(1));
    long count = 0;
    Instant oldest = now;
    for (ReportedFlow flow : config.flows().flows().reversed()) {
      if (flow.time().isBefore(from)) {
        return count / 60.0;
      }
      count++;
      oldest = flow.time();
    }
    double seconds = Duration.between(oldest, now).toNanos() / 1e9;
    return seconds <= 0 ? 0 : count / seconds;
  }

  /** The namespaces of the flows that are kept. */
  GetNamespacesResponse namespaces() {
    Set<String> names = new TreeSet<>();
    config.flows().flows().stream()
        .flatMap(flow -> Stream.of(flow.source(), flow.destination()))
        .map(FlowParty::namespace)
        .filter(name -> !name.isEmpty())
        .forEach(names::add);
    var answer = GetNamespacesResponse.newBuilder();
    names.forEach(name ->
        answer.addNamespaces(
            Namespace.newBuilder().setCluster(config.clusterName()).setNamespace(name)));
    return answer.build();
  }

  /** This node with its numbers, and the others of which this one knows no more than the name. */
  GetNodesResponse nodes() {
    ServerStatusResponse status = status();
    var answer = GetNodesResponse.newBuilder();
    answer.addNodes(
        io.cilium4j.datapath.observer.proto.Node.newBuilder()
            .setName(messages.node())
            .setVersion(config.version())
            .setState(NodeState.NODE_CONNECTED)
            .setUptimeNs(status.getUptimeNs())
            .setNumFlows(status.getNumFlows())
            .setMaxFlows(status.getMaxFlows())
            .setSeenFlows(status.getSeenFlows()));
    for (Node node : config.nodes().get().values()) {
      if (!node.name().equals(config.nodeName())) {
        var other =
            io.cilium4j.datapath.observer.proto.Node.newBuilder()
                .setName(config.clusterName() + "/" + node.name())
                .setState(NodeState.UNKNOWN_NODE_STATE);
        node.addresses().stream().findFirst().ifPresent(each -> other.setAddress(each.toString()));
        answer.addNodes(other);
      }
    }
    return answer.build();
  }

  /**
   * Reads a request for flows.
   *
   * @throws IllegalArgumentException with a line for people if it makes no sense
   */
  Call<ReportedFlow, GetFlowsResponse> flows(GetFlowsRequest request) {
    UnaryOperator<Flow> masked = FlowMask.of(maskOf(request));
    return new Call<>(
        config.flows().ring(),
        new EventQuery<>(
            FlowFilters.wanted(request.getWhitelistList(), request.getBlacklistList(), messages),
            request.getNumber(),
            request.getFirst(),
            request.getFollow(),
            EventQuery.instant("since", request.hasSince(), request.getSince()),
            EventQuery.instant("until", request.hasUntil(), request.getUntil())),
        flow -> answer(masked.apply(messages.message(flow))),
        lost -> Optional.of(lost(lost)));
  }

  /** The same of events of the agent. */
  Call<AgentNotes.Entry, GetAgentEventsResponse> agentEvents(GetAgentEventsRequest request) {
    return new Call<>(
        config.events().ring(),
        new EventQuery<>(
            _ -> true,
            request.getNumber(),
            request.getFirst(),
            request.getFollow(),
            EventQuery.instant("since", request.hasSince(), request.getSince()),
            EventQuery.instant("until", request.hasUntil(), request.getUntil())),
        entry ->
            GetAgentEventsResponse.newBuilder()
                .setAgentEvent(AgentMessages.message(entry.note()))
                .setNodeName(messages.node())
                .setTime(FlowMessages.timestamp(entry.time()))
                .build(),
        _ -> Optional.empty());
  }

  /** The same of debug events, of which the datapath reports none. */
  Call<AgentNotes.Entry, GetDebugEventsResponse> debugEvents(GetDebugEventsRequest request) {
    return new Call<>(
        noEvents,
        new EventQuery<>(
            _ -> true,
            request.getNumber(),
            request.getFirst(),
            request.getFollow(),
            EventQuery.instant("since", request.hasSince(), request.getSince()),
            EventQuery.instant("until", request.hasUntil(), request.getUntil())),
        _ -> GetDebugEventsResponse.getDefaultInstance(),
        _ -> Optional.empty());
  }

  /**
   * A client's question.
   *
   * @param message tells an event
   * @param lost tells that so many were lost, if the call can
   */
  record Call<T extends Numbered, M>(
      Ring<T> ring, EventQuery<T> query, Function<T, M> message, LongFunction<Optional<M>> lost) {

    /** Sends what is asked for; ends when there is no more, or the client goes. */
    void answer(Outgoing<M> to) throws InterruptedException {
      long next = query.begin(ring);
      long last = ring.added();
      long sent = 0;
      boolean isBegun = false;
      while (!to.isOver()) {
        Ring.Batch<T> batch = ring.read(next, EventQuery.STEP);
        // What is not kept any more when the first is read is too old, and no loss.
        if (batch.lost() > 0 && isBegun) {
          Optional<M> told = lost.apply(batch.lost());
          if (told.isPresent() && !to.send(told.get())) {
            return;
          }
        }
        isBegun = true;
        next += batch.lost();
        for (T event : batch.items()) {
          if (query.isBeyond(event) || (!query.follow() && event.number() > last)) {
            to.end();
            return;
          }
          next = event.number() + 1;
          if (!query.isWanted(event)) {
            continue;
          }
          if (!to.send(message.apply(event))) {
            return;
          }
          if (++sent == query.number() && !query.follow()) {
            to.end();
            return;
          }
        }
        if (batch.items().isEmpty()) {
          if (!query.follow()) {
            to.end();
            return;
          }
          ring.await(next, LOOK);
        }
      }
    }
  }

  private static FieldMask maskOf(GetFlowsRequest request) {
    return request.hasFieldMask()
        ? request.getFieldMask()
        : request.getExperimental().getFieldMask();
  }

  /** A flow as it is sent. */
  GetFlowsResponse answer(Flow flow) {
    var answer = GetFlowsResponse.newBuilder().setFlow(flow).setNodeName(messages.node());
    return flow.hasTime() ? answer.setTime(flow.getTime()).build() : answer.build();
  }

  /** That so many flows were lost. */
  GetFlowsResponse lost(long number) {
    Timestamp now = FlowMessages.timestamp(Instant.now());
    return GetFlowsResponse.newBuilder()
        .setLostEvents(
            LostEvent.newBuilder()
                .setSource(LostEventSource.HUBBLE_RING_BUFFER)
                .setNumEventsLost(number)
                .setFirst(now)
                .setLast(now))
        .setNodeName(messages.node())
        .setTime(now)
        .build();
  }
}
