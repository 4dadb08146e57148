// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.DnsCache;
import io.cilium4j.api.ApiClient;
import io.cilium4j.api.ApiJson;
import io.cilium4j.api.ApiResponse;
import io.cilium4j.api.model.DaemonConfigurationSpec;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.core.IpAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every operation of the API's description with every status that can occur, each answer checked
 * against its schema. At the end nothing of the description may be left over but what {@link
 * Unanswered} names.
 */
@TestInstance(Lifecycle.PER_CLASS)
class RestContractTest {

  private static final String RULES =
      """
      [{"endpointSelector": {"matchLabels": {"app": "web"}},
        "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "client"}}],
                     "toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}]}]}],
        "labels": [{"key": "name", "value": "r1", "source": "user"}]}]
      """;

  @TempDir static Path temp;
  private ApiDescription description;
  private RestBench bench;

  /** What was seen, as {@code GET /config 200}. */
  private final Set<String> seen = new HashSet<>();

  private int lastIfindex = 100;

  @BeforeAll
  void start() throws Exception {
    description = ApiDescription.load("api-v1.txt");
    bench = new RestBench(temp.resolve("a"));
  }

  /** Of a status that is not described the answer must be an error as all are. */
  private ApiResponse expect(int status, String operation, String path, @Nullable Object body) {
    return expect(bench, status, operation, path, Map.of(), body);
  }

  private ApiResponse expect(
      RestBench on,
      int status,
      String operation,
      String path,
      Map<String, String> headers,
      @Nullable Object body) {
    String method = operation.substring(0, operation.indexOf(' '));
    ApiResponse answer = on.client.call(method, path, headers, body);
    String what = operation + " " + path + " -> " + answer.status() + " " + answer.text();
    assertEquals(status, answer.status(), what);
    String type = description.answer(operation, status).orElse(status >= 400 ? "string" : "none");
    seen.add(operation + " " + status);
    if (type.isEmpty() || type.equals("binary") || answer.body().length == 0) {
      // An error whose body is not described may come with a reason, and clients pass over it; so
      // they do with the endpoint that release 1.20 reads from a 201.
      boolean empty = type.isEmpty() && status < 400 && status != 201;
      assertTrue(!empty || answer.body().length == 0, what);
      return answer;
    }
    List<String> problems = description.problems(ApiJson.mapper().readTree(answer.body()), type);
    assertEquals(List.of(), problems, what);
    return answer;
  }

  private long create(String pod) {
    return bench.create(pod, ++lastIfindex);
  }

  // ---- the agent ----

  @Test
  void daemon_everyOperation_answersAsDescribed() {
    expect(200, "GET /healthz", "/healthz", null);
    expect(bench, 200, "GET /healthz", "/healthz", Map.of("brief", "true"), null);
    expect(bench, 400, "GET /healthz", "/healthz", Map.of("brief", "perhaps"), null);
    expect(200, "GET /health", "/health", null);
    expect(200, "GET /debuginfo", "/debuginfo", null);
    expect(200, "GET /metrics", "/metrics/", null);
    expect(200, "GET /cgroup-dump-metadata", "/cgroup-dump-metadata", null);
    expect(200, "GET /node/ids", "/node/ids", null);
    for (String path : List.of("peers", "routes", "route-policies")) {
      expect(501, "GET /bgp/" + path, "/bgp/" + path, null);
    }
  }

  @Test
  void clusterNodes_askedAgain_tellsChangesOnly() {
    var first =
        ApiJson.mapper().readTree(expect(200, "GET /cluster/nodes", "/cluster/nodes", null).body());
    assertEquals("node-1", first.path("self").stringValue());
    assertEquals(1, first.path("nodes-added").size());
    String client = Long.toString(first.path("client-id").longValue());
    var second =
        expect(
            bench, 200, "GET /cluster/nodes", "/cluster/nodes", Map.of("client-id", client), null);
    assertEquals(0, ApiJson.mapper().readTree(second.body()).path("nodes-added").size());
  }

