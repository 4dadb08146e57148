// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli.policy;

import io.cilium4j.cli.command.Arguments;
import io.cilium4j.cli.command.CommandException;
import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import io.cilium4j.cli.command.TextTable;
import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.DnsPattern;
import io.cilium4j.core.HttpRequest;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PodLabels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.RequestMatcher.Decision;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.policy.CidrGroup;
import io.cilium4j.policy.CidrGroups;
import io.cilium4j.policy.CompiledPolicy;
import io.cilium4j.policy.Explanation;
import io.cilium4j.policy.IdentitiesSnapshot;
import io.cilium4j.policy.Peers;
import io.cilium4j.policy.PolicyCompiler;
import io.cilium4j.policy.PolicyConfig;
import io.cilium4j.policy.PolicyRepository;
import io.cilium4j.policy.PolicySubject;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** {@code cilium policy explain}: one flow between two peers that are only described. */
final class ExplainCommand {
  /** Numbers that the two ends get; any cluster-wide ones would do. */
  private static final int SENDER = 1000;

  private static final int RECEIVER = 1001;

  private static final String NAMESPACE = "io.kubernetes.pod.namespace";
  private static final String NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels.";
  private static final String SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount";
  private static final String CLUSTER = "io.cilium.k8s.policy.cluster";

  private static final int MAX_NAME_CHARS = 255;

  /** What is meant to be an address, well written or not; no label's key is. */
  private static final Pattern ADDRESS =
      Pattern.compile("[0-9]+(\\.[0-9]+)+(/.*)?|[0-9a-fA-F]*:[0-9a-fA-F:.]*(/.*)?");

  private final PolicyConfig config;

  ExplainCommand(PolicyConfig config) {
    this.config = config;
  }

  int run(Arguments arguments, Console console) throws IOException {
    PortAndProtocol port = port(arguments);
    Optional<Boolean> expected = expected(arguments);
    Optional<HttpRequest> request = request(arguments, port);
    Optional<String> question = arguments.find("--dns").map(text -> name(arguments, "--dns", text));
    PolicyFiles files = PolicyFiles.read(Path.of(arguments.need("--policies")), console, config);
    if (!files.errors().isEmpty()) {
      throw new CommandException(String.join("\n", files.errors()));
    }
    CidrGroups groups =
        CidrGroups.NONE.with(
            files.policies().stream()
                .filter(CidrGroup.class::isInstance)
                .map(CidrGroup.class::cast)
                .toList());
    var repository = new PolicyRepository(config);
    repository.setServices(files.services().all());
    repository.add(files.policies());
    Set<Peers.Fqdn> names = repository.snapshot().names();
    Identity from = labelled(peer(arguments, "--from", SENDER, files, names), groups);
    Identity to = labelled(peer(arguments, "--to", RECEIVER, files, names), groups);
    IdentitiesSnapshot identities = IdentitiesSnapshot.reserved().with(from).with(to);
    var compiler = new PolicyCompiler(config);
    boolean passes = true;
    boolean refused = false;
    List<String> unselected = new ArrayList<>();
    for (TrafficDirection direction : List.of(TrafficDirection.EGRESS, TrafficDirection.INGRESS)) {
      boolean egress = direction == TrafficDirection.EGRESS;
      CompiledPolicy policy =
          compiler.compile(PolicySubject.of(egress ? from : to), repository.snapshot(), identities);
      Explanation why =
          policy.explain(direction, egress ? to.id() : from.id(), port.protocol, port.port);
      console.line(TextTable.cleanLines(why.toString()));
      passes &= why.verdict().passes();
      if (request.isPresent()) {
        Decision decision =
            policy
                .requests(direction)
                .matcher(egress ? to.id() : from.id(), port.protocol, port.port)
                .decide(request.get());
        refused |= !decision.passes();
        console.line(TextTable.cleanLines(shown("request " + request.get(), "request", decision)));
      }
      if (question.isPresent() && egress) {
        Decision decision =
            policy
                .requests(direction)
                .matcher(to.id(), port.protocol, port.port)
                .decideQuery(question.get());
        refused |= !decision.passes();
        console.line(
            TextTable.cleanLines(shown("question " + question.get(), "question", decision)));
      }
      if (!isSelected(policy, from, to, port)) {
        unselected.add(egress ? "the sender" : "the receiver");
      }
    }
    if (!unselected.isEmpty()) {
      console.line(
          "No policy selects "
              + (unselected.size() == 2 ? "either side" : unselected.getFirst())
              + ".");
    }
    console.line(passes ? "The flow passes." : "The flow is dropped.");
    if (passes && request.isPresent()) {
      console.line(refused ? "The request is answered with 403." : "The request passes.");
    }
    if (passes && question.isPresent()) {
      console.line(refused ? "The question is refused." : "The question passes.");
    }
    passes &= !refused;
    return expected.isEmpty() || expected.get() == passes ? 0 : ExitCode.FAILED;
  }

