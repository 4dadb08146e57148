// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.CidrLabels;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.HttpRequest;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Label;
import io.cilium4j.core.LabelSource;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.policy.PolicyCase.FlowSpec;
import io.cilium4j.policy.PolicyCase.Parsed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads {@link PolicyCase}s. */
final class CaseReader {
  private static final Set<String> FIELDS =
      Set.of(
          "identities",
          "policies",
          "flows",
          "subject",
          "services",
          "cidrGroups",
          "groups",
          "nodes",
          "config",
          "description");
  private static final int MAX_PORT = 0xffff;

  private final String source;
  private PolicyConfig config;

  /** Identities by number, before they are labelled with their groups. */
  private final Map<Integer, PolicySubject> subjects = new TreeMap<>();

  CaseReader(String source, PolicyConfig base) {
    this.source = source;
    this.config = base;
  }

  PolicyCase read(String json) {
    List<Object> documents = PolicyParser.documents(json, source);
    if (documents.size() != 1) {
      throw new PolicyParseException(
          source, "", "", documents.size() + " documents", "one JSON object: a policy case");
    }
    // As for policies: what the reference would pass over is passed over with it.
    var document = new Field.Document(source, "", config.referenceCompat());
    var root = new Field(document, "", documents.getFirst());
    root.only(FIELDS);
    config = config.toBuilder().externalGroups(true).build(); // A case lists them all.
    Field options = root.find("config");
    if (options != null) {
      config = new CaseOptions(options).over(config);
    }
    root.items("identities").forEach(this::identity);
    root.items("nodes").forEach(this::node);
    CidrGroups groups =
        CidrGroups.NONE
            .with(root.each("cidrGroups", this::cidrGroup))
            .with(externalGroups(root).keySet(), CidrGroups.provider(externalGroups(root)));
    List<Parsed> policies = policies(root);
    for (Parsed policy : policies) {
      groups =
          groups.with(
              policy.resources().stream()
                  .filter(CidrGroup.class::isInstance)
                  .map(CidrGroup.class::cast)
                  .toList());
    }
    Map<Integer, PolicySubject> labelled = new HashMap<>();
    for (PolicySubject each : subjects.values()) {
      Identity identity = each.identity();
      var inGroups = new Identity(identity.id(), groups.applyTo(identity.labels()));
      labelled.put(
          identity.id(),
          new PolicySubject(inGroups, each.namedPorts(), each.enforcement(), each.denial()));
    }
    IdentitiesSnapshot identities =
        IdentitiesSnapshot.reserved()
            .with(
                labelled.values().stream()
                    .map(each -> new IdentitiesSnapshot.Peer(each.identity(), each.namedPorts()))
                    .toList());
    Field subject = root.find("subject");
    return new PolicyCase(
        config,
        identities,
        labelled,
        policies,
        root.each("services", CaseReader::service),
        root.each("flows", item -> flow(item, identities)),
        subject == null ? OptionalInt.empty() : OptionalInt.of(id(subject)));
  }

  private static int id(Field field) {
    return field.integer(0, Integer.MAX_VALUE);
  }

  private void put(Field item, PolicySubject subject) {
    if (subjects.put(subject.identity().id(), subject) != null) {
      throw item.error("identity " + subject.identity().id() + " twice", "each number once");
    }
  }

  private void identity(Field item) {
    item.only(Set.of("id", "labels", "namedPorts", "enforcement", "audit"));
    Map<String, NamedPort> ports = new HashMap<>();
    Field named = item.find("namedPorts");
    if (named != null) {
      named.map().keySet().forEach(name -> ports.put(name, namedPort(named.need(name))));
    }
    Field mode = item.find("enforcement");
    var subject =
        new PolicySubject(
            new Identity(id(item.need("id")), labels(item)),
            ports,
            mode == null ? null : mode.choose(CaseOptions::mode, EnforcementMode.values()));
    Boolean audit = item.truth("audit");
    put(
        item,
        audit == null ? subject : subject.withDenial(audit ? DenialMode.AUDIT : DenialMode.DROP));
  }

  private static Labels labels(Field item) {
    return Labels.of(
        item.each(
            "labels", each -> each.parse(Label::parse, "a label: SOURCE:KEY or SOURCE:KEY=VALUE")));
  }

  /** A number, of TCP, or {@code NUMBER/PROTOCOL}. */
  private static NamedPort namedPort(Field field) {
    if (!(field.value() instanceof String text)) {
      return new NamedPort(Protocol.TCP.number(), field.integer(1, MAX_PORT));
    }
    int slash = text.indexOf('/');
    Optional<Protocol> protocol = Protocol.tryParse(text.substring(slash + 1));
    String digits = slash < 0 ? "" : text.substring(0, slash);
    if (protocol.isEmpty() || !digits.matches("[1-9][0-9]{0,4}")) {
      throw field.wanted("a port, or PORT/PROTOCOL");
    }
    return new NamedPort(protocol.get().number(), Integer.parseInt(digits));
  }