  @Test
  void config_readChangedAndRefused_answersAsDescribed() {
    var config = ApiJson.mapper().readTree(expect(200, "GET /config", "/config", null).body());
    for (String field :
        List.of(
            "addressing",
            "datapathMode",
            "deviceMTU",
            "routeMTU",
            "ipam-mode",
            "masquerade",
            "k8s-configuration")) {
      assertTrue(config.path("status").has(field), field);
    }
    assertTrue(config.at("/status/realized/options").size() > 0);
    assertTrue(config.at("/spec/options").size() > 0);
    for (String on : List.of("true", "ON", "enable", "Enabled", "1")) {
      expect(200, "PATCH /config", "/config", option("dropnotification", on));
    }
    expect(200, "PATCH /config", "/config", option("DropNotification", "off"));
    assertEquals(
        "Disabled",
        ApiJson.mapper()
            .readTree(bench.get("/config").body())
            .at("/spec/options/DropNotification")
            .stringValue());
    expect(200, "PATCH /config", "/config", option("DropNotification", "Enabled"));
    var unknown = expect(400, "PATCH /config", "/config", option("Nonsense", "on"));
    assertTrue(unknown.text().contains("Nonsense"), unknown.text());
    var wrong = expect(400, "PATCH /config", "/config", option("DropNotification", "7"));
    assertTrue(wrong.text().contains("DropNotification"), wrong.text());
    expect(400, "PATCH /config", "/config", new DaemonConfigurationSpec(Map.of(), "sometimes"));
    expect(200, "PATCH /config", "/config", new DaemonConfigurationSpec(Map.of(), "default"));
  }

  private static DaemonConfigurationSpec option(String name, String value) {
    return new DaemonConfigurationSpec(Map.of(name, value), "");
  }

  // ---- endpoints ----

  @Test
  void endpoint_asAPluginUsesIt_answersAsDescribed() {
    EndpointChangeRequest wanted = bench.wanted("cni", ++lastIfindex);
    var created = expect(201, "PUT /endpoint/{id}", "/endpoint/cilium-local:0", wanted);
    Endpoint endpoint = created.as(Endpoint.class);
    assertEquals(
        List.of(), description.problems(ApiJson.mapper().readTree(created.body()), "Endpoint"));
    assertEquals("ready", Objects.requireNonNull(endpoint.status()).state());
    String address = Objects.requireNonNull(wanted.addressing()).ipv4();
    for (String id :
        List.of(
            Long.toString(endpoint.id()),
            "cilium-local:" + endpoint.id(),
            "cni-attachment-id:c-cni:eth0",
            "container-id:c-cni",
            "pod-name:default%2Fcni",
            "cep-name:default%2Fcni",
            "ipv4:" + address)) {
      assertEquals(
          endpoint.id(),
          expect(200, "GET /endpoint/{id}", "/endpoint/" + id, null).as(Endpoint.class).id(),
          id);
    }
    expect(409, "PUT /endpoint/{id}", "/endpoint/cilium-local:0", wanted);
    expect(400, "GET /endpoint/{id}", "/endpoint/nonsense:1", null);
    expect(400, "GET /endpoint/{id}", "/endpoint/70000", null);
    expect(404, "GET /endpoint/{id}", "/endpoint/cilium-local:4711", null);
    expect(404, "GET /endpoint/{id}", "/endpoint/container-id:unknown", null);
    expect(200, "GET /endpoint", "/endpoint", null);
    expect(200, "GET /endpoint", "/endpoint", List.of("k8s:app=cni"));
    expect(404, "GET /endpoint", "/endpoint", List.of("k8s:app=nobody"));
    expect(
        200,
        "PATCH /endpoint/{id}",
        "/endpoint/" + endpoint.id(),
        EndpointChangeRequest.builder().state("ready").containerName("web").build());
    expect(200, "GET /endpoint/{id}", "/endpoint/container-name:web", null);
    var relabelled = EndpointChangeRequest.builder().state("ready").labels(List.of("k8s:app=new"));
    expect(200, "PATCH /endpoint/{id}", "/endpoint/" + endpoint.id(), relabelled.build());
    expect(200, "GET /endpoint", "/endpoint", List.of("k8s:app=new"));
    relabelled.labels(List.of("reserved:host"));
    expect(400, "PATCH /endpoint/{id}", "/endpoint/" + endpoint.id(), relabelled.build());
    expect(200, "DELETE /endpoint/{id}", "/endpoint/cni-attachment-id:c-cni:eth0", null);
    expect(404, "DELETE /endpoint/{id}", "/endpoint/" + endpoint.id(), null);
    expect(400, "DELETE /endpoint/{id}", "/endpoint/:", null);
    assertEquals(
        0,
        bench.agent.addresses().allocations().snapshot().stream()
            .filter(row -> row.value().equals("default/cni"))
            .count());
  }

