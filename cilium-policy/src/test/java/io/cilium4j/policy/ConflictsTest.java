// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.TrafficDirection;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Rules that cannot both hold, and those that look as if they could not. */
class ConflictsTest {
  private static final String HTTP =
      "{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method: GET}]}}";
  private static final String DNS =
      "{ports: [{port: \"80\", protocol: TCP}], rules: {dns: [{matchPattern: \"*\"}]}}";
  private static final String PLAIN = "{ports: [{port: \"80\", protocol: TCP}]}";
  private static final String SNI =
      "{ports: [{port: \"80\", protocol: TCP}], serverNames: [a.example]}";
  private static final String TLS = "terminatingTLS: {secret: {name: x}}";

  private static String to(String peers, String ports) {
    return "- " + peers + (peers.isEmpty() ? "" : "\n  ") + "toPorts: [" + ports + "]";
  }

  private static String item(String app, String ports) {
    return to("toEndpoints: [{matchLabels: {app: " + app + "}}]", ports);
  }

  private static String listener(String name, String priority) {
    return "{ports: [{port: \"80\", protocol: TCP}], listener: {envoyConfig: {name: c}, name: "
        + name
        + priority
        + "}}";
  }

  /** What TCP 80 from a to b comes to under these items of {@code egress}. */
  private static String verdict(String... items) {
    return Ask.flows(Ask.aboutA("egress:\n" + String.join("\n", items)), "a > b tcp 80")
        .getFirst()
        .replace("/ALLOWED", "");
  }

  @Test
  void parsers_onTheSameKey_failBothDirections() {
    String policy =
        Ask.aboutA(
            "egress:\n" + item("b", HTTP) + "\n" + item("b", DNS),
            "ingress: [{fromEntities: [all]}]");
    assertEquals(
        List.of("DENIED/ALLOWED", "ALLOWED/DENIED"),
        Ask.flows(policy, "a > b tcp 80", "b > a tcp 80"));
    PolicyCase world = Ask.of(policy);
    CompiledPolicy compiled = Ask.compileA(world, world.repository().snapshot());
    assertTrue(compiled.conflict().isPresent());
    Explanation why = compiled.explain(TrafficDirection.EGRESS, Ask.id("b"), 6, 80);
    assertTrue(why.reason().contains("egress[0].toPorts[0] and "), why.reason());
    assertTrue(why.reason().endsWith("read as HTTP and as DNS"), why.reason());
  }

  @Test
  void parsers_onOtherSelectorsOrPorts_areNoConflict() {
    assertEquals("REDIRECTED", verdict(item("b", HTTP), to("toEntities: [all]", DNS)));
    assertEquals("REDIRECTED", verdict(item("b", HTTP), item("b", DNS.replace("80", "81"))));
    assertEquals("REDIRECTED", verdict(item("b", HTTP), item("b", HTTP.replace("GET", "PUT"))));
    assertEquals("REDIRECTED", verdict(item("b", HTTP), item("b", PLAIN)));
  }

  @Test
  void listeners_ofDifferentPriority_letTheStrongerWin() {
    assertEquals(
        "REDIRECTED",
        verdict(
            item("b", listener("one", ", priority: 5")),
            item("b", listener("two", ", priority: 3"))));
    assertEquals("DENIED", verdict(item("b", listener("one", "")), item("b", listener("two", ""))));
    assertEquals(
        "REDIRECTED", verdict(item("b", listener("one", "")), item("b", listener("one", ""))));
    assertEquals("DENIED", verdict(item("b", listener("one", "")), item("b", HTTP)));
  }

  @Test
  void authentication_requiredAndDisabled_conflict() {
    String required = item("b", PLAIN) + "\n  authentication: {mode: required}";
    String disabled = item("b", PLAIN) + "\n  authentication: {mode: disabled}";
    assertEquals("DENIED", verdict(required, disabled));
    assertEquals("ALLOWED", verdict(required, required));
    assertEquals("ALLOWED", verdict(required, item("b", PLAIN)));
    assertEquals("ALLOWED", verdict(required, disabled.replace("app: b", "team: x")));
  }

  @Test
  void serverNames_joiningRulesOnRequests_conflictUnlessTlsEnds() {
    assertEquals("DENIED", verdict(item("b", HTTP), item("b", SNI)));
    assertEquals("REDIRECTED", verdict(item("b", SNI), item("b", HTTP)));
    String ended = HTTP.replace("{ports", "{" + TLS + ", ports");
    assertEquals("REDIRECTED", verdict(item("b", ended), item("b", SNI)));
    assertEquals(
        "DENIED", verdict(item("b", ended), item("b", ended.replace("name: x", "name: y"))));
    assertEquals("DENIED", verdict(item("b", SNI), item("b", DNS)));
    assertEquals("DENIED", verdict(item("b", SNI), item("b", listener("one", ""))));
  }

  @Test
  void denial_onTheSameKey_leavesNothingToConflict() {
    String policy =
        Ask.aboutA("egress:\n" + item("b", HTTP) + "\n" + item("b", PLAIN))
            + Ask.aboutA("egressDeny:\n" + item("b", PLAIN));
    assertEquals(List.of("DENIED/ALLOWED"), Ask.flows(policy, "a > b tcp 80"));
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(policy, "b > a tcp 80"));
  }

  @Test
  void nobody_isNoPlaceToConflict() {
    assertEquals("DENIED", verdict(to("toEntities: [none]", HTTP), to("toEntities: [none]", DNS)));
    String policy =
        Ask.aboutA(
            "egress:\n" + to("toEntities: [none]", HTTP) + "\n" + to("toEntities: [none]", DNS));
    assertEquals(List.of("ALLOWED/ALLOWED"), Ask.flows(policy, "b > a tcp 80"));
  }

  @Test
  void envoyConfig_ofASubjectWithoutNamespace_fails() {
    String policy =
        Ask.policy(
            "CiliumClusterwideNetworkPolicy",
            "endpointSelector: {}",
            "egress:\n"
                + to(
                    "toEntities: [all]",
                    listener("one", "")
                        .replace("{name: c}", "{kind: CiliumEnvoyConfig, name: c}")));
    assertEquals(
        List.of("REDIRECTED/ALLOWED", "DENIED/DENIED"),
        Ask.flows(policy, "a > b tcp 80", "health > ingress tcp 80"));
  }
}
