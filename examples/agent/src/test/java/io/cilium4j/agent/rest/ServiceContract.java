// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.RecordingDatapath;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.ApiResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** The part of the API's contract that is about services. */
final class ServiceContract {

  static final String MANIFEST =
      """
      apiVersion: v1
      kind: Service
      metadata: {name: shop, namespace: default}
      spec: {clusterIP: 10.96.0.20, ports: [{port: 80}]}
      """;

  /** Calls the agent, and compares the answer with the API's description. */
  @FunctionalInterface
  interface Expectation {
    ApiResponse expect(int status, String operation, String path, @Nullable Object body);
  }

  private ServiceContract() {}

  /** One that a client puts. */
  static void putAndRefused(Expectation contract) {
    String spec =
        """
        {"frontend-address": {"ip": "10.96.0.1", "port": 80, "protocol": "tcp"},
         "backend-addresses": [{"ip": "10.1.0.7", "port": 8080, "weight": 0}],
         "flags": {"type": "ClusterIP", "name": "web", "namespace": "default"}}
        """;
    var good = ApiJson.mapper().readTree(spec);
    String put = "PUT /service/{id}";
    contract.expect(201, put, "/service/7", good);
    contract.expect(200, put, "/service/7", good);
    var shown =
        ApiJson.mapper()
            .readTree(contract.expect(200, "GET /service/{id}", "/service/7", null).body());
    assertEquals("10.96.0.1", shown.at("/status/realized/frontend-address/ip").stringValue());
    assertEquals("ClusterIP", shown.at("/status/realized/flags/type").stringValue());
    assertEquals(1, shown.at("/status/realized/backend-addresses").size());
    assertEquals(0, shown.at("/spec/backend-addresses/0/weight").intValue());
    assertTrue(shown.at("/spec/backend-addresses/0").has("weight"), "0 is not absent");
    contract.expect(200, "GET /service", "/service", null);
    contract.expect(404, "GET /service/{id}", "/service/8", null);
    contract.expect(400, "GET /service/{id}", "/service/eight", null);
    contract.expect(
        460, put, "/service/9", ApiJson.mapper().readTree(spec.replace("10.96.0.1", "x")));
    contract.expect(460, put, "/service/9", good);
    contract.expect(460, put, "/service/9", ApiJson.mapper().readTree(spec.replace("tcp", "icmp")));
    contract.expect(460, put, "/service/65536", good);
    contract.expect(
        461, put, "/service/9", ApiJson.mapper().readTree(spec.replace("10.1.0.7", "x")));
    contract.expect(461, put, "/service/9", ApiJson.mapper().readTree(spec.replace("8080", "0")));
    contract.expect(200, "DELETE /service/{id}", "/service/7", null);
    contract.expect(404, "DELETE /service/{id}", "/service/7", null);
    contract.expect(201, put, "/service/7", ApiJson.mapper().readTree(spec.replace("tcp", "any")));
    JsonNode any =
        ApiJson.mapper()
            .readTree(contract.expect(200, "GET /service/{id}", "/service/7", null).body());
    assertEquals("any", any.at("/status/realized/frontend-address/protocol").stringValue());
    assertEquals(1, any.at("/status/realized/backend-addresses").size());
    contract.expect(460, put, "/service/9", good);
    contract.expect(200, "DELETE /service/{id}", "/service/7", null);
  }

  /** One of Kubernetes, which comes. */
  static void ofKubernetes(Expectation contract, RecordingDatapath datapath) {
    long end = System.nanoTime() + RestBench.PATIENCE.toNanos();
    JsonNode all;
    do {
      all =
          ApiJson.mapper().readTree(contract.expect(200, "GET /service", "/service", null).body());
    } while (all.isEmpty() && System.nanoTime() < end);
    assertEquals("10.96.0.20", all.at("/0/spec/frontend-address/ip").stringValue());
    assertEquals("shop", all.at("/0/status/realized/flags/name").stringValue());
    int id = all.at("/0/spec/id").intValue();
    contract.expect(500, "DELETE /service/{id}", "/service/" + id, null);
    var mine =
        Map.of("frontend-address", Map.of("ip", "10.96.0.20", "port", 80, "protocol", "tcp"));
    contract.expect(460, "PUT /service/{id}", "/service/77", mine);
    var other =
        Map.of("frontend-address", Map.of("ip", "10.96.0.21", "port", 80, "protocol", "tcp"));
    contract.expect(460, "PUT /service/{id}", "/service/" + id, other);
    datapath.refusedFrontends.add(new FrontendKey(IpAddress.parse("10.96.0.21"), 80, Protocol.TCP));
    String reason = contract.expect(500, "PUT /service/{id}", "/service/77", other).text();
    assertTrue(reason.contains("no room for frontend 10.96.0.21 80/TCP"), reason);
    datapath.refusedFrontends.clear();
    contract.expect(200, "DELETE /service/{id}", "/service/77", null);
  }
}
