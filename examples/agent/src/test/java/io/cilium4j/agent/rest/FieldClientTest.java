// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiJson;
import io.cilium4j.core.IpAddress;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * What the field's clients (the CNI plugin and the command line of releases 1.15 to 1.20) take from
 * answers beyond what their schemas say, each found with such a client.
 */
class FieldClientTest {

  @TempDir static Path temp;
  private RestBench bench;
  private Path manifests;

  @BeforeEach
  void start() throws Exception {
    Path folder = Files.createTempDirectory(temp, "agent");
    manifests = folder.resolve("manifests");
    bench = new RestBench(folder);
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  private JsonNode get(String path) {
    return ApiJson.mapper().readTree(bench.get(path).body());
  }

  private static void await(BooleanSupplier condition, String what) {
    long end = System.nanoTime() + RestBench.PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, what);
      LockSupport.parkNanos(1_000_000);
    }
  }

  private void write(String name, String content) throws Exception {
    Path unfinished = temp.resolve(name);
    Files.writeString(unfinished, content);
    Files.move(unfinished, manifests.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  @Test
  void service_ofTheLeast_hasWhatClientsInsistOn() {
    var frontend = Map.of("ip", "10.96.0.8", "port", 80, "protocol", "TCP");
    var backends = List.of(Map.of("ip", "10.1.0.9", "port", 8080));
    bench.call(
        "PUT", "/service/8", Map.of("frontend-address", frontend, "backend-addresses", backends));
    JsonNode service = get("/service/8");
    assertEquals("ClusterIP", service.at("/spec/flags/type").stringValue());
    assertEquals("active", service.at("/spec/backend-addresses/0/state").stringValue());
    JsonNode realized = service.at("/status/realized");
    assertEquals(8, realized.path("id").intValue());
    assertEquals("external", realized.at("/frontend-address/scope").stringValue());
    assertEquals("tcp", realized.at("/frontend-address/protocol").stringValue());
  }

  @Test
  void status_ofAddresses_namesFamiliesAsScriptsExpect() {
    String status = get("/healthz").at("/ipam/status").stringValue();
    assertTrue(
        status.matches("IPv4: \\d+/\\d+ allocated from \\S+, IPv6: \\d+/\\S+ allocated from \\S+"),
        status);
  }

  @Test
  void labels_ofNone_mayBeNullWithALineBreak() {
    // As an encoder writes an empty list of labels that makes a line of each value.
    for (String body : List.of("", "null", "null\n", "[]\n")) {
      assertEquals(List.of(), request("/v1/policy", body).bodyTexts(), body);
    }
  }

  @Test
  void path_withSchemeAndHost_isTheSame() {
    assertEquals(List.of("v1", "ip"), request("http://localhost/v1/ip?cidr=x", "").segments());
  }

  private static Request request(String uri, String body) {
    var head = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, uri);
    return RequestReader.read(head, body.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void policy_shown_isOneFieldALine() {
    var put = bench.call("PUT", "/policy", "[{\"endpointSelector\": {}, \"ingress\": [{}]}]");
    assertEquals(200, put.status(), put.text());
    String policy = get("/policy").path("policy").stringValue();
    assertTrue(policy.startsWith("[\n  {\n    \"endpointSelector\": {},\n"), policy);
    assertTrue(policy.contains("\n    \"ingress\": [\n      {}\n    ]"), policy);
  }

  @Test
  void selectors_ofRules_haveTheLabelsOfTheirRules() throws Exception {
    bench.call(
        "PUT",
        "/policy",
        """
        [{"endpointSelector": {}, "labels": [{"key": "name", "value": "r1"}],
          "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "given"}}]}]}]
        """);
    write(
        "cnp.yaml",
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: web-in, namespace: default}
        spec:
          endpointSelector: {matchLabels: {app: web}}
          ingress: [{fromEndpoints: [{matchLabels: {app: kept}}]}]
        """);
    await(() -> labelsOf("app=kept").contains("web-in"), "the object's name is a label");
    assertTrue(labelsOf("app=given").contains("\"value\":\"r1\""), labelsOf("app=given"));
  }

  private String labelsOf(String selector) {
    return get("/policy/selectors")
        .valueStream()
        .filter(each -> each.path("selector").stringValue().contains(selector))
        .map(each -> each.path("labels").toString())
        .findFirst()
        .orElse("");
  }

  @Test
  void mapEvents_ofARemoval_nameTheKey() {
    bench.create("mapped", 7);
    IpAddress address =
        bench.agent.endpoint("default", "mapped").orElseThrow().addresses().getFirst();
    bench.call("DELETE", "/endpoint/ipv4:" + address, null);
    String removal = ".*\"key\":\"" + address + "\".*\"action\":\"delete\".*";
    await(
        () -> bench.get("/map/cilium_lxc/events").text().lines().anyMatch(e -> e.matches(removal)),
        "the key of the entry that went");
  }

  // ---- a plugin that is quicker than Kubernetes ----

  @Test
  void endpoint_beforeItsPodIsKnown_getsThePodsLabelsAndPorts() throws Exception {
    long id = bench.create("early", 7);
    writePod("early", "{app: web}");
    await(() -> labels(id).contains("k8s:app=web"), "the pod's labels");
    await(() -> get("/endpoint/" + id).at("/status/namedPorts").size() == 1, "the pod's ports");
    writePod("early", "{app: web, tier: gold}");
    await(() -> labels(id).contains("k8s:tier=gold"), "the pod's new label");
  }

  @Test
  void endpoint_ofAPodThatIsKnown_hasItsNamedPortsAtOnce() throws Exception {
    writePod("known", "{app: web}");
    await(() -> bench.agent.pod("default", "known").isPresent(), "the pod");
    long id = bench.create("known", 7);
    assertEquals("http", get("/endpoint/" + id).at("/status/namedPorts/0/name").stringValue());
  }

  @Test
  void endpoint_ofAnotherPodOfTheSameName_doesNotFollowIt() throws Exception {
    var wanted = bench.wanted("again", 7);
    var tree = (tools.jackson.databind.node.ObjectNode) ApiJson.mapper().valueToTree(wanted);
    bench.call("PUT", "/endpoint/cilium-local:0", tree.put("k8s-uid", "new"));
    writePod("again", "{app: old}");
    await(() -> bench.agent.pod("default", "again").isPresent(), "the earlier pod");
    long other = bench.create("other", 8);
    writePod("other", "{app: web}");
    // The follower takes one after the other, so it has seen the first by then.
    await(() -> labels(other).contains("k8s:app=web"), "the other pod's labels");
    assertTrue(!labels(other - 1).contains("k8s:app=old"), labels(other - 1));
  }

  // ---- a plugin that found no agent ----

  @Test
  void deletions_queuedWhileNobodyAnswered_areCarriedOutAtTheStart() throws Exception {
    bench.create("first", 7);
    bench.create("second", 8);
    bench.create("stays", 9);
    bench.server.close();
    Path queue = bench.server.socket().resolveSibling("deleteQueue");
    Files.writeString(queue.resolve("1.delete"), "{\"container-id\":\"c-first\"}");
    Files.writeString(queue.resolve("2.delete"), "cni-attachment-id:c-second:eth0");
    Files.writeString(queue.resolve("3.delete"), "{\"container-id\":\"c-gone-already\"}");
    Files.writeString(queue.resolve("4.delete"), "{\"container-id\":");
    Files.writeString(queue.resolve("stranger"), "{\"container-id\":\"c-stays\"}");
    try (var again = RestServer.start(bench.agent, RestConfig.at(bench.server.socket()))) {
      assertEquals(1, bench.agent.endpoints().snapshot().size(), "one is left: " + again.socket());
    }
    try (var left = Files.list(queue)) {
      assertEquals(
          List.of("4.delete.unreadable", "lockfile", "stranger"),
          left.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  private void writePod(String name, String labels) throws Exception {
    write(
        name + ".yaml",
        """
        apiVersion: v1
        kind: Pod
        metadata: {name: %s, namespace: default, uid: old, labels: %s}
        spec: {nodeName: node-1, containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}
        """
            .formatted(name, labels));
  }

  private String labels(long endpoint) {
    return get("/endpoint/" + endpoint).at("/status/identity/labels").toString();
  }
}
