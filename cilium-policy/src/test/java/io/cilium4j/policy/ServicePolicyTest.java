// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.HttpRequest;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.List;
import org.junit.jupiter.api.Test;

class ServicePolicyTest {
  private static final String ORDERS =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: orders, namespace: shop}
      spec:
        endpointSelector: {matchLabels: {app: orders}}
        ingress:
        - fromEndpoints: [{matchLabels: {app: frontend}}]
          toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]
        - fromEndpoints: [{matchLabels: {app: admin}}]
      """;

  private static InetAddress address(int last) {
    try {
      return InetAddress.getByAddress(new byte[] {10, 0, 0, (byte) last});
    } catch (UnknownHostException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Party caller(InetAddress address) {
    return switch (address.getAddress()[3]) {
      case 1 -> Party.pod("shop", "app=frontend");
      case 2 -> Party.pod("shop", "app=admin");
      case 3 -> Party.pod("shop", "app=other");
      default -> Party.addresses("192.0.2.1");
    };
  }

  @Test
  void matcher_ofEachCaller_isByItsLabels() {
    var policy =
        new ServicePolicy(
            PolicySet.parse(ORDERS, "orders.yaml"),
            Party.pod("shop", "app=orders"),
            PortProtocol.tcp(80),
            ServicePolicyTest::caller);
    HttpRequest get = HttpRequest.of("GET", "/");
    HttpRequest put = HttpRequest.of("PUT", "/");
    assertTrue(policy.matcher(address(1)).decide(get).passes());
    assertFalse(policy.matcher(address(1)).decide(put).passes());
    assertTrue(policy.matcher(address(2)).decide(put).passes());
    assertFalse(policy.matcher(address(3)).decide(get).passes());
    assertFalse(policy.matcher(address(4)).decide(get).passes());
    assertSame(policy.matcher(address(1)), policy.matcher(address(1)));
    policy.replace(PolicySet.parse(ORDERS.replace("GET", "PUT"), "orders.yaml"));
    assertFalse(policy.matcher(address(1)).decide(get).passes());
  }

  @Test
  void flow_withRequest_isAnsweredAsTheProxyDoes() {
    String policy =
        Ask.aboutA(
            "ingress:",
            "- fromEndpoints: [{matchLabels: {app: b}}]",
            "  toPorts: [{ports: [{port: \"80\", protocol: TCP}], rules: {http: [{method:"
                + " GET}]}}]");
    String flow = "{from: 1001, to: 1000, proto: TCP, port: 80, http: {method: %s, path: /}}";
    String flows = "flows: [" + flow.formatted("GET") + ", " + flow.formatted("PUT") + "]";
    List<String> answers = Ask.of(policy, flows).answers();
    assertTrue(answers.get(0).contains("spec.ingress[0].toPorts[0].rules.http[0]"), answers.get(0));
    assertTrue(
        answers.get(0).endsWith("\"verdict\":\"ALLOWED\"}},\"ingress\":\"REDIRECTED\"}"),
        answers.get(0));
    assertTrue(
        answers.get(1).endsWith("\"verdict\":\"DENIED\"}},\"ingress\":\"REDIRECTED\"}"),
        answers.get(1));
    assertEquals(2, answers.size());
  }
}