  @Test
  void endpoint_refused_answersAsDescribed() {
    String put = "PUT /endpoint/{id}";
    String path = "/endpoint/cilium-local:0";
    EndpointChangeRequest wanted = bench.wanted("refused", ++lastIfindex);
    var noState = wanted(wanted, "{\"state\": \"\"}");
    var wrongState = wanted(wanted, "{\"state\": \"happy\"}");
    var reserved = wanted(wanted, "{\"labels\": [\"reserved:host\"]}");
    var noDevice = wanted(wanted, "{\"interface-name\": \"\"}");
    var noAddress = wanted(wanted, "{\"addressing\": {}}");
    var wrongMac = wanted(wanted, "{\"mac\": \"x\"}");
    for (Object each : List.of(noState, wrongState, reserved, noDevice, noAddress, wrongMac)) {
      expect(400, put, path, each);
    }
    expect(400, put, "/endpoint/cilium-local:99999", wanted);
    int id = 50_000;
    bench.datapath.refusedRows.add(id);
    var failed = expect(500, put, "/endpoint/" + id, wanted);
    assertTrue(failed.text().contains("no row"), failed.text());
    expect(201, put, path, wanted);
    String patch = "PATCH /endpoint/{id}";
    String present = "/endpoint/pod-name:default%2Frefused";
    var moved = EndpointChangeRequest.builder().state("ready").interfaceIndex(7).build();
    expect(400, patch, present, moved);
    expect(404, patch, "/endpoint/4711", EndpointChangeRequest.builder().state("ready").build());
    bench.datapath.stuckDevices.add(lastIfindex);
    expect(206, "DELETE /endpoint/{id}", present, null);
  }

  /** A request with some fields in another way. */
  private static Object wanted(EndpointChangeRequest request, String changes) {
    var tree = (tools.jackson.databind.node.ObjectNode) ApiJson.mapper().valueToTree(request);
    ApiJson.mapper()
        .readTree(changes)
        .properties()
        .forEach(e -> tree.set(e.getKey(), e.getValue()));
    return tree;
  }

  @Test
  void endpoint_deletedByContainer_answersAsDescribed() {
    create("batch");
    expect(200, "DELETE /endpoint", "/endpoint", Map.of("container-id", "c-batch"));
    expect(404, "DELETE /endpoint", "/endpoint", Map.of("container-id", "c-batch"));
    expect(400, "DELETE /endpoint", "/endpoint", Map.of("container-id", ""));
    create("stuck");
    bench.datapath.stuckDevices.add(lastIfindex);
    expect(206, "DELETE /endpoint", "/endpoint", Map.of("container-id", "c-stuck"));
  }

