// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Policies from flows in the form in which {@code hubble observe -o jsonpb} prints Cilium's. */
class SuggestCommandTest extends CommandTest {

  private static final String SHIP =
      """
      {"ID":1234,"identity":5001,"cluster_name":"kind-kind","namespace":"default","labels":["k8s:class=tiefighter",
      "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=default",
      "k8s:io.cilium.k8s.policy.cluster=kind-kind","k8s:io.cilium.k8s.policy.serviceaccount=default",
      "k8s:io.kubernetes.pod.namespace=default","k8s:org=empire"],"pod_name":"tiefighter",
      "workloads":[{"name":"tiefighter","kind":"Deployment"}]}\
      """;

  private static final String STAR =
      SHIP.replace("1234", "77").replace("5001", "5002").replace("tiefighter", "deathstar");

  private static final String WORLD = "{\"identity\":16777217,\"labels\":[\"reserved:world\"]}";

  private static final String NODE = "{\"identity\":6,\"labels\":[\"reserved:remote-node\"]}";

  private static String flow(
      String from, String to, String verdict, String l4, boolean isReply, String more) {
    return """
    {"flow":{"time":"2026-11-29T20:00:00.123456789Z","uuid":"7f9cbf44-2b3d-4d1f-8f5e-0123456789ab",
    "verdict":"%s","ethernet":{"source":"0a:58:0a:f4:00:05","destination":"0a:58:0a:f4:01:09"},
    "IP":{"source":"198.51.100.7","destination":"10.244.1.9","ipVersion":"IPv4"},"l4":%s,
    "source":%s,"destination":%s,"Type":"L3_L4","node_name":"kind-kind/kind-worker",
    "node_labels":["kubernetes.io/os=linux"],"event_type":{"type":5},"traffic_direction":"INGRESS",
    "policy_match_type":2,"is_reply":%s,"Summary":"TCP Flags: SYN"%s},
    "node_name":"kind-kind/kind-worker","time":"2026-11-29T20:00:00.123456789Z"}\
    """
            .formatted(verdict, l4, from, to, isReply, more)
            .replace("\n", "")
        + "\n";
  }

  private static String tcp(int port) {
    return "{\"TCP\":{\"source_port\":40000,\"destination_port\":"
        + port
        + ",\"flags\":{\"SYN\":true}}}";
  }

  private static final String DENIED =
      ",\"drop_reason\":133,\"drop_reason_desc\":\"POLICY_DENIED\"";

  private static final String FLOWS =
      flow(SHIP, STAR, "FORWARDED", tcp(80), false, "")
          + flow(STAR, SHIP, "FORWARDED", tcp(40_000), true, "")
          + flow(WORLD, STAR, "FORWARDED", tcp(443), false, "")
          + flow(SHIP, STAR, "DROPPED", tcp(22), false, DENIED);

  private int policy(String... words) {
    return runAs(Map.of(), "", words);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--kubernetes"})
  void suggest_flowsOfCilium_isValidAndDeniesNoneOfThem(String option) throws Exception {
    Path flows = Files.writeString(folder.resolve("flows.json"), FLOWS);
    String[] words =
        option.isEmpty()
            ? new String[] {"policy", "suggest", flows.toString()}
            : new String[] {"policy", "suggest", option, flows.toString()};
    assertEquals(0, policy(words), this::err);
    assertTrue(
        err().contains("denies nothing seen; closes all else to 1 workloads and from 1"), err());
    assertTrue(
        out().contains(option.isEmpty() ? "kind: CiliumNetworkPolicy" : "kind: NetworkPolicy"));
    assertTrue(out().contains("198.51.100.7/32"), "what is outside, by its address: " + out());
    assertFalse(out().contains("40000"), "an answer is no flow of its own: " + out());
    Path policies = Files.writeString(folder.resolve("suggested.yaml"), out());
    assertEquals(0, policy("policy", "validate", policies.toString()), this::err);
    assertEquals(
        0, policy("policy", "replay", flows.toString(), "--policies", policies.toString()));
    assertTrue(out().contains("3 flows: 3 as they were, 0 not"), out());
    Path closed =
        Files.writeString(
            folder.resolve("closed.yaml"),
            """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: closed, namespace: default}
            spec: {podSelector: {}}
            """);
    assertEquals(1, policy("policy", "replay", flows.toString(), "--policies", closed.toString()));
    assertTrue(out().contains("was allowed and would be dropped"), out());
    assertTrue(out().contains("NetworkPolicy/default/closed"), out());
  }

  @Test
  void suggest_kubernetesCannotNameThePeer_saysWhatStaysOpen() throws Exception {
    String text = flow(NODE, STAR, "FORWARDED", tcp(443), false, "");
    Path flows = Files.writeString(folder.resolve("flows.json"), text);
    assertEquals(1, policy("policy", "suggest", "--kubernetes", flows.toString()));
    assertTrue(err().contains("NetworkPolicy cannot name entity [remote-node]"), err());
    assertTrue(err().contains("nothing is left to close"), err());
    assertEquals(0, policy("policy", "suggest", flows.toString()));
    assertEquals(List.of(), err().lines().filter(each -> each.contains("open")).toList());
  }
}
