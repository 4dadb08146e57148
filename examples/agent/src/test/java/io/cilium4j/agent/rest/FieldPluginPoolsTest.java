// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiJson;
import io.cilium4j.api.ApiResponse;
import io.cilium4j.api.model.AddressPair;
import io.cilium4j.api.model.IPAMResponse;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.NodePool;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * The requests of the field's CNI plugin (releases 1.15 to 1.20) where addresses come from pools:
 * it names the pod and leaves the choice of the pool to the agent, or names a pool that its
 * configuration has, and hands the pools' names back with the addresses.
 */
class FieldPluginPoolsTest {
  private static final Map<String, String> EXPIRATION = Map.of("expiration", "true");

  @TempDir Path temp;
  private final Map<String, NodePool> pools = new TreeMap<>();
  private RestBench bench;

  @BeforeEach
  void start() throws Exception {
    pools.put("default", pool("10.1.0.0/28", "fd01::/124"));
    pools.put("blue", pool("10.2.0.0/28", "fd02::/124"));
    pools.put("red", pool("10.3.0.0/28", "fd03::/124"));
    bench =
        new RestBench(
            temp,
            RestConfig.Limits.DEFAULT,
            builder -> builder.ipam("multi-pool", Map.of()).podPools(pools));
    annotate("painter", "{ipam.cilium.io/ip-pool: blue}");
  }

  @AfterEach
  void stop() {
    bench.close();
  }

  private static NodePool pool(String... cidrs) {
    return NodePool.of(Stream.of(cidrs).map(IpPrefix::parse).toList());
  }

  private void annotate(String pod, String annotations) throws Exception {
    Path draft =
        Files.writeString(
            temp.resolve(pod + ".draft"),
            "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: default, annotations: %s}, spec: {}}"
                .formatted(pod, annotations));
    Files.move(
        draft, temp.resolve("manifests").resolve(pod + ".yaml"), StandardCopyOption.ATOMIC_MOVE);
    var byDefault = Map.of(IpFamily.IPV4, "default", IpFamily.IPV6, "default");
    await(() ->
        !bench
            .agent
            .addresses()
            .poolsFor("default/" + pod, Set.of(IpFamily.values()))
            .equals(byDefault));
  }

  private static void await(BooleanSupplier condition) {
    long end = System.nanoTime() + RestBench.PATIENCE.toNanos();
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < end, "in time");
      LockSupport.parkNanos(1_000_000);
    }
  }

  private ApiResponse post(String query) {
    return bench.client.call("POST", "/ipam?" + query, EXPIRATION, null);
  }

  private AddressPair given(String query) {
    ApiResponse response = post(query);
    assertEquals(201, response.status(), response.text());
    return Objects.requireNonNull(response.as(IPAMResponse.class).address());
  }

  private int delete(String address, String pool) {
    return bench.call("DELETE", "/ipam/" + address + "?pool=" + pool, null).status();
  }

  @Test
  void ipam_ofAPod_isOfThePoolThatItsAnnotationsName() throws Exception {
    AddressPair pair = given("owner=default%2Fpainter");
    assertEquals("10.2.0.1 of blue", pair.ipv4() + " of " + pair.ipv4PoolName());
    assertEquals("fd02::1 of blue", pair.ipv6() + " of " + pair.ipv6PoolName());
    assertEquals(200, delete(pair.ipv4(), "blue"));
    assertEquals(200, delete(pair.ipv6(), "blue"));
    annotate("mixer", "{ipam.cilium.io/ip-pool: blue, ipam.cilium.io/ipv6-pool: red}");
    AddressPair mixed = given("family=&owner=default%2Fmixer&pool=");
    assertEquals("blue and red", mixed.ipv4PoolName() + " and " + mixed.ipv6PoolName());
    AddressPair plain = given("owner=default%2Fnobody");
    assertEquals("default and default", plain.ipv4PoolName() + " and " + plain.ipv6PoolName());
  }

  @Test
  void ipam_ofANamedPool_isOfThatWhateverThePodSays() {
    AddressPair pair = given("family=ipv6&owner=default%2Fpainter&pool=red");
    assertEquals("red and ", pair.ipv6PoolName() + " and " + pair.ipv4());
    assertEquals(500, delete(pair.ipv6(), "blue"), "of another pool");
    assertEquals(200, delete(pair.ipv6(), "red"));
    assertEquals(200, bench.call("POST", "/ipam/10.3.0.9?owner=x&pool=red", null).status());
    assertEquals(500, bench.call("POST", "/ipam/10.3.0.10?owner=x&pool=blue", null).status());
  }

  @Test
  void endpoint_withWhatItWasGiven_hasItUntilItIsDeleted() {
    long id = bench.create("painter", 7);
    JsonNode status = ApiJson.mapper().readTree(bench.get("/healthz").body()).path("ipam");
    assertEquals(
        "IPv4: 3 IPAM pool(s) available, IPv6: 3 IPAM pool(s) available",
        status.path("status").stringValue());
    assertEquals("default/painter", status.path("allocations").path("blue/10.2.0.1").stringValue());
    assertEquals(500, delete("10.2.0.1", "blue"), "the endpoint's");
    assertEquals(200, bench.call("DELETE", "/endpoint/cilium-local:" + id, null).status());
    await(() -> bench.agent.addresses().allocations().snapshot().isEmpty());
  }

  private Future<ApiResponse> posting(String query) {
    var task = new FutureTask<>(() -> post(query));
    Thread.startVirtualThread(task);
    return task;
  }

  private void awaitNeed(String pool) {
    await(() ->
        bench
            .agent
            .poolClaims()
            .orElseThrow()
            .get(pool)
            .filter(claim -> claim.neededIpv4() == 1 && claim.neededIpv6() == 1)
            .isPresent());
  }

  @Test
  void ipam_ofAPoolThatHasNothingHere_waitsForTheOperator() throws Exception {
    Future<ApiResponse> response = posting("owner=default%2Fpainter&pool=green");
    awaitNeed("green");
    pools.put("green", pool("10.4.0.0/28", "fd04::/124"));
    bench.agent.podPoolsChanged(pools, "");
    AddressPair pair = Objects.requireNonNull(response.get().as(IPAMResponse.class).address());
    assertEquals("green and green", pair.ipv4PoolName() + " and " + pair.ipv6PoolName());
    assertEquals(
        Optional.of("green"), bench.agent.addresses().poolOf(IpAddress.parse(pair.ipv4())));
  }

  @Test
  void ipam_ofAPoolThatDoesNotExist_isRefusedInOneLine() throws Exception {
    Future<ApiResponse> response = posting("owner=default%2Fpainter&pool=green");
    awaitNeed("green");
    bench.agent.podPoolsChanged(pools, "pool green: there is no such CiliumPodIPPool");
    assertEquals(502, response.get().status());
    assertEquals(
        "\"no IPV4 address for default/painter of pool green: there is no such CiliumPodIPPool\"",
        response.get().text().strip());
  }
}
