// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.cli.command.Console;
import io.cilium4j.cli.command.ExitCode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PolicyCommandsTest {
  private static final String RULE1 =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: rule1}
      spec:
        endpointSelector: {matchLabels: {class: deathstar}}
        ingress:
        - fromEndpoints: [{matchLabels: {org: empire}}]
          toPorts: [{ports: [{port: "80", protocol: TCP}]}]
      """;

  @TempDir Path folder;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String input, String... args) {
    out.reset();
    err.reset();
    var console =
        new Console(
            new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8));
    return new Cli(console).run(List.of(args));
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private String file(String name, String text) throws IOException {
    return Files.writeString(folder.resolve(name), text).toString();
  }

  private static String policyCase(String policy, String flow) {
    return "{\"identities\": [{\"id\": 1000, \"labels\": [\"k8s:app=a\","
        + " \"k8s:io.kubernetes.pod.namespace=default\"]}], \"policies\": ["
        + policy
        + "], \"flows\": ["
        + flow
        + "]}";
  }

  @Test
  void verdict_ofCase_isOneLineForEachFlow() {
    String flow = "{\"from\": 2, \"to\": 1000, \"proto\": \"TCP\", \"port\": 80}";
    assertEquals(0, run(policyCase("", flow), "policy", "verdict"));
    assertEquals("{\"egress\":\"ALLOWED\",\"flow\":0,\"ingress\":\"ALLOWED\"}\n", out());
  }

  @Test
  void verdict_ofAnUnknownIdentity_isAnError() {
    for (String from : List.of("4711", "0", "11")) {
      String flow = "{\"from\": " + from + ", \"to\": 1000, \"proto\": \"TCP\", \"port\": 80}";
      assertEquals(1, run(policyCase("", flow), "policy", "verdict"));
      assertEquals("", out());
      assertTrue(err().contains("flows[0].from"), err());
      assertTrue(err().contains(from), err());
    }
  }

  @Test
  void verdict_ofRefusedPolicy_saysWhy() {
    assertEquals(0, run(policyCase("{\"kind\": \"Pod\"}", ""), "policy", "verdict"));
    assertTrue(out().startsWith("{\"policy\": 0, \"rejected\": \"policies[0]: "), out());
  }

  @Test
  void verdict_explained_namesTheRule() {
    String policy =
        "{\"apiVersion\": \"cilium.io/v2\", \"kind\": \"CiliumNetworkPolicy\", \"metadata\":"
            + " {\"name\": \"p\"}, \"spec\": {\"endpointSelector\": {}, \"ingressDeny\":"
            + " [{\"fromEntities\": [\"world\"]}]}}";
    String flow = "{\"from\": 2, \"to\": 1000, \"proto\": \"TCP\", \"port\": 80}";
    assertEquals(0, run(policyCase(policy, flow), "policy", "verdict", "--explain"));
    assertTrue(
        out().contains("\"rule\":\"CiliumNetworkPolicy/default/p spec.ingressDeny[0]\""), out());
  }

  @Test
  void verdict_ofHostileInput_isOneLineAndFails() {
    for (String hostile :
        List.of("", "[", "{\"flows\": 1}", "{}{}", "[".repeat(100_000), "{\"identities\": [7]}")) {
      assertEquals(ExitCode.FAILED, run(hostile, "policy", "verdict"), hostile);
      assertEquals("", out());
      assertEquals(1, err().lines().count(), err());
    }
  }

  @Test
  void validate_ofGoodFile_printsNothing() throws IOException {
    assertEquals(0, run("", "policy", "validate", file("good.yaml", RULE1)));
    assertEquals("", out());
  }

  @Test
  void validate_ofBadFolder_printsALineForEachError() throws IOException {
    file("good.yaml", RULE1.replace("rule1", "rule2"));
    file(
        "bad.yaml",
        RULE1.replace("80\"", "80000\"").replace("ingress:", "ingress: [{}]\n  egres:"));
    String ports = RULE1.replace("port: \"80\"", "port: \"x y\"").replace("empire", "\"a b\"");
    file("worse.yaml", ports.replace("rule1", "rule3"));
    assertEquals(ExitCode.FAILED, run("", "policy", "validate", folder.toString()));
    assertEquals(3, out().lines().count(), out());
    assertTrue(out().contains("bad.yaml: CiliumNetworkPolicy default/rule1: spec.egres: "), out());
    assertTrue(
        out().contains("spec.ingress[0].toPorts[0].ports[0].port: found \"x y\", wanted"), out());
  }

  @Test
  void validate_ofDoubtfulPolicy_warnsAndSucceeds() throws IOException {
    String doubtful = RULE1.replace("[{matchLabels: {org: empire}}]", "[]");
    assertEquals(0, run("", "policy", "validate", file("doubtful.yaml", doubtful)));
    assertTrue(out().contains("doubtful.yaml: warning: "), out());
  }

  /** Inputs of public bug reports: "no" must be refused with the field's name, "ok" accepted. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          ok | spec: {endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "**.Example.COM"}, {matchName: "_sip._tcp.example.com."}, {matchPattern: "*"}]}]}
          matchPattern | spec: {endpointSelector: {}, egress: [{toFQDNs: [{matchPattern: "kafka0[1-5].node.example.com"}]}]}
          toFQDNs | spec: {endpointSelector: {}, egress: [{toFQDNs: [{matchName: a.example.com, matchPattern: "*.example.com"}]}]}
          ingress | spec: {endpointSelector: {}, enableDefaultDeny: {ingress: true, egress: true}, ingress: [], egress: []}
          ok | spec: {endpointSelector: {}, ingress: [{}], egress: [{}]}
          toFQDNs | spec: {endpointSelector: {}, egressDeny: [{toFQDNs: [{matchName: a.example.com}], toPorts: [{ports: [{port: "443"}]}]}]}
          icmps | spec: {endpointSelector: {}, ingress: [{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: "443", protocol: TCP}]}]}]}
          spec | x: y
          cidrGroupRef | spec: {endpointSelector: {}, egressDeny: [{toCIDRSet: [{cidrGroupRef: g, cidr: 192.0.2.0/24, except: [192.0.2.1/32]}]}]}
          """)
  void validate_ofPublishedMistakes_namesTheField(String field, String spec) throws IOException {
    String head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: f}\n";
    int code = run("", "policy", "validate", file("p.yaml", head + spec + "\n"));
    assertEquals(field.equals("ok") ? 0 : ExitCode.FAILED, code, out());
    if (!field.equals("ok")) {
      assertTrue(out().lines().anyMatch(line -> line.contains(field)), out());
    }
  }

  @Test
  void validate_ofFolder_tellsWhatTheAgentWouldPassOver() throws IOException {
    file("a.yaml", RULE1.replace("CiliumNetworkPolicy", "CiliumNetworkPolcy"));
    file("b.yaml", RULE1.replace("cilium.io/v2", "cilium.io/v1"));
    file(
        "c.yaml",
        "apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: c}\n");
    file("d.yml", "apiVersion: v1\nkind: Pod\nmetadata: {name: d, labels: {a: b c}}\n");
    file("e.JSON", "{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{}]}");
    file("f.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: f}\n");
    file("g.txt", RULE1);
    file(".h.yaml", RULE1);
    file("i.yaml", RULE1 + "---\n" + RULE1);
    file(
        "j.yaml",
        RULE1
            .replace(
                "fromEndpoints: [{matchLabels: {org: empire}}]",
                "fromEndpoints:" + "\n    - matchLabels:")
            .replaceAll("(?s)\n    toPorts.*", "\n"));
    file("k\u001b[2J.yaml", "x: [");
    Files.createDirectory(folder.resolve("sub"));
    assertEquals(ExitCode.FAILED, run("", "policy", "validate", folder.toString()));
    List<String> told =
        out()
            .lines()
            .filter(line -> !line.contains(": warning: "))
            .map(line -> line.substring(folder.toString().length() + 1).replaceFirst("[ :].*", ""))
            .distinct()
            .sorted()
            .toList();
    assertEquals(
        List.of(
            "a.yaml",
            "b.yaml",
            "c.yaml",
            "d.yml",
            "e.JSON",
            "i.yaml",
            "j.yaml",
            "k?[2J.yaml",
            "sub"),
        told,
        out());
    for (String warned : List.of("f.yaml", "g.txt", ".h.yaml")) {
      assertTrue(out().contains(warned) && out().contains(": warning: passed over"), out());
    }
    assertTrue(out().contains("was CiliumNetworkPolicy meant?"), out());
  }

  @Test
  void validate_objectInTwoFiles_checksBoth() throws IOException {
    file("a.yaml", RULE1);
    file("b.yaml", RULE1.replace("ingress:", "ingres:"));
    assertEquals(ExitCode.FAILED, run("", "policy", "validate", folder.toString()));
    assertTrue(out().contains("defined in a.yaml too, which counts"), out());
    assertTrue(out().contains("b.yaml: CiliumNetworkPolicy default/rule1: spec.ingres: "), out());
  }

  @Test
  void validate_oneFileMissing_checksTheOthers() throws IOException {
    String bad = file("bad.yaml", RULE1.replace("ingress:", "ingres:"));
    String missing = folder.resolve("missing.yaml").toString();
    assertEquals(ExitCode.FAILED, run("", "policy", "validate", missing, bad));
    assertTrue(out().contains("missing.yaml: no such file"), out());
    assertTrue(out().contains("spec.ingres: "), out());
  }

  @Test
  void validate_ofPipe_readsIt() throws Exception {
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    var writer =
        Thread.ofVirtual()
            .start(() -> {
              try {
                Files.writeString(pipe, RULE1.replace("ingress:", "ingres:"));
              } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
            });
    assertEquals(ExitCode.FAILED, run("", "policy", "validate", pipe.toString()));
    writer.join();
    assertTrue(out().contains("spec.ingres: "), out());
    assertEquals(0, run(RULE1, "policy", "validate", "-"), out() + err());
    String rules = file("rules.json", "[{\"endpointSelector\": {}, \"ingress\": [{}]}]");
    assertEquals(0, run("", "policy", "validate", rules), out() + err());
  }

  private int explain(String policies, String from, String to, String... more) {
    var words =
        new java.util.ArrayList<>(
            List.of("policy", "explain", "--policies", policies, "--port", "80/TCP"));
    words.addAll(List.of("--from", from, "--to", to));
    words.addAll(List.of(more));
    return run("", words.toArray(String[]::new));
  }

  @Test
  void explain_nobodySelected_saysSo() throws IOException {
    String policies = file("rule1.yaml", RULE1);
    assertEquals(0, explain(policies, "a=b", "c=d"));
    assertTrue(out().contains("No policy selects either side.\n"), out());
    assertEquals(0, explain(policies, "org=empire", "class=deathstar"));
    assertTrue(out().contains("No policy selects the sender.\n"), out());
  }

  @Test
  void explain_expected_isTheExitCode() throws IOException {
    String policies = file("rule1.yaml", RULE1);
    assertEquals(0, explain(policies, "org=empire", "class=deathstar", "--expect", "allowed"));
    assertEquals(
        ExitCode.FAILED, explain(policies, "org=empire", "class=deathstar", "--expect", "denied"));
    assertEquals(0, explain(policies, "org=none", "class=deathstar", "--expect=denied"));
    assertEquals(
        ExitCode.MISUSED, explain(policies, "org=none", "class=deathstar", "--expect", "perhaps"));
  }

  @Test
  void explain_request_isDecidedAsByTheProxy() throws IOException {
    String policies =
        file(
            "rule1.yaml",
            RULE1.replace(
                "protocol: TCP}]",
                "protocol: TCP}], rules: {http: [{method: POST, headers: [\"X-A 1\"]}]}"));
    String from = "org=empire";
    String to = "class=deathstar";
    assertEquals(0, explain(policies, from, to, "--http", "POST /", "--header", "X-A: 1"));
    assertTrue(out().contains("passes by CiliumNetworkPolicy/default/rule1"), out());
    assertTrue(out().endsWith("The request passes.\n"), out());
    assertEquals(
        0, explain(policies, from, to, "--http", "PUT /v1/exhaust-port", "--expect", "denied"));
    assertTrue(out().endsWith("The request is answered with 403.\n"), out());
    assertEquals(ExitCode.MISUSED, explain(policies, from, to, "--http", "GET"));
  }

  @Test
  void explain_name_isDecidedAsByTheProxyAndTheRulesOnItsAddresses() throws IOException {
    String policies =
        file(
            "names.yaml",
            """
            apiVersion: cilium.io/v2
            kind: CiliumNetworkPolicy
            metadata: {name: names, namespace: default}
            spec:
              endpointSelector: {matchLabels: {app: shop}}
              egress:
              - toEndpoints: [{matchLabels: {app: dns}}]
                toPorts:
                - ports: [{port: "53", protocol: UDP}]
                  rules: {dns: [{matchPattern: "*.example.org"}]}
              - toFQDNs: [{matchPattern: "*.example.org"}]
                toPorts: [{ports: [{port: "443", protocol: TCP}]}]
            """);
    assertEquals(0, explainName(policies, "app=dns", "53/UDP", "--dns", "www.Example.org"));
    assertTrue(out().contains("question www.Example.org passes by"), out());
    assertTrue(out().endsWith("The question passes.\n"), out());
    assertEquals(
        0, explainName(policies, "app=dns", "53/UDP", "--dns", "a.test", "--expect", "denied"));
    assertTrue(out().endsWith("The question is refused.\n"), out());
    assertEquals(
        0, explainName(policies, "fqdn:www.example.org", "443/TCP", "--expect", "allowed"));
    assertEquals(0, explainName(policies, "fqdn:example.org", "443/TCP", "--expect", "denied"));
    assertEquals(ExitCode.MISUSED, explainName(policies, "fqdn:*.example.org", "443/TCP"));
  }

  private int explainName(String policies, String to, String port, String... more) {
    var words =
        new java.util.ArrayList<>(
            List.of("policy", "explain", "--policies", policies, "--port", port));
    words.addAll(List.of("--from", "app=shop", "--to", to));
    words.addAll(List.of(more));
    return run("", words.toArray(String[]::new));
  }

  @Test
  void explain_everyLabelGiven_counts() throws IOException {
    String policies =
        file(
            "p.yaml",
            RULE1.replace(
                "{org: empire}",
                "{\"k8s:io.cilium.k8s.namespace.labels.team\": blue,"
                    + " \"k8s:io.cilium.k8s.policy.serviceaccount\": pilot,"
                    + " \"k8s:io.kubernetes.pod.namespace\": fleet}"));
    String from =
        "io.kubernetes.pod.namespace=fleet,io.cilium.k8s.policy.serviceaccount=pilot,"
            + "io.cilium.k8s.namespace.labels.team=blue";
    assertEquals(0, explain(policies, from, "class=deathstar", "--expect", "allowed"), out());
    assertEquals(
        0, explain(policies, from.replace("blue", "red"), "class=deathstar", "--expect", "denied"));
  }

  @Test
  void explain_whatIsNoPeer_isRefused() throws IOException {
    String policies = file("rule1.yaml", RULE1);
    for (String peer :
        List.of("10.0.0.0/33", "10.0.0", "fd00::/129", "org", "org=a,org", "", "reserved:nobody")) {
      assertEquals(ExitCode.MISUSED, explain(policies, peer, "class=deathstar"), peer);
    }
  }

  @Test
  void explain_ofDeniedFlow_saysWhatWouldAllowIt() throws IOException {
    String policies = file("rule1.yaml", RULE1);
    String[] command = {
      "policy",
      "explain",
      "--policies",
      policies,
      "--from",
      "org=alliance",
      "--to",
      "class=deathstar",
      "--port",
      "80/TCP"
    };
    assertEquals(0, run("", command));
    assertTrue(out().contains("INGRESS DENIED: default deny"), out());
    assertTrue(out().contains("to allow it: "), out());
    assertTrue(out().endsWith("The flow is dropped.\n"), out());
    command[5] = "org=empire";
    run("", command);
    assertTrue(out().endsWith("The flow passes.\n"), out());
    command[5] = "192.0.2.1";
    run("", command);
    assertTrue(out().contains("\"fromCIDR\":[\"192.0.2.1/32\"]"), out());
  }

  @Test
  void run_ofSenseless_isUsageError() {
    for (String line :
        List.of(
            "",
            "nonsense",
            "policy",
            "policy nonsense",
            "policy validate",
            "policy verdict --nonsense",
            "policy explain --port",
            "policy explain --port 80/TCP",
            "policy explain --port x")) {
      String[] words = line.isEmpty() ? new String[0] : line.split(" ", -1);
      assertEquals(ExitCode.MISUSED, run("", words), line);
    }
    assertEquals(0, run("", "policy", "explain", "--help"));
    assertTrue(out().contains("--policies PATH"), out());
  }
}