  /** A node: an identity of the remote-node scope, or the host itself. */
  private void node(Field item) {
    item.only(Set.of("id", "name", "labels", "address", "local"));
    boolean local = Boolean.TRUE.equals(item.truth("local"));
    var labels = new ArrayList<Label>();
    labels.add(Label.reserved(local ? "host" : "remote-node"));
    labels.add(Label.k8s(Selectors.CLUSTER, config.clusterName()));
    texts(item.find("labels"))
        .forEach((key, value) -> labels.add(new Label(LabelSource.NODE, key, value)));
    Field address = item.find("address");
    if (address != null && config.cidrMatch().contains(PolicyConfig.CidrMatch.NODES)) {
      IpPrefix prefix = IpPrefix.host(address.parse(IpAddress::parse, "an address"));
      CidrLabels.of(prefix).ifPresent(labels::add);
    }
    int id = local ? ReservedIdentity.HOST.id() : id(item.need("id"));
    put(item, PolicySubject.of(new Identity(id, Labels.of(labels))));
  }

  private static Map<String, String> texts(@Nullable Field map) {
    Map<String, String> texts = new TreeMap<>();
    if (map != null) {
      map.map().keySet().forEach(key -> texts.put(key, map.text(key)));
    }
    return texts;
  }

  private CidrGroup cidrGroup(Field item) {
    item.only(Set.of("name", "labels", "cidrs"));
    return new CidrGroup(
        new ResourceName(CidrGroup.KIND, "", item.need("name").text()),
        texts(item.find("labels")),
        item.each("cidrs", CaseReader::prefix));
  }

  private static IpPrefix prefix(Field field) {
    return field.parse(IpPrefix::parseLenient, "an address or ADDRESS/LENGTH");
  }

  private static Map<String, List<IpPrefix>> externalGroups(Field root) {
    Map<String, List<IpPrefix>> groups = new HashMap<>();
    for (Field item : root.items("groups")) {
      item.only(Set.of("group", "cidrs"));
      groups.put(item.need("group").canonicalJson(), item.each("cidrs", CaseReader::prefix));
    }
    return groups;
  }

  private static PolicyService service(Field item) {
    item.only(Set.of("namespace", "name", "labels", "selector", "backends"));
    return new PolicyService(
        item.find("namespace") == null ? "default" : item.text("namespace"),
        item.need("name").text(),
        texts(item.find("labels")),
        texts(item.find("selector")),
        item.each("backends", each -> each.parse(IpAddress::parse, "an address")));
  }

  private List<Parsed> policies(Field root) {
    var all = new ArrayList<Parsed>();
    for (Field item : root.items("policies")) {
      try {
        all.add(
            new Parsed(
                PolicyParser.parseTree(item.value(), item.path(), config), Optional.empty()));
      } catch (PolicyParseException e) {
        all.add(new Parsed(List.of(), Optional.of(e)));
      }
    }
    return all;
  }

  private static FlowSpec flow(Field item, IdentitiesSnapshot identities) {
    item.only(Set.of("from", "to", "proto", "port", "http"));
    Field name = item.need("proto");
    Protocol protocol =
        Protocol.tryParse(name.text())
            .filter(known -> known != Protocol.ANY)
            .orElseThrow(() -> name.wanted("a protocol, for example TCP or ICMP"));
    Field port = item.find("port");
    return new FlowSpec(
        known(item.need("from"), identities),
        known(item.need("to"), identities),
        protocol.number(),
        port == null ? 0 : port.integer(0, MAX_PORT),
        Optional.ofNullable(item.find("http")).map(CaseReader::request));
  }

  private static HttpRequest request(Field item) {
    item.only(Set.of("method", "path", "host", "headers"));
    Map<String, List<String>> headers = new LinkedHashMap<>();
    for (Field header : item.items("headers")) {
      int colon = header.text().indexOf(':');
      if (colon < 1) {
        throw header.wanted("NAME: VALUE");
      }
      String name = header.text().substring(0, colon).toLowerCase(Locale.ROOT);
      String value = header.text().substring(colon + 1).strip();
      headers.computeIfAbsent(name, _ -> new ArrayList<>()).add(value);
    }
    return new HttpRequest(
        item.need("method").text(), item.need("path").text(), item.text("host"), headers);
  }

  /** Of an identity without labels every answer would look as if rules had been asked. */
  private static int known(Field field, IdentitiesSnapshot identities) {
    int id = id(field);
    if (identities.labels(id).isEmpty()) {
      throw field.wanted("a reserved identity, or one that the case describes");
    }
    return id;
  }
}