  @Test
  void endpointSettings_readChangedAndRefused_answerAsDescribed() {
    long id = create("settings");
    String path = "/endpoint/" + id;
    for (String part : List.of("config", "labels", "log", "healthz")) {
      expect(200, "GET /endpoint/{id}/" + part, path + "/" + part, null);
      expect(404, "GET /endpoint/{id}/" + part, "/endpoint/4711/" + part, null);
      expect(400, "GET /endpoint/{id}/" + part, "/endpoint/nonsense:1/" + part, null);
    }
    String config = "PATCH /endpoint/{id}/config";
    expect(200, config, path + "/config", Map.of("options", Map.of("DropNotification", "off")));
    expect(400, config, path + "/config", Map.of("options", Map.of("DropNotification", "x")));
    expect(404, config, "/endpoint/4711/config", Map.of("options", Map.of()));
    String labels = "PATCH /endpoint/{id}/labels";
    expect(200, labels, path + "/labels", Map.of("user", List.of("tier=gold")));
    expect(400, labels, path + "/labels", Map.of("user", List.of("reserved:host")));
    expect(404, labels, "/endpoint/4711/labels", Map.of("user", List.of()));
    for (String wrong :
        List.of(
            "k8s:io.kubernetes.pod.namespace=kube-system",
            "k8s:app=admin",
            "fqdn:bank.example",
            "cidr:10.0.0.0/8",
            "k8s:bad key=x",
            "k8s:tier=a;k8s:app=admin",
            "container:a=b;c=d")) {
      expect(400, labels, path + "/labels", Map.of("user", List.of(wrong)));
      Object both =
          Map.of("label-configuration", Map.of("user", List.of(wrong)), "options", Map.of());
      expect(400, config, path + "/config", both);
    }
    var shown = ApiJson.mapper().readTree(bench.get(path + "/labels").body());
    assertTrue(shown.at("/status/security-relevant").toString().contains("tier=gold"), shown + "");
    bench.datapath.refusedRows.add((int) id);
    expect(500, labels, path + "/labels", Map.of("user", List.of("tier=lead")));
    bench.datapath.refusedRows.clear();
    var log = ApiJson.mapper().readTree(bench.get(path + "/log").body());
    assertTrue(log.toString().contains("failed"), "the log tells of failures: " + log);
  }

  // ---- identities, addresses ----

  @Test
  void identity_everyOperation_answersAsDescribed() {
    create("who");
    expect(200, "GET /identity", "/identity", null);
    expect(200, "GET /identity", "/identity", List.of("k8s:app=who"));
    expect(404, "GET /identity", "/identity", List.of("k8s:app=nobody"));
    expect(200, "GET /identity/{id}", "/identity/1", null);
    expect(400, "GET /identity/{id}", "/identity/host", null);
    expect(404, "GET /identity/{id}", "/identity/65000", null);
    expect(404, "GET /identity/{id}", "/identity/99999999999", null);
    expect(200, "GET /identity/endpoints", "/identity/endpoints", null);
  }

  @Test
  void ipam_takenReservedAndReleased_answersAsDescribed() throws Exception {
    IPAMResponse taken =
        expect(201, "POST /ipam", "/ipam?family=ipv4&owner=x", null).as(IPAMResponse.class);
    assertTrue(Objects.requireNonNull(taken.hostAddressing()).ipv4() != null);
    assertEquals("", Objects.requireNonNull(taken.ipv4()).expirationUuid());
    var reserved =
        expect(bench, 201, "POST /ipam", "/ipam", Map.of("expiration", "true"), null)
            .as(IPAMResponse.class);
    assertEquals(36, Objects.requireNonNull(reserved.ipv6()).expirationUuid().length());
    expect(400, "POST /ipam", "/ipam?family=ipx", null);
    expect(502, "POST /ipam", "/ipam?pool=other", null);
    String post = "POST /ipam/{ip}";
    expect(200, post, "/ipam/10.1.0.200?owner=x", null);
    expect(409, post, "/ipam/10.1.0.200?owner=y", null);
    expect(400, post, "/ipam/10.1.0", null);
    expect(500, post, "/ipam/192.0.2.1", null);
    String delete = "DELETE /ipam/{ip}";
    expect(200, delete, "/ipam/10.1.0.200", null);
    expect(404, delete, "/ipam/10.1.0.200", null);
    expect(400, delete, "/ipam/nonsense", null);
    create("holder");
    String used =
        bench.agent.endpoint("default", "holder").orElseThrow().addresses().getFirst().toString();
    expect(500, delete, "/ipam/" + used, null);
    try (var single = new RestBench(temp.resolve("b"), RestConfig.Limits.DEFAULT, "10.2.0.0/28")) {
      expect(single, 501, post, "/ipam/fd00::7", Map.of(), null);
      expect(single, 501, delete, "/ipam/fd00::7", Map.of(), null);
      for (int i = 0; i < 13; i++) {
        var _ = single.call("POST", "/ipam?owner=x", "");
      }
      expect(single, 502, "POST /ipam", "/ipam?owner=x", Map.of(), null);
    }
  }

