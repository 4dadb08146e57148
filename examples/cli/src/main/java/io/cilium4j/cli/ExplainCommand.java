// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CidrGroup;
import io.cilium4j.policy.CidrGroups;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyParseException;
import io.cilium4j.policy.PolicyParser;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.PolicySubject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** {@code cilium policy explain}: one flow between two peers that are only described. */
final class ExplainCommand {
  /** Numbers that the two ends get; any cluster-wide ones would do. */
  private static final int SENDER = 1000;

  private static final int RECEIVER = 1001;

  private static final String NAMESPACE = "io.kubernetes.pod.namespace";

  private final PolicyConfig config;

  ExplainCommand(PolicyConfig config) {
    this.config = config;
  }

  int run(Arguments arguments, Console console) throws IOException {
    PortAndProtocol port = port(arguments);
    List<PolicyResource> policies = policies(Path.of(arguments.need("--policies")), console);
    CidrGroups groups =
        CidrGroups.NONE.with(
            policies.stream()
                .filter(CidrGroup.class::isInstance)
                .map(CidrGroup.class::cast)
                .toList());
    Identity from = labelled(peer(arguments, "--from", SENDER), groups);
    Identity to = labelled(peer(arguments, "--to", RECEIVER), groups);
    var repository = new PolicyRepository(config);
    repository.add(policies);
    IdentitiesSnapshot identities = IdentitiesSnapshot.reserved().with(from).with(to);
    var compiler = new PolicyCompiler(config);
    boolean passes = true;
    for (TrafficDirection direction : List.of(TrafficDirection.EGRESS, TrafficDirection.INGRESS)) {
      boolean egress = direction == TrafficDirection.EGRESS;
      Explanation why =
          compiler
              .compile(PolicySubject.of(egress ? from : to), repository.snapshot(), identities)
              .explain(direction, egress ? to.id() : from.id(), port.protocol, port.port);
      console.line(why.toString());
      passes &= why.verdict().passes();
    }
    console.line(passes ? "The flow passes." : "The flow is dropped.");
    return 0;
  }

  private List<PolicyResource> policies(Path path, Console console) throws IOException {
    var all = new ArrayList<PolicyResource>();
    for (Path file : PolicyCommands.files(path)) {
      try {
        all.addAll(PolicyParser.parse(console.read(file), file.toString(), config));
      } catch (PolicyParseException e) {
        throw new CommandException(e.getMessage(), e);
      }
    }
    return all;
  }

  private record PortAndProtocol(int port, int protocol) {}

  private static PortAndProtocol port(Arguments arguments) {
    String text = arguments.need("--port");
    int slash = text.indexOf('/');
    String digits = slash < 0 ? text : text.substring(0, slash);
    Optional<Protocol> protocol =
        Protocol.tryParse(slash < 0 ? "TCP" : text.substring(slash + 1))
            .filter(known -> known != Protocol.ANY);
    if (protocol.isEmpty() || !digits.matches("[0-9]{1,5}") || Integer.parseInt(digits) > 0xffff) {
      throw arguments.wrong("--port", "PORT/PROTOCOL, for example 80/TCP");
    }
    return new PortAndProtocol(Integer.parseInt(digits), protocol.get().number());
  }

  private static Identity labelled(Identity identity, CidrGroups groups) {
    return new Identity(identity.id(), groups.applyTo(identity.labels()));
  }

  private Identity peer(Arguments arguments, String option, int number) {
    String text = arguments.need(option);
    Optional<ReservedIdentity> reserved =
        Arrays.stream(ReservedIdentity.values())
            .filter(each -> !each.isAggregate())
            .filter(each ->
                each.identity().labels().stream().anyMatch(label -> label.toString().equals(text)))
            .findFirst();
    if (reserved.isPresent()) {
      return reserved.get().identity();
    }
    Optional<IpPrefix> prefix = prefix(text);
    if (prefix.isPresent()) {
      var labels = new ArrayList<Label>();
      CidrLabels.of(prefix.get()).ifPresent(labels::add);
      labels.add(Label.reserved(prefix.get().address().isV4() ? "world-ipv4" : "world-ipv6"));
      return new Identity(Identity.LOCAL_SCOPE + number, Labels.of(labels));
    }
    return new Identity(number, pod(arguments, option, text));
  }

  private static Optional<IpPrefix> prefix(String text) {
    try {
      return Optional.of(IpPrefix.parseLenient(text));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** A pod's labels as the cluster would have them: nobody writes the system's own. */
  private Labels pod(Arguments arguments, String option, String text) {
    Map<String, String> own = new TreeMap<>();
    for (String word : text.split(",", -1)) {
      Optional<Label> label =
          Label.tryParse(word.indexOf(':') < 0 ? "k8s:" + word : word)
              .filter(each -> each.source().equals("k8s"));
      if (label.isEmpty()) {
        throw arguments.wrong(option, "KEY=VALUE,… of a pod, an address, or reserved:NAME");
      }
      own.put(label.get().key(), label.get().value());
    }
    String given = own.remove(NAMESPACE);
    String namespace = given != null ? given : arguments.find("--namespace").orElse("default");
    var origin = new PodLabels.Origin(namespace, Map.of(), "default", config.clusterName());
    return PodLabels.prepare(own, origin, Map.of());
  }
}
