// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
      assertEquals(Cli.FAILED, run(hostile, "policy", "verdict"), hostile);
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
    file("good.yaml", RULE1);
    file(
        "bad.yaml",
        RULE1.replace("80\"", "80000\"").replace("ingress:", "ingress: [{}]\n  egres:"));
    String ports = RULE1.replace("port: \"80\"", "port: \"x y\"").replace("empire", "\"a b\"");
    file("worse.yaml", ports);
    assertEquals(Cli.FAILED, run("", "policy", "validate", folder.toString()));
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
      assertEquals(Cli.MISUSED, run("", words), line);
    }
    assertEquals(0, run("", "policy", "explain", "--help"));
    assertTrue(out().contains("--policies PATH"), out());
  }
}