  @Test
  void addresses_listed_answersAsDescribed() {
    expect(200, "GET /ip", "/ip", null);
    expect(200, "GET /ip", "/ip?cidr=0.0.0.0%2F0", null);
    expect(400, "GET /ip", "/ip?cidr=nonsense", null);
    expect(404, "GET /ip", "/ip?cidr=203.0.113.0%2F24", null);
  }

  // ---- policy ----

  @Test
  void policy_givenFoundAndTakenBack_answersAsDescribed() throws Exception {
    write(
        "cnp.yaml",
        """
        apiVersion: cilium.io/v2
        kind: CiliumNetworkPolicy
        metadata: {name: k8s-rule, namespace: default}
        spec:
          endpointSelector: {matchLabels: {app: dns}}
          egress: [{toFQDNs: [{matchPattern: "*.example.com"}]}]
        """);
    bench.agent.awaitPolicy(
        new io.cilium4j.core.ResourceKey("CiliumNetworkPolicy", "default", "k8s-rule"),
        RestBench.PATIENCE);
    var put = ApiJson.mapper().readTree(expect(200, "PUT /policy", "/policy", RULES).body());
    var got = ApiJson.mapper().readTree(expect(200, "GET /policy", "/policy", null).body());
    assertTrue(got.path("revision").longValue() >= put.path("revision").longValue());
    var rules = ApiJson.mapper().readTree(got.path("policy").stringValue());
    assertEquals(2, rules.size(), rules.toString());
    expect(200, "GET /policy", "/policy", List.of("user:name=r1"));
    expect(200, "GET /policy", "/policy", List.of("io.cilium.k8s.policy.name=k8s-rule"));
    expect(404, "GET /policy", "/policy", List.of("name=r2"));
    expect(200, "PUT /policy", "/policy?replace=true", RULES);
    expect(200, "PUT /policy", "/policy?replace-with-labels=name%3Dr1", RULES);
    assertEquals(1, bench.agent.apiRules().size());
    expect(400, "PUT /policy", "/policy", "[{\"endpointSelector\": {}, \"nonsense\": 1}]");
    expect(400, "PUT /policy", "/policy", "no JSON");
    expect(200, "GET /policy/selectors", "/policy/selectors", null);
    expect(200, "GET /policy/subject-selectors", "/policy/subject-selectors", null);
    var names =
        ApiJson.mapper().readTree(expect(200, "GET /fqdn/names", "/fqdn/names", null).body());
    assertEquals(1, names.path("FQDNPolicySelectors").size());
    expect(404, "DELETE /policy", "/policy", List.of("name=r2"));
    expect(200, "DELETE /policy", "/policy", List.of("name=r1"));
    expect(200, "DELETE /policy", "/policy", List.of());
    expect(400, "DELETE /policy", "/policy", List.of("=x"));
    assertEquals(0, bench.agent.apiRules().size());
  }

