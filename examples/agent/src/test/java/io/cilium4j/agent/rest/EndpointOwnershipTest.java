// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.api.ApiJson;
import io.cilium4j.api.ApiResponse;
import io.cilium4j.api.model.Endpoint;
import io.cilium4j.api.model.EndpointChangeRequest;
import io.cilium4j.core.IpAddress;
import java.net.NetworkInterface;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/** What an endpoint has no other has: of two that want it one is refused, and told by whom. */
class EndpointOwnershipTest {

  private static final String PUT = "/endpoint/cilium-local:0";

  @TempDir Path temp;
  private RestBench bench;
  private int lastIfindex = 100;

  @BeforeEach
  void start() throws Exception {
    bench = new RestBench(temp);
  }

  @AfterEach
  void stop() {
    bench.datapath.gate.countDown();
    bench.datapath.exitGate.countDown();
    bench.close();
  }

  /** What two endpoints may both want. */
  enum Shared {
    ATTACHMENT,
    ADDRESS_V4,
    ADDRESS_V6,
    DEVICE_NAME,
    DEVICE_INDEX,
    ID
  }

  private ObjectNode wanted(String pod) {
    return ApiJson.mapper().valueToTree(bench.wanted(pod, ++lastIfindex));
  }

  private static ObjectNode addressing(ObjectNode request) {
    return (ObjectNode) request.get("addressing");
  }

  /** Another pod that wants one thing of the first, as a client that got hold of it would. */
  private ObjectNode rival(ObjectNode first, Shared shared) {
    String pod = first.get("k8s-pod-name").stringValue();
    boolean isOfThePod = shared.compareTo(Shared.ADDRESS_V6) <= 0;
    ObjectNode rival = wanted(isOfThePod ? pod : pod + "-rival");
    switch (shared) {
      case ATTACHMENT -> {}
      case ADDRESS_V4, ADDRESS_V6 -> {
        rival.put("container-id", "c-rival");
        String family = shared == Shared.ADDRESS_V4 ? "ipv4" : "ipv6";
        for (String field : List.of(family, family + "-expiration-uuid")) {
          addressing(rival).set(field, addressing(first).get(field));
        }
      }
      case DEVICE_NAME -> rival.set("interface-name", first.get("interface-name"));
      case DEVICE_INDEX -> rival.set("interface-index", first.get("interface-index"));
      case ID -> {
        first.put("id", 4000 + lastIfindex);
        rival.put("id", 4000 + lastIfindex);
      }
    }
    return rival;
  }

  private ApiResponse put(Object request) {
    return bench.call("PUT", PUT, request);
  }

  private List<ApiResponse> atOnce(List<Callable<ApiResponse>> calls) throws Exception {
    var begin = new CyclicBarrier(calls.size());
    try (var threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      List<Future<ApiResponse>> all =
          calls.stream()
              .map(call ->
                  threads.submit(() -> {
                    begin.await();
                    return call.call();
                  }))
              .toList();
      return Stream.of(all.get(0).get(), all.get(1).get()).toList();
    }
  }

  @ParameterizedTest
  @EnumSource(Shared.class)
  void put_twoAtOnceWantTheSame_oneIsMadeAndTheOtherToldWho(Shared shared) throws Exception {
    for (int round = 0; round < 20; round++) {
      ObjectNode first = wanted("pod-" + round);
      ObjectNode second = rival(first, shared);
      List<ApiResponse> answers = atOnce(List.of(() -> put(first), () -> put(second)));
      List<Integer> statuses = answers.stream().map(ApiResponse::status).sorted().toList();
      assertEquals(List.of(201, 409), statuses, answers + "");
      assertEquals(1, bench.agent.endpoints().snapshot().size());
      var made = bench.agent.endpoints().snapshot().iterator().next().value();
      String refusal =
          answers.stream().filter(each -> each.status() == 409).findFirst().orElseThrow().text();
      assertTrue(refusal.contains(made.podName()), refusal);
      assertEquals(200, bench.call("DELETE", "/endpoint/" + made.id(), null).status());
    }
  }

  @ParameterizedTest
  @EnumSource(Shared.class)
  void put_anotherHasIt_isRefusedAlsoAfterARestart(Shared shared) throws Exception {
    ObjectNode first = wanted("first");
    ObjectNode second = rival(first, shared);
    Endpoint made = put(first).as(Endpoint.class);
    for (int run = 0; run < 2; run++) {
      ApiResponse refused = put(second);
      assertEquals(409, refused.status(), refused.text());
      String owner = shared == Shared.ID ? "default/first" : made.id() + " (default/first)";
      assertTrue(refused.text().contains(owner), refused.text());
      bench.agent.stop();
      bench.agent.start();
    }
    assertEquals(1, bench.agent.endpoints().snapshot().size());
  }

