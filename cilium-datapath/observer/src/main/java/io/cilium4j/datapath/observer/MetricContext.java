// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Pod;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.datapath.flow.FlowParty;
import io.cilium4j.datapath.flow.ReportedFlow;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * By what a metric tells flows apart beside its own labels: {@code sourceContext} and {@code
 * destinationContext} with their forms for one direction, each the first of some identifiers that
 * is known; and {@code labelsContext}.
 */
final class MetricContext {
  private static final List<String> CONTEXTS =
      List.of(
          "sourceContext",
          "sourceEgressContext",
          "sourceIngressContext",
          "destinationContext",
          "destinationEgressContext",
          "destinationIngressContext");

  private static final List<String> IDENTIFIERS =
      List.of(
          "identity",
          "namespace",
          "pod",
          "pod-name",
          "ip",
          "reserved-identity",
          "workload",
          "workload-name",
          "app");

  private static final List<String> LABELS =
      List.of(
          "source_ip",
          "source_pod",
          "source_namespace",
          "source_workload",
          "source_workload_kind",
          "source_app",
          "destination_ip",
          "destination_pod",
          "destination_namespace",
          "destination_workload",
          "destination_workload_kind",
          "destination_app",
          "traffic_direction");

  private static final List<String> APP_KEYS = List.of("app.kubernetes.io/name", "k8s-app", "app");

  private final Map<String, List<String>> contexts = new HashMap<>();
  private final List<String> labels = new ArrayList<>();

  /**
   * Reads options.
   *
   * @param options {@code NAME=VALUE}, with semicolons between them; empty for none
   * @throws IllegalArgumentException with a line for people if one is not known
   */
  static MetricContext parse(String options) {
    var context = new MetricContext();
    for (String option : options.isEmpty() ? new String[0] : options.split(";", -1)) {
      int equals = option.indexOf('=');
      String name = equals < 0 ? option : option.substring(0, equals);
      String value = equals < 0 ? "" : option.substring(equals + 1);
      if (name.equals("labelsContext")) {
        context.labels.addAll(known(value, ",", LABELS));
      } else if (CONTEXTS.contains(name)) {
        context.contexts.put(name, known(value, "\\|", IDENTIFIERS));
      } else {
        throw new IllegalArgumentException(
            "option " + name + ": wanted labelsContext or one of " + CONTEXTS);
      }
    }
    return context;
  }

  private static List<String> known(String text, String between, List<String> all) {
    List<String> values = List.of(text.split(between, -1));
    for (String value : values) {
      if (!all.contains(value)) {
        throw new IllegalArgumentException("\"" + value + "\": not supported; wanted " + all);
      }
    }
    return values.stream().distinct().toList();
  }

  /** The names of its labels. */
  List<String> names() {
    List<String> names = new ArrayList<>(labels);
    for (String side : List.of("source", "destination")) {
      if (contexts.keySet().stream().anyMatch(each -> each.startsWith(side))) {
        names.add(side);
      }
    }
    return names;
  }

  /** Their values for a flow. */
  List<String> values(ReportedFlow flow) {
    List<String> values = new ArrayList<>();
    labels.forEach(label -> values.add(value(label, flow)));
    for (String side : List.of("source", "destination")) {
      if (contexts.keySet().stream().anyMatch(each -> each.startsWith(side))) {
        values.add(contextOf(side, flow));
      }
    }
    return values;
  }

  private String contextOf(String side, ReportedFlow flow) {
    boolean ingress = flow.flow().direction() == TrafficDirection.INGRESS;
    List<String> wanted =
        contexts.getOrDefault(
            side + (ingress ? "IngressContext" : "EgressContext"),
            contexts.getOrDefault(side + "Context", List.of()));
    return wanted.stream()
        .map(each -> identify(each, side.equals("source"), flow))
        .filter(each -> !each.isEmpty())
        .findFirst()
        .orElse("");
  }

  private static String value(String label, ReportedFlow flow) {
    if (label.equals("traffic_direction")) {
      return flow.flow().direction().toString().toLowerCase(Locale.ROOT);
    }
    boolean isSource = label.startsWith("source_");
    String what = label.substring(label.indexOf('_') + 1);
    String identifier =
        switch (what) {
          case "pod" -> "pod-name";
          case "workload" -> "workload-name";
          case "workload_kind" -> "workload-kind";
          default -> what;
        };
    return identify(identifier, isSource, flow);
  }

  private static String identify(String identifier, boolean isSource, ReportedFlow flow) {
    FlowParty party = isSource ? flow.source() : flow.destination();
    return switch (identifier) {
      case "identity" -> texts(party.labels());
      case "namespace" -> party.namespace();
      case "pod" ->
          party.namespace().isEmpty() ? party.pod() : party.namespace() + "/" + party.pod();
      case "pod-name" -> party.pod();
      case "ip" -> (isSource ? flow.flow().source() : flow.flow().destination()).toString();
      case "reserved-identity" -> reserved(party.labels());
      case "workload" ->
          workload(
              party,
              each ->
                  party.namespace().isEmpty()
                      ? each.name()
                      : party.namespace() + "/" + each.name());
      case "workload-name" -> workload(party, Pod.Workload::name);
      case "workload-kind" -> workload(party, Pod.Workload::kind);
      default -> app(party.labels());
    };
  }

  private static String workload(FlowParty party, Function<Pod.Workload, String> of) {
    return party.facts().workload().map(of).orElse("");
  }

  private static String texts(Labels labels) {
    return labels.stream().map(Label::toString).collect(Collectors.joining(","));
  }

  /** The API server's label where there is one, else the first of those that are reserved. */
  private static String reserved(Labels labels) {
    List<String> reserved =
        labels.stream().map(Label::toString).filter(each -> each.startsWith("reserved:")).toList();
    String apiServer = "reserved:kube-apiserver";
    return reserved.contains(apiServer) ? apiServer : reserved.stream().findFirst().orElse("");
  }

  private static String app(Labels labels) {
    for (String key : APP_KEYS) {
      for (Label label : labels) {
        if (label.key().equals(key) && label.source().equals("k8s")) {
          return label.value();
        }
      }
    }
    return "";
  }
}
