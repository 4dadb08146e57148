// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.HttpRequest;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.documents.JsonWriter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;

/**
 * A policy question in a file: who there is, which policies are in force, and flows to decide. It
 * needs no cluster and no kernel, so it is what bug reports, tests and measurements are made of.
 *
 * <p>The text is one JSON object:
 *
 * <pre>{@code
 * {"identities": [{"id": 1000, "labels": ["k8s:app=a"], "namedPorts": {"web": 80}}],
 *  "policies":   [{"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", …}],
 *  "flows":      [{"from": 1000, "to": 2, "proto": "TCP", "port": 80}],
 *  "subject":    1000}
 * }</pre>
 *
 * <p>More, all of it optional: {@code services} that {@code toServices} may mean, {@code
 * cidrGroups} and {@code groups}, which label the identities that have a prefix, {@code nodes},
 * which are identities by their node labels, and {@code config}, whose keys are the agent's options
 * ({@code enable-policy}, {@code cluster-name}, {@code policy-audit-mode}, …). An identity can say
 * {@code enforcement} and {@code audit} for itself. {@code docs/policy.md} lists every field.
 *
 * <p>An answer is one JSON object a line. First the policies that are refused, each with why; then
 * for each flow what the sender's egress and the receiver's ingress say, each on its own.
 */
public final class PolicyCase {
  private final PolicyConfig config;
  private final IdentitiesSnapshot identities;
  private final Map<Integer, PolicySubject> subjects;
  private final List<Parsed> policies;
  private final List<PolicyService> services;
  private final List<FlowSpec> flows;
  private final OptionalInt subject;
  private final Map<Integer, CompiledPolicy> compiled = new HashMap<>();

  PolicyCase(
      PolicyConfig config,
      IdentitiesSnapshot identities,
      Map<Integer, PolicySubject> subjects,
      List<Parsed> policies,
      List<PolicyService> services,
      List<FlowSpec> flows,
      OptionalInt subject) {
    this.config = config;
    this.identities = identities;
    this.subjects = Map.copyOf(subjects);
    this.policies = List.copyOf(policies);
    this.services = List.copyOf(services);
    this.flows = List.copyOf(flows);
    this.subject = subject;
  }

  /**
   * A flow to decide.
   *
   * @param from the sender's identity
   * @param to the receiver's identity
   * @param protocol the IP protocol's number
   * @param port the destination port; of ICMP the type
   * @param http a request inside of the flow
   */
  public record FlowSpec(int from, int to, int protocol, int port, Optional<HttpRequest> http) {
    /** A flow of which no request is asked. */
    public FlowSpec(int from, int to, int protocol, int port) {
      this(from, to, protocol, port, Optional.empty());
    }
  }

  /**
   * What became of one item of {@code policies}.
   *
   * @param resources the objects in it; none where it is refused
   * @param refusal why it is refused
   */
  public record Parsed(List<PolicyResource> resources, Optional<PolicyParseException> refusal) {
    public Parsed {
      resources = List.copyOf(resources);
    }
  }

  /**
   * Reads a case.
   *
   * @param json the text
   * @param source where it comes from, for messages
   * @param base the configuration, over which the case's own options are laid
   * @throws PolicyParseException if it is no case; a policy that is refused is an answer instead
   */
  public static PolicyCase parse(String json, String source, PolicyConfig base) {
    return new CaseReader(source, base).read(json);
  }

  /** The configuration under which it is decided. */
  public PolicyConfig config() {
    return config;
  }

  /** Everybody who is known. */
  public IdentitiesSnapshot identities() {
    return identities;
  }

  /** The policies in their order. */
  public List<Parsed> policies() {
    return policies;
  }

  /** The services that {@code toServices} may mean. */
  public List<PolicyService> services() {
    return services;
  }

  /** The flows in their order. */
  public List<FlowSpec> flows() {
    return flows;
  }

  /** The endpoint that measurements compile, if the case names one. */
  public Optional<PolicySubject> subject() {
    return subject.isPresent()
        ? Optional.ofNullable(subjects.get(subject.getAsInt()))
        : Optional.empty();
  }

  /** The policies that are not refused, in a repository. */
  public PolicyRepository repository() {
    var repository = new PolicyRepository(config);
    repository.setServices(services);
    policies.forEach(policy -> repository.add(policy.resources));
    return repository;
  }

  /** What is decided, a JSON object a line. */
  public List<String> answers() {
    var lines = new ArrayList<String>();
    refusals(lines::add);
    RulesSnapshot rules = repository().snapshot();
    for (int i = 0; i < flows.size(); i++) {
      FlowSpec flow = flows.get(i);
      var line = new LinkedHashMap<String, Object>();
      line.put("egress", verdict(rules, flow, TrafficDirection.EGRESS).name());
      line.put("flow", i);
      putRequest(line, rules, flow);
      line.put("ingress", verdict(rules, flow, TrafficDirection.INGRESS).name());
      lines.add(JsonWriter.write(line));
    }
    return lines;
  }

