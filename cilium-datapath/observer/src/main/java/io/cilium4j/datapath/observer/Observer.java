// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import com.google.protobuf.util.FieldMaskUtil;
import io.cilium4j.core.Node;
import io.cilium4j.datapath.flow.FlowLog;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.proto.Flow;
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
import java.util.Set;
import java.util.TreeSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** The answers of the observer. Safe for use by several threads. */
final class Observer {

  /** How long a reader that waits for flows sleeps before it looks whether its client has gone. */
  private static final Duration LOOK = Duration.ofSeconds(1);

  private final ObserverConfig config;
  private final FlowMessages messages;

  Observer(ObserverConfig config) {
    this.config = config;
    this.messages = new FlowMessages(config.nodeName(), config.clusterName(), config.startedAt());
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

  /** Sends the flows that a client asks for; ends when there are no more, or the client goes. */
  void flows(GetFlowsRequest request, FlowQuery query, Outgoing<GetFlowsResponse> to)
      throws InterruptedException {
    UnaryOperator<Flow> masked = mask(request);
    FlowLog log = config.flows();
    long next = query.begin(log);
    long last = log.reported();
    long sent = 0;
    while (!to.isOver()) {
      FlowLog.Batch batch = log.read(next, FlowQuery.STEP);
      if (batch.lost() > 0 && next > 1 && !to.send(lost(batch.lost()))) {
        return;
      }
      next += batch.lost();
      for (ReportedFlow flow : batch.flows()) {
        boolean isOver = query.isBeyond(flow) || (!query.follow() && flow.number() > last);
        if (isOver) {
          to.end();
          return;
        }
        next = flow.number() + 1;
        if (!query.isWanted(flow)) {
          continue;
        }
        if (!to.send(answer(masked.apply(messages.message(flow))))) {
          return;
        }
        if (++sent == query.number() && !query.follow()) {
          to.end();
          return;
        }
      }
      if (batch.flows().isEmpty()) {
        if (!query.follow()) {
          to.end();
          return;
        }
        log.await(next, LOOK);
      }
    }
  }

  private static UnaryOperator<Flow> mask(GetFlowsRequest request) {
    if (!request.hasFieldMask() || request.getFieldMask().getPathsCount() == 0) {
      return flow -> flow;
    }
    if (!FieldMaskUtil.isValid(Flow.class, request.getFieldMask())) {
      throw new IllegalArgumentException("field_mask: no such field of a flow");
    }
    return flow -> FieldMaskUtil.trim(request.getFieldMask(), flow);
  }

  private GetFlowsResponse answer(Flow flow) {
    return GetFlowsResponse.newBuilder()
        .setFlow(flow)
        .setNodeName(messages.node())
        .setTime(flow.getTime())
        .build();
  }

  private GetFlowsResponse lost(long number) {
    return GetFlowsResponse.newBuilder()
        .setLostEvents(
            LostEvent.newBuilder()
                .setSource(LostEventSource.HUBBLE_RING_BUFFER)
                .setNumEventsLost(number))
        .setNodeName(messages.node())
        .setTime(FlowMessages.timestamp(Instant.now()))
        .build();
  }
}
