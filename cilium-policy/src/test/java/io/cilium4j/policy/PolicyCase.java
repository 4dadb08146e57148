// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.GZIPInputStream;

/** A case of the format of {@code policy-cases}, run through the engine. */
record PolicyCase(
    List<IdentitiesSnapshot.Peer> identities,
    List<Object> policies,
    List<FlowSpec> flows,
    int subject) {

  /** A flow to decide; the port of ICMP is its type. */
  record FlowSpec(int from, int to, int protocol, int port) {}

  static PolicyCase read(Path file) {
    try (InputStream raw = Files.newInputStream(file);
        InputStream in = file.toString().endsWith(".gz") ? new GZIPInputStream(raw) : raw) {
      return parse(new String(in.readAllBytes(), StandardCharsets.UTF_8), file.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static PolicyCase parse(String json, String source) {
    var root =
        new Field(
            new Field.Document(source, "", false), "", TreeReader.read(json, source).getFirst());
    Field subject = root.find("subject");
    return new PolicyCase(
        root.each("identities", PolicyCase::peer),
        root.each("policies", Field::value),
        root.each("flows", PolicyCase::flow),
        subject == null ? 0 : subject.integer(0, Integer.MAX_VALUE));
  }

  private static IdentitiesSnapshot.Peer peer(Field field) {
    Map<String, NamedPort> ports = new HashMap<>();
    Field named = field.find("namedPorts");
    if (named != null) {
      for (String name : named.map().keySet()) {
        int port = named.need(name).integer(1, 65535);
        ports.put(name, new NamedPort(Protocol.TCP.number(), port));
      }
    }
    var identity =
        new Identity(
            field.need("id").integer(0, Integer.MAX_VALUE),
            Labels.parse(field.each("labels", Field::text)));
    return new IdentitiesSnapshot.Peer(identity, ports);
  }

  private static FlowSpec flow(Field field) {
    Field port = field.find("port");
    return new FlowSpec(
        field.need("from").integer(0, Integer.MAX_VALUE),
        field.need("to").integer(0, Integer.MAX_VALUE),
        Protocol.tryParse(field.need("proto").text()).orElseThrow().number(),
        port == null ? 0 : port.integer(0, 65535));
  }

  IdentitiesSnapshot snapshot() {
    return IdentitiesSnapshot.reserved().with(identities);
  }

  /** The policies that parse, each or none; a null stands for one that was refused. */
  List<List<PolicyResource>> parsed(PolicyConfig config) {
    var all = new ArrayList<List<PolicyResource>>();
    for (int i = 0; i < policies.size(); i++) {
      try {
        all.add(PolicyParser.parse(JsonWriter.write(policies.get(i)), "policy " + i, config));
      } catch (PolicyParseException e) {
        all.add(List.of());
      }
    }
    return all;
  }

  /** One line for each refused policy and each flow, as the expected files have them. */
  List<String> answers(PolicyConfig config) {
    var lines = new ArrayList<String>();
    var repository = new PolicyRepository(config);
    List<List<PolicyResource>> parsed = parsed(config);
    for (int i = 0; i < parsed.size(); i++) {
      if (parsed.get(i).isEmpty()) {
        lines.add("{\"policy\": " + i + ", \"rejected\": true}");
      }
      repository.add(parsed.get(i));
    }
    var world = new CaseWorld(snapshot(), repository.snapshot(), config);
    for (int i = 0; i < flows.size(); i++) {
      FlowSpec flow = flows.get(i);
      String egress = world.verdict(TrafficDirection.EGRESS, flow);
      String ingress = world.verdict(TrafficDirection.INGRESS, flow);
      lines.add(
          "{\"egress\":\"" + egress + "\",\"flow\":" + i + ",\"ingress\":\"" + ingress + "\"}");
    }
    return lines;
  }

  static List<String> expected(Path caseFile) {
    Path file = Path.of(caseFile.toString().replaceAll("\\.json(\\.gz)?$", ".expected.jsonl"));
    try (var reader =
        new BufferedReader(
            new InputStreamReader(Files.newInputStream(file), StandardCharsets.UTF_8))) {
      return reader.lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The compiled policies of a case's identities, each made when it is first asked for. */
  static final class CaseWorld {
    private final IdentitiesSnapshot identities;
    private final RulesSnapshot rules;
    private final PolicyCompiler compiler;
    private final Map<Integer, CompiledPolicy> compiled = new HashMap<>();

    CaseWorld(IdentitiesSnapshot identities, RulesSnapshot rules, PolicyConfig config) {
      this.identities = identities;
      this.rules = rules;
      this.compiler = new PolicyCompiler(config);
    }

    CompiledPolicy policyOf(int id) {
      return compiled.computeIfAbsent(
          id,
          _ -> {
            IdentityRow row = Objects.requireNonNull(identities.row(id), () -> "no identity " + id);
            var subject = new PolicySubject(row.identity(), row.namedPorts(), null);
            return compiler.compile(subject, rules, identities);
          });
    }

    String verdict(TrafficDirection direction, FlowSpec flow) {
      boolean egress = direction == TrafficDirection.EGRESS;
      return policyOf(egress ? flow.from : flow.to)
          .verdict(direction, egress ? flow.to : flow.from, flow.protocol, flow.port)
          .name();
    }
  }
}