  @Test
  void put_secondSandboxOfThePod_isAnEndpointOfItsOwn() {
    ObjectNode first = wanted("web");
    ObjectNode second = wanted("web");
    second.put("container-id", "c-web-2");
    Endpoint former = put(first).as(Endpoint.class);
    Endpoint present = put(second).as(Endpoint.class);
    assertEquals(
        400, bench.call("DELETE", "/endpoint/pod-name:default%2Fweb", null).status(), "which one?");
    assertEquals(
        200, bench.call("DELETE", "/endpoint/cni-attachment-id:c-web:eth0", null).status());
    assertEquals(404, bench.get("/endpoint/" + former.id()).status());
    assertEquals(
        present.id(), bench.get("/endpoint/pod-name:default%2Fweb").as(Endpoint.class).id());
    String address = addressing(second).get("ipv4").stringValue();
    assertTrue(
        bench.agent.addresses().allocations().snapshot().contains(IpAddress.parse(address)),
        "the other one's address went with it");
  }

  @Test
  void put_predecessorHasLostItsDevice_takesItsPlace() {
    ObjectNode first = wanted("web");
    Endpoint former = put(first).as(Endpoint.class);
    bench.datapath.loseDevice(lastIfindex);
    ObjectNode second = wanted("web");
    second.set("addressing", first.get("addressing"));
    Endpoint present = put(second).as(Endpoint.class);
    assertTrue(present.id() != former.id());
    assertEquals(404, bench.get("/endpoint/" + former.id()).status());
  }

  @Test
  void delete_whileItIsMade_waitsForItAndTakesIt() throws Exception {
    ObjectNode first = wanted("web");
    bench.datapath.gate = new CountDownLatch(1);
    bench.datapath.arrived = new CountDownLatch(1);
    try (var threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      var putting = threads.submit(() -> put(first));
      bench.datapath.arrived.await();
      var deleting =
          threads.submit(() -> bench.call("DELETE", "/endpoint", Map.of("container-id", "c-web")));
      assertEquals(409, put(first).status(), "it is taken already");
      bench.datapath.gate.countDown();
      assertEquals(201, putting.get().status());
      assertEquals(200, deleting.get().status());
    }
    assertEquals(0, bench.agent.endpoints().snapshot().size());
    assertEquals(0, bench.agent.addresses().allocations().snapshot().size());
    assertEquals(0, bench.datapath.devices.size());
  }

  /** Its row is gone first of all: who sees none must not be told that it is there. */
  @ParameterizedTest
  @EnumSource(Shared.class)
  void put_whileItsPredecessorLeaves_waitsForItAndIsMade(Shared shared) throws Exception {
    ObjectNode first = wanted("web");
    ObjectNode second = rival(first, shared);
    Endpoint former = put(first).as(Endpoint.class);
    bench.datapath.exitGate = new CountDownLatch(1);
    bench.datapath.exiting = new CountDownLatch(1);
    try (var threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      var deleting = threads.submit(() -> bench.call("DELETE", "/endpoint/" + former.id(), null));
      bench.datapath.exiting.await();
      assertEquals(404, bench.get("/endpoint/" + former.id()).status());
      var putting = threads.submit(() -> put(second));
      assertThrows(TimeoutException.class, () -> putting.get(300, TimeUnit.MILLISECONDS));
      bench.datapath.exitGate.countDown();
      assertEquals(200, deleting.get().status());
      ApiResponse made = putting.get();
      assertEquals(201, made.status(), made.text());
    }
  }

  @Test
  void put_clientIsGoneBeforeTheAnswer_isUndone() throws Exception {
    ObjectNode first = wanted("web");
    bench.datapath.gate = new CountDownLatch(1);
    bench.datapath.arrived = new CountDownLatch(1);
    byte[] body = ApiJson.mapper().writeValueAsBytes(first);
    String head = "PUT /v1" + PUT + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + body.length;
    try (var watch = bench.agent.endpoints().watch()) {
      try (var client = SocketChannel.open(StandardProtocolFamily.UNIX)) {
        client.connect(UnixDomainSocketAddress.of(bench.server.socket()));
        client.write(ByteBuffer.wrap((head + "\r\n\r\n").getBytes(StandardCharsets.UTF_8)));
        client.write(ByteBuffer.wrap(body));
        bench.datapath.arrived.await();
      }
      bench.datapath.gate.countDown();
      boolean wasThere = false;
      long end = System.nanoTime() + RestBench.PATIENCE.toNanos();
      while (System.nanoTime() < end
          && !(wasThere && bench.agent.endpoints().snapshot().size() == 0)) {
        wasThere |= watch.take(RestBench.PATIENCE).list().size() > 0;
      }
      assertTrue(wasThere, "it was made");
    }
    assertEquals(0, bench.agent.endpoints().snapshot().size());
    bench.datapath.gate = new CountDownLatch(0);
    assertEquals(201, put(wanted("web")).status(), "its successor is not blocked");
  }

