// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon.ui;

import io.cilium4j.agent.Agent;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Flow;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Label;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.state.Row;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.observer.FlowJson;
import io.cilium4j.datapath.observer.ObserverConfig;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.RulesSnapshot;
import io.cilium4j.policy.SelectorUse;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/** What the page shows, as JSON. */
final class UiData {

  /** Most flows of one answer: about a kilobyte each. */
  private static final int MOST_FLOWS = 1_000;

  private static final int TCP = 6;

  private final JsonMapper mapper = JsonMapper.builder().build();
  private final Agent agent;
  private final ObserverConfig config;
  private final FlowJson flows;

  UiData(Agent agent, ObserverConfig config) {
    this.agent = agent;
    this.config = config;
    this.flows = new FlowJson(config);
  }

  /** What is asked for; empty where there is no such thing. */
  String answer(String path, @Nullable String query) {
    return switch (path) {
      case "/api/flows" -> flows(number(query, "after"));
      case "/api/why" -> json(Map.of("why", why(number(query, "flow"))));
      case "/api/endpoints" -> json(endpoints());
      case "/api/policies" -> json(policies());
      default -> "";
    };
  }

  /** A number of a query; 0 for none. */
  private static long number(@Nullable String query, String name) {
    String wanted = name + "=";
    return query != null && query.startsWith(wanted) && query.matches(wanted + "[0-9]{1,18}")
        ? Long.parseLong(query.substring(wanted.length()))
        : 0;
  }

  private String json(Object value) {
    return mapper.writeValueAsString(value);
  }

  private String flows(long from) {
    FlowJson.Batch batch = flows.read(from, MOST_FLOWS);
    return "{\"node\":%s,\"next\":%d,\"lost\":%d,\"flows\":[%s]}"
        .formatted(
            json(config.clusterName() + "/" + config.nodeName()),
            batch.next(),
            batch.lost(),
            String.join(",", batch.flows()));
  }

  // ---- why

  private String why(long number) {
    Optional<ReportedFlow> flow =
        config.flows().ring().read(Math.max(1, number), 1).items().stream()
            .filter(each -> each.number() == number)
            .findFirst();
    return flow.map(this::why).orElse("The flow is not kept any more.");
  }

  private String why(ReportedFlow reported) {
    Flow flow = reported.flow();
    var text = new StringBuilder();
    flow.drop().ifPresent(reason -> text.append(reason).append('\n'));
    if (!reported.rule().equals(RuleOrigin.NONE)) {
      text.append("decided by ").append(reported.rule()).append('\n');
    }
    boolean ofPolicy = reported.event() == FlowEvent.VERDICT || reported.event() == FlowEvent.DROP;
    if (ofPolicy && flow.endpointId() != 0) {
      boolean ingress = flow.direction() == TrafficDirection.INGRESS;
      int peer = ingress ? flow.sourceIdentity() : flow.destinationIdentity();
      explain(flow.endpointId(), flow.direction(), peer, flow.protocol(), flow.destinationPort())
          .ifPresent(each -> text.append("\nby the policies now in force:\n").append(each));
    }
    return text.toString();
  }

  private Optional<Explanation> explain(
      int endpointId, TrafficDirection direction, int peer, int protocol, int port) {
    return agent
        .endpoints()
        .get(endpointId)
        .flatMap(endpoint -> agent.explain(endpoint, direction, peer, protocol, port));
  }

  // ---- lists

  private List<Map<String, Object>> endpoints() {
    List<Map<String, Object>> all = new ArrayList<>();
    for (Row<Integer, Endpoint> row : agent.endpoints().snapshot()) {
      Endpoint each = row.value();
      all.add(
          Map.of(
              "id", each.id(),
              "pod", each.podName(),
              "identity", each.identity(),
              "state", each.state().toString(),
              "addresses", each.addresses().stream().map(IpAddress::toString).toList(),
              "enforced", enforced(each),
              "labels", each.labels().stream().map(Label::toString).toList()));
    }
    return all;
  }

  private String enforced(Endpoint endpoint) {
    List<String> words = new ArrayList<>();
    for (TrafficDirection direction : List.of(TrafficDirection.INGRESS, TrafficDirection.EGRESS)) {
      words.add(restricts(endpoint, direction) ? "enforced" : "open");
    }
    return String.join(", ", words);
  }

  private boolean restricts(Endpoint endpoint, TrafficDirection direction) {
    return anybody(endpoint, direction)
        .filter(each -> !each.restrictedBy().isEmpty() || each.decider().isPresent())
        .isPresent();
  }

  /** What the rules that select an endpoint say of somebody outside. */
  private Optional<Explanation> anybody(Endpoint endpoint, TrafficDirection direction) {
    return agent.explain(endpoint, direction, ReservedIdentity.WORLD.id(), TCP, 1);
  }

  /** The policies in force and those that cannot be, with the endpoints that they select. */
  private List<Map<String, Object>> policies() {
    Map<Integer, List<Endpoint>> endpoints =
        agent.endpoints().snapshot().stream()
            .map(Row::value)
            .collect(Collectors.groupingBy(Endpoint::identity));
    List<Identity> identities =
        agent.identities().snapshot().stream()
            .map(Row::value)
            .filter(each -> endpoints.containsKey(each.id()))
            .toList();
    RulesSnapshot rules = agent.rules();
    Map<String, Set<String>> selected = new TreeMap<>();
    rules.resources().forEach(each -> selected.put(each.resource().slashed(), new TreeSet<>()));
    Map<String, String> problems = new TreeMap<>();
    for (var row : agent.policies().snapshot()) {
      String name = row.key().toString();
      selected.putIfAbsent(name, new TreeSet<>());
      problems.put(name, String.join("; ", row.value().problems()));
    }
    for (SelectorUse use : rules.subjectSelectors(identities)) {
      List<String> pods =
          use.identities().stream()
              .flatMap(each -> endpoints.getOrDefault(each, List.of()).stream())
              .map(Endpoint::podName)
              .toList();
      use.objects()
          .forEach(each -> selected.getOrDefault(each.slashed(), new TreeSet<>()).addAll(pods));
    }
    List<Map<String, Object>> all = new ArrayList<>();
    selected.forEach((name, pods) ->
        all.add(
            Map.of(
                "name", name,
                "selects", List.copyOf(pods),
                "problem", problems.getOrDefault(name, ""))));
    return all;
  }
}