  /** The request that is asked about: {@code METHOD PATH}, with a host and headers if given. */
  private static Optional<HttpRequest> request(Arguments arguments, PortAndProtocol port) {
    Optional<String> line = arguments.find("--http");
    if (line.isEmpty()) {
      return Optional.empty();
    }
    int space = line.get().indexOf(' ');
    if (space < 1 || line.get().indexOf(' ', space + 1) >= 0) {
      throw arguments.wrong("--http", "METHOD PATH, for example \"GET /\"");
    }
    if (port.protocol != Protocol.TCP.number()) {
      throw arguments.wrong("--http", "a port of TCP");
    }
    Map<String, List<String>> headers = new TreeMap<>();
    for (String header : arguments.all("--header")) {
      int colon = header.indexOf(':');
      if (colon < 1) {
        throw arguments.wrong("--header", "NAME: VALUE");
      }
      headers
          .computeIfAbsent(
              header.substring(0, colon).toLowerCase(Locale.ROOT), _ -> new ArrayList<>())
          .add(header.substring(colon + 1).strip());
    }
    String method = line.get().substring(0, space);
    String path = line.get().substring(space + 1);
    return Optional.of(new HttpRequest(method, path, arguments.find("--host").orElse(""), headers));
  }

  private static String shown(String what, String kind, Decision decision) {
    String verdict = decision.passes() ? "passes by " : "is denied: ";
    String because =
        decision.passes() || decision.rule().cookie() == 0
            ? decision.rule().toString()
            : decision.rule() + " lets no such " + kind + " through";
    return "  " + what + " " + verdict + because;
  }

  private static Optional<Boolean> expected(Arguments arguments) {
    return arguments
        .find("--expect")
        .map(verdict ->
            switch (verdict) {
              case "allowed" -> true;
              case "denied" -> false;
              default -> throw arguments.wrong("--expect", "allowed or denied");
            });
  }

  /** Whether any rule is about the subject, in whatever direction. */
  private static boolean isSelected(
      CompiledPolicy policy, Identity from, Identity to, PortAndProtocol port) {
    return Stream.of(TrafficDirection.values())
        .map(direction ->
            policy.explain(
                direction,
                direction == TrafficDirection.EGRESS ? to.id() : from.id(),
                port.protocol,
                port.port))
        .anyMatch(why ->
            why.decider().isPresent() || !why.others().isEmpty() || !why.restrictedBy().isEmpty());
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
    boolean isIcmp = protocol.get() == Protocol.ICMP || protocol.get() == Protocol.ICMPV6;
    if (isIcmp && Integer.parseInt(digits) > 0xff) {
      throw arguments.wrong("--port", "a type of ICMP up to 255, for example 8/ICMP");
    }
    return new PortAndProtocol(Integer.parseInt(digits), protocol.get().number());
  }

  private static Identity labelled(Identity identity, CidrGroups groups) {
    return new Identity(identity.id(), groups.applyTo(identity.labels()));
  }