  @Test
  void releaseAddress_whileItsEndpointIsMade_isRefusedWithTheOwnersName() throws Exception {
    ObjectNode first = wanted("web");
    String address = addressing(first).get("ipv4").stringValue();
    bench.datapath.gate = new CountDownLatch(1);
    bench.datapath.arrived = new CountDownLatch(1);
    try (var threads = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
      var putting = threads.submit(() -> put(first));
      bench.datapath.arrived.await();
      ApiResponse refused = bench.call("DELETE", "/ipam/" + address, null);
      assertEquals(500, refused.status());
      assertTrue(refused.text().contains("(default/web)"), refused.text());
      bench.datapath.gate.countDown();
      assertEquals(201, putting.get().status());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"eth0", "eth7"})
  void patch_anothersContainer_isRefused(String device) {
    Endpoint mine = put(wanted("mine")).as(Endpoint.class);
    Endpoint others = put(wanted("others")).as(Endpoint.class);
    var change =
        EndpointChangeRequest.builder()
            .state("ready")
            .containerId("c-others")
            .containerInterfaceName(device)
            .build();
    ApiResponse refused = bench.call("PATCH", "/endpoint/" + mine.id(), change);
    assertEquals(409, refused.status(), refused.text());
    assertTrue(refused.text().contains(others.id() + " (default/others)"), refused.text());
    assertEquals(
        200, bench.call("DELETE", "/endpoint", Map.of("container-id", "c-others")).status());
    assertEquals(
        200, bench.get("/endpoint/" + mine.id()).status(), "and only the other one is gone");
  }

  @Test
  void patch_itsOwnContainer_isFoundByItFromThenOnAndGivesTheOldOneUp() {
    Endpoint mine = put(wanted("mine")).as(Endpoint.class);
    var change = EndpointChangeRequest.builder().state("ready").containerId("c-new").build();
    assertEquals(200, bench.call("PATCH", "/endpoint/" + mine.id(), change).status());
    ObjectNode next = wanted("mine");
    assertEquals(201, put(next).status(), "the name that it had is free");
    assertEquals(200, bench.call("DELETE", "/endpoint", Map.of("container-id", "c-new")).status());
    assertEquals(404, bench.get("/endpoint/" + mine.id()).status());
  }

  @Test
  void put_addressOfAnExternalIpamThatNoPodCanHave_isRefused() throws Exception {
    String own =
        NetworkInterface.networkInterfaces()
            .flatMap(NetworkInterface::inetAddresses)
            .filter(each -> !each.isLinkLocalAddress() && !each.isLoopbackAddress())
            .map(each -> IpAddress.of(each).toString())
            .filter(each -> each.indexOf(':') < 0)
            .findFirst()
            .orElse("127.0.0.1");
    for (String address :
        List.of(
            own,
            "10.1.0.1",
            "10.1.0.77",
            "127.0.0.5",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "0.0.0.1",
            "169.254.1.1")) {
      refuseForeign("ipv4", address);
    }
    for (String address : List.of("fd00:1::1", "fd00:1::77", "::1", "::", "ff02::1", "fe80::1")) {
      refuseForeign("ipv6", address);
    }
    ObjectNode good = foreign("ipv4", "192.0.2.77");
    assertEquals(201, put(good).status());
  }

  @ParameterizedTest
  @CsvSource({
    "mac, ff:ff:ff:ff:ff:ff",
    "mac, 00:00:00:00:00:00",
    "mac, 01:00:5e:00:00:01",
    "mac, 33:33:00:00:00:01",
    "host-mac, ff:ff:ff:ff:ff:ff",
    "host-mac, 00:00:00:00:00:00"
  })
  void put_addressOfNoDevice_isRefused(String field, String mac) {
    ObjectNode request = wanted("mac");
    request.put(field, mac);
    ApiResponse refused = put(request);
    assertEquals(400, refused.status(), refused.text());
    assertTrue(Objects.requireNonNull(refused.text()).contains(field + " " + mac), refused.text());
  }

  private ObjectNode foreign(String family, String address) {
    ObjectNode request = wanted("foreign-" + lastIfindex);
    request.putObject("addressing").put(family, address);
    request.putObject("datapath-configuration").put("external-ipam", true);
    return request;
  }

  private void refuseForeign(String family, String address) {
    ApiResponse refused = put(foreign(family, address));
    assertEquals(400, refused.status(), address + ": " + refused.text());
    assertTrue(Objects.requireNonNull(refused.text()).contains(address), refused.text());
  }
}