  private static void write(String name, String content) throws Exception {
    Path unfinished = temp.resolve(name);
    Files.writeString(unfinished, content);
    Files.move(
        unfinished, temp.resolve("a/manifests").resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  // ---- services, and what is kept and not carried out ----

  @Test
  void service_putAndRefused_answersAsDescribed() {
    ServiceContract.putAndRefused(this::expect);
  }

  @Test
  void service_ofKubernetes_isShownAndNobodyElses() throws Exception {
    write("service.yaml", ServiceContract.MANIFEST);
    ServiceContract.ofKubernetes(this::expect, bench.datapath);
    Files.delete(temp.resolve("a/manifests/service.yaml"));
  }

  @Test
  void redirects_ofKubernetes_areListed() throws Exception {
    write(
        "lrp.yaml",
        """
        apiVersion: cilium.io/v2
        kind: CiliumLocalRedirectPolicy
        metadata: {name: dns, namespace: default}
        spec:
          redirectFrontend:
            addressMatcher: {ip: 169.254.1.1, toPorts: [{port: "53", protocol: UDP}]}
          redirectBackend: {localEndpointSelector: {}, toPorts: [{port: "53", protocol: UDP}]}
        """);
    long end = System.nanoTime() + RestBench.PATIENCE.toNanos();
    ApiResponse answer;
    do {
      answer = expect(200, "GET /lrp", "/lrp", null);
    } while (answer.text().equals("[]") && System.nanoTime() < end);
    assertTrue(answer.text().contains("169.254.1.1"), answer.text());
  }

  @Test
  void recorder_putAndRefused_answersAsDescribed() {
    var good = Map.of("capture-length", 64, "filters", List.of(Map.of("dst-port", "80")));
    String put = "PUT /recorder/{id}";
    expect(201, put, "/recorder/1", good);
    expect(200, put, "/recorder/1", good);
    expect(500, put, "/recorder/1", Map.of("filters", List.of(Map.of("dst-port", "eighty"))));
    expect(200, "GET /recorder", "/recorder", null);
    var shown =
        ApiJson.mapper().readTree(expect(200, "GET /recorder/{id}", "/recorder/1", null).body());
    assertEquals(1, shown.at("/status/realized/id").intValue());
    assertEquals(64, shown.at("/status/realized/capture-length").intValue());
    assertEquals("80", shown.at("/status/realized/filters/0/dst-port").stringValue());
    expect(404, "GET /recorder/{id}", "/recorder/2", null);
    expect(200, "GET /recorder/masks", "/recorder/masks", null);
    expect(200, "DELETE /recorder/{id}", "/recorder/1", null);
    expect(404, "DELETE /recorder/{id}", "/recorder/1", null);
  }

  @Test
  void prefilter_keptAndRefused_answersAsDescribed() {
    var before =
        ApiJson.mapper().readTree(expect(200, "GET /prefilter", "/prefilter", null).body());
    long revision = before.at("/spec/revision").longValue();
    var change = Map.of("revision", revision, "deny", List.of("192.0.2.0/24"));
    var after =
        ApiJson.mapper().readTree(expect(200, "PATCH /prefilter", "/prefilter", change).body());
    assertEquals(revision + 1, after.at("/spec/revision").longValue());
    assertEquals(revision + 1, after.at("/status/realized/revision").longValue());
    assertEquals("192.0.2.0/24", after.at("/status/realized/deny/0").asString());
    expect(500, "PATCH /prefilter", "/prefilter", change);
    expect(461, "PATCH /prefilter", "/prefilter", Map.of("deny", List.of("x")));
    expect(461, "DELETE /prefilter", "/prefilter", Map.of("deny", List.of("x")));
    expect(500, "DELETE /prefilter", "/prefilter", Map.of("deny", List.of("198.51.100.0/24")));
    expect(200, "DELETE /prefilter", "/prefilter", Map.of("deny", List.of("192.0.2.0/24")));
  }

  @Test
  void fqdn_cacheReadAndCleared_answersAsDescribed() {
    long id = create("dns");
    bench
        .agent
        .dnsCache()
        .learn(
            new DnsCache.Key((int) id, "www.example.com."),
            List.of(IpAddress.parse("192.0.2.7")),
            Duration.ofMinutes(5),
            Instant.now(),
            10);
    String get = "GET /fqdn/cache";
    var found =
        expect(200, get, "/fqdn/cache?matchpattern=*.example.com&cidr=192.0.2.0%2F24", null);
    assertEquals(1, ApiJson.mapper().readTree(found.body()).size());
    expect(400, get, "/fqdn/cache?cidr=x", null);
    expect(400, get, "/fqdn/cache?matchpattern=%28", null);
    expect(200, "GET /fqdn/cache/{id}", "/fqdn/cache/" + id, null);
    expect(400, "GET /fqdn/cache/{id}", "/fqdn/cache/nonsense:1", null);
    expect(404, "GET /fqdn/cache/{id}", "/fqdn/cache/4711", null);
    expect(400, "DELETE /fqdn/cache", "/fqdn/cache?matchpattern=%28", null);
    expect(200, "DELETE /fqdn/cache", "/fqdn/cache", null);
    assertEquals("[]", bench.get("/fqdn/cache").text());
  }

  // ---- tables ----

  @Test
  void maps_listedReadAndFollowed_answerAsDescribed() {
    expect(200, "GET /map", "/map", null);
    expect(200, "GET /map/{name}", "/map/cilium_ipcache", null);
    expect(404, "GET /map/{name}", "/map/nonsense", null);
    create("mapped");
    var events = expect(200, "GET /map/{name}/events", "/map/cilium_lxc/events", null);
    events
        .text()
        .lines()
        .forEach(line ->
            assertEquals(
                List.of(), description.problems(ApiJson.mapper().readTree(line), "MapEvent")));
    assertTrue(events.text().contains("update"), events.text());
    expect(404, "GET /map/{name}/events", "/map/nonsense/events", null);
    var dump = expect(200, "GET /statedb/dump", "/statedb/dump", null);
    assertTrue(ApiJson.mapper().readTree(dump.body()).path("endpoints").isArray(), dump.text());
    String query = "GET /statedb/query/{table}";
    expect(200, query, "/statedb/query/identities?index=key&key=1&lowerbound=true", null);
    expect(400, query, "/statedb/query/identities", null);
    expect(404, query, "/statedb/query/nonsense?index=key&key=1", null);
  }

  @Test
  void requests_moreThanAreTaken_areToldToComeAgain() throws Exception {
    var few = new RestConfig.Limits(8, 8192, 1 << 20, 1 << 20, 1, 1, RestConfig.Patience.DEFAULT);
    for (String operation : description.operations().keySet()) {
      if (description.answer(operation, 429).isPresent()) {
        seen.add(operation + " 429"); // One gate before all of them, shown below.
      }
    }
    try (var small = new RestBench(temp.resolve("c"), few, "10.3.0.0/24")) {
      for (int i = 0; i < 2; i++) {
        var _ = small.get("/endpoint");
      }
      var told = small.get("/endpoint");
      assertEquals(429, told.status(), told.text());
      assertTrue(told.text().contains("try again later"), told.text());
    }
  }

  @Test
  void paths_thatAreNone_areRefused() {
    assertEquals(404, bench.get("/nonsense").status());
    assertEquals(404, bench.get("/endpoint/1/2/3").status());
    assertEquals(
        404,
        ApiClient.ofHealth(bench.server.socket(), RestBench.PATIENCE)
            .call("GET", "/healthz", null)
            .status());
    assertEquals(405, bench.call("POST", "/healthz", null).status());
  }

  @AfterAll
  void stop() {
    bench.close();
    Set<String> left = new TreeSet<>();
    description
        .operations()
        .forEach((operation, answers) ->
            answers.keySet().stream()
                .filter(status -> !Unanswered.isIt(operation, status))
                .filter(status -> !seen.contains(operation + " " + status))
                .forEach(status -> left.add(operation + " " + status)));
    assertEquals(Set.of(), left, "described and not seen");
  }
}