  private Identity peer(
      Arguments arguments, String option, int number, PolicyFiles files, Set<Peers.Fqdn> names) {
    String text = arguments.need(option);
    if (text.startsWith(LabelSource.FQDN + ":")) {
      String name = name(arguments, option, text.substring(LabelSource.FQDN.length() + 1));
      return new Identity(Identity.LOCAL_SCOPE + number, labels(name, names));
    }
    Optional<ReservedIdentity> reserved =
        Arrays.stream(ReservedIdentity.values())
            .filter(each -> !each.isAggregate() && each != ReservedIdentity.UNKNOWN)
            .filter(each ->
                each.identity().labels().stream().anyMatch(label -> label.toString().equals(text)))
            .findFirst();
    if (reserved.isPresent()) {
      return reserved.get().identity();
    }
    if (ADDRESS.matcher(text).matches()) {
      IpPrefix prefix = prefix(arguments, option, text);
      var labels = new ArrayList<Label>();
      CidrLabels.of(prefix).ifPresent(labels::add);
      labels.add(Label.reserved(prefix.address().isV4() ? "world-ipv4" : "world-ipv6"));
      return new Identity(Identity.LOCAL_SCOPE + number, Labels.of(labels));
    }
    return new Identity(number, pod(arguments, option, text, files));
  }

  private static String name(Arguments arguments, String option, String text) {
    if (text.length() > MAX_NAME_CHARS || !text.matches("[-a-zA-Z0-9_.]+")) {
      throw arguments.wrong(option, "a DNS name, for example www.example.com");
    }
    return text;
  }

  /** Those of an address that somebody was told for a name. */
  private static Labels labels(String name, Set<Peers.Fqdn> names) {
    var labels = new ArrayList<Label>();
    labels.add(Label.reserved("world-ipv4"));
    for (Peers.Fqdn each : names) {
      DnsPattern pattern =
          each.isPattern() ? DnsPattern.ofPattern(each.text()) : DnsPattern.ofName(each.text());
      if (pattern.matches(name)) {
        labels.add(new Label(LabelSource.FQDN, each.text(), ""));
      }
    }
    return Labels.of(Set.copyOf(labels));
  }

  private static IpPrefix prefix(Arguments arguments, String option, String text) {
    try {
      return IpPrefix.parseLenient(text);
    } catch (IllegalArgumentException e) {
      throw arguments.wrong(option, "an address or ADDRESS/LENGTH (" + e.getMessage() + ")");
    }
  }

  /**
   * A pod's labels as the cluster would have them. What the system derives may be given too: the
   * pod's namespace with its labels, its service account, its cluster.
   */
  private Labels pod(Arguments arguments, String option, String text, PolicyFiles files) {
    Map<String, String> own = new TreeMap<>();
    for (String word : text.split(",", -1)) {
      Optional<Label> label =
          Label.tryParse(
                  word.indexOf(':') < 0 || word.indexOf('=') < word.indexOf(':')
                      ? "k8s:" + word
                      : word)
              .filter(each -> each.source().equals(LabelSource.K8S) && word.indexOf('=') > 0);
      if (label.isEmpty()) {
        throw arguments.wrong(
            option, "KEY=VALUE,… of a pod, an address, fqdn:NAME, or reserved:NAME");
      }
      if (own.put(label.get().key(), label.get().value()) != null) {
        throw arguments.wrong(option, "each key once, not " + label.get().key() + " twice");
      }
    }
    String given = own.remove(NAMESPACE);
    String namespace = given != null ? given : arguments.find("--namespace").orElse("default");
    Map<String, String> ofNamespace = new TreeMap<>();
    files.namespaces().stream()
        .filter(each -> each.name().equals(namespace))
        .forEach(each -> ofNamespace.putAll(each.labels()));
    own.forEach((key, value) -> {
      if (key.startsWith(NAMESPACE_LABELS)) {
        ofNamespace.put(key.substring(NAMESPACE_LABELS.length()), value);
      }
    });
    var origin =
        new PodLabels.Origin(
            namespace,
            ofNamespace,
            own.getOrDefault(SERVICE_ACCOUNT, "default"),
            own.getOrDefault(CLUSTER, config.clusterName()));
    return PodLabels.prepare(own, origin, Map.of());
  }
}