  /** As {@link #answers}, each flow with why it is decided so. */
  public List<String> explanations() {
    var lines = new ArrayList<String>();
    refusals(lines::add);
    RulesSnapshot rules = repository().snapshot();
    for (int i = 0; i < flows.size(); i++) {
      Explanation egress = explain(rules, flows.get(i), TrafficDirection.EGRESS);
      Explanation ingress = explain(rules, flows.get(i), TrafficDirection.INGRESS);
      var line = new LinkedHashMap<String, Object>();
      line.put("egress", egress.verdict().name());
      line.put("flow", i);
      putRequest(line, rules, flows.get(i));
      line.put("ingress", ingress.verdict().name());
      line.put("why", new TreeMap<>(Map.of("egress", tree(egress), "ingress", tree(ingress))));
      lines.add(JsonWriter.write(line));
    }
    return lines;
  }

  /** What the proxy makes of the flow's request, by the policy of each side. */
  private void putRequest(Map<String, Object> line, RulesSnapshot rules, FlowSpec flow) {
    flow.http.ifPresent(request ->
        line.put(
            "http",
            new TreeMap<>(
                Map.of(
                    "egress", tree(decide(rules, flow, request, TrafficDirection.EGRESS)),
                    "ingress", tree(decide(rules, flow, request, TrafficDirection.INGRESS))))));
  }

  private RequestMatcher.Decision decide(
      RulesSnapshot rules, FlowSpec flow, HttpRequest request, TrafficDirection direction) {
    return policy(rules, flow, direction)
        .requests(direction)
        .matcher(peer(flow, direction), flow.protocol, flow.port)
        .decide(request);
  }

  private static Map<String, Object> tree(RequestMatcher.Decision decision) {
    var tree = new LinkedHashMap<String, Object>();
    tree.put("rule", decision.rule().toString());
    tree.put("verdict", (decision.passes() ? Verdict.ALLOWED : Verdict.DENIED).name());
    return tree;
  }

  private void refusals(Consumer<String> lines) {
    for (int i = 0; i < policies.size(); i++) {
      int number = i;
      policies
          .get(i)
          .refusal
          .ifPresent(why ->
              lines.accept(
                  "{\"policy\": "
                      + number
                      + ", \"rejected\": "
                      + JsonWriter.write(why.getMessage())
                      + "}"));
    }
  }

  private Verdict verdict(RulesSnapshot rules, FlowSpec flow, TrafficDirection direction) {
    return policy(rules, flow, direction)
        .verdict(direction, peer(flow, direction), flow.protocol, flow.port);
  }

  /** Why one side decides as it does. */
  Explanation explain(RulesSnapshot rules, FlowSpec flow, TrafficDirection direction) {
    return policy(rules, flow, direction)
        .explain(direction, peer(flow, direction), flow.protocol, flow.port);
  }

  private static int peer(FlowSpec flow, TrafficDirection direction) {
    return direction == TrafficDirection.EGRESS ? flow.to : flow.from;
  }

  /** The policy of the endpoint whose side decides. One that nobody described has no labels. */
  private CompiledPolicy policy(RulesSnapshot rules, FlowSpec flow, TrafficDirection direction) {
    int id = direction == TrafficDirection.EGRESS ? flow.from : flow.to;
    return compiled.computeIfAbsent(
        id,
        _ -> {
          PolicySubject described = subjects.get(id);
          PolicySubject endpoint =
              described != null
                  ? described
                  : PolicySubject.of(new Identity(id, identities.labels(id).orElse(Labels.EMPTY)));
          return new PolicyCompiler(config).compile(endpoint, rules, identities);
        });
  }

  private static Map<String, Object> tree(Explanation why) {
    var tree = new LinkedHashMap<String, Object>();
    tree.put("reason", why.reason());
    why.decider().ifPresent(rule -> tree.put("rule", rule.toString()));
    tree.put(
        "others",
        why.others().stream()
            .map(
                loser -> new TreeMap<>(Map.of("rule", loser.rule().toString(), "why", loser.why())))
            .toList());
    var restricting = new TreeSet<String>();
    why.restrictedBy().forEach(rule -> restricting.add(rule.toString()));
    tree.put("restrictedBy", List.copyOf(restricting));
    why.remedy().ifPresent(policy -> tree.put("remedy", PolicyWriter.toJson(policy)));
    return tree;
  }
}
