// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.Redirect;
import io.cilium4j.api.model.BackendAddress;
import io.cilium4j.api.model.FrontendAddress;
import io.cilium4j.api.model.ServiceSpec;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.HttpAccess;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.proxy.Redaction;
import io.cilium4j.it.Requests.Client;
import io.cilium4j.it.Requests.Recorder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Rules on requests, enforced by an agent with its datapath and its proxy. */
class HttpRulesKernelIT {

  private static final int PORT = 8080;

  /** Of a service, which leads to {@link #PORT}: the port that rules name. */
  private static final int SERVICE_PORT = 80;

  private static final int SHORT_MILLIS = 300;

  private static String onlyFromAlice(String method, String path) {
    return """
    endpointSelector:
      matchLabels: {app: bob}
    ingress:
    - fromEndpoints:
      - matchLabels: {app: alice}
      toPorts:
      - ports:
        - {port: "8080", protocol: TCP}
        rules:
          http:
          - {method: %s, path: %s}
    """
        .formatted(method, path);
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void requests_ofOneConnection_followTheRulesAsTheyChange(IpFamily family) throws Exception {
    try (var lab = new Lab("ith", "ebpf", 31)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      IpAddress server = bob.address(family).orElseThrow();
      lab.apply("requests", onlyFromAlice("POST", "/landing"));
      try (var recorder = new Recorder(lab.netns("bob"), PORT);
          Client client = Client.open(lab.netns("alice"), server, PORT)) {
        assertEquals(200, client.ask("POST", "/landing"));
        assertEquals(403, client.ask("PUT", "/exhaust"));
        assertEquals(200, client.ask("POST", "/landing"));
        lab.apply("requests2", onlyFromAlice("PUT", "/exhaust"));
        assertEquals(200, client.ask("PUT", "/exhaust"));
        assertEquals(403, client.ask("GET", "/landing"));
        assertEquals(3, recorder.seen.size());
        assertEquals(
            List.of(alice.address(family).orElseThrow() + " " + client.socket().getLocalPort()),
            recorder.seen.stream().distinct().toList());
      }
      assertEquals(
          List.of(new Redirect(bob.id(), TrafficDirection.INGRESS, 6, PORT, "http", 10_080)),
          lab.agent().redirects());
      List<ReportedFlow> requests =
          lab.agent().flows().stream().filter(each -> each.event() == FlowEvent.REQUEST).toList();
      assertEquals(
          List.of(
              Verdict.ALLOWED, Verdict.DENIED, Verdict.ALLOWED, Verdict.ALLOWED, Verdict.DENIED),
          requests.stream().map(each -> each.flow().verdict()).toList());
      assertEquals("CiliumNetworkPolicy/default/requests", requests.getFirst().rule().resource());
      assertEquals(
          List.of(200, 403, 200, 200, 403),
          lab.agent().flows().stream()
              .filter(each -> each.event() == FlowEvent.RESPONSE)
              .filter(each -> each.source().endpointId() == bob.id())
              .map(each -> each.http().orElseThrow().status())
              .toList());
    }
  }

  /** The proxy and the rules see the backend and its port; the client sees the service. */
  @ParameterizedTest
  @CsvSource({"ebpf, IPV4", "ebpf, IPV6", "memory, IPV4", "memory, IPV6"})
  void requests_throughAServiceOfAnotherPort_followTheRules(String datapath, IpFamily family)
      throws Exception {
    try (var lab = new Lab("itz", datapath, 33)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      IpAddress service =
          IpAddress.parse(family == IpFamily.IPV4 ? "10.96.33.1" : "fd96:0:0:33::1");
      lab.agent()
          .services()
          .put(
              9,
              new ServiceSpec(
                  9,
                  new FrontendAddress(service.toString(), "tcp", "external", SERVICE_PORT),
                  List.of(
                      new BackendAddress(
                          bob.address(family).orElseThrow().toString(),
                          PORT,
                          "",
                          "active",
                          false,
                          null)),
                  null,
                  false));
      lab.apply("requests", onlyFromAlice("POST", "/landing"));
      try (var recorder = new Recorder(lab.netns("bob"), PORT);
          Client client = Client.open(lab.netns("alice"), service, SERVICE_PORT)) {
        assertEquals(200, client.ask("POST", "/landing"));
        assertEquals(403, client.ask("PUT", "/exhaust"));
        assertEquals(200, client.ask("POST", "/landing"));
        assertEquals(
            List.of(alice.address(family).orElseThrow() + " " + client.socket().getLocalPort()),
            recorder.seen.stream().distinct().toList());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void requests_withRedaction_areToldWithoutQueryAndHeaders(String datapath) throws Exception {
    var redaction = new Redaction(true, true, Set.of("X-Shown"), Set.of());
    try (var lab = new Lab("itr", datapath, 35, builder -> builder.redaction(redaction))) {
      lab.agent().start();
      lab.agent().flowLog().setServed(true);
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("requests", onlyFromAlice("GET", "'/ok[?]token=1'"));
      try (var _ = new Recorder(lab.netns("bob"), PORT);
          Client client = Client.open(lab.netns("alice"), bob.addresses().getFirst(), PORT)) {
        assertEquals(200, client.ask("GET", "/ok?token=1", "X-Shown: a\r\nX-Other: b\r\n"));
        assertEquals(403, client.ask("GET", "/ok?token=2", "X-Shown: a\r\nX-Other: b\r\n"));
      }
      List<HttpAccess> told =
          lab.agent().flows().stream().flatMap(each -> each.http().stream()).toList();
      assertEquals(4, told.size());
      for (HttpAccess each : told) {
        assertEquals("/ok", each.path());
        assertEquals(
            List.of(
                new HttpAccess.Header("Content-Length", "HUBBLE_REDACTED"),
                new HttpAccess.Header("X-Other", "HUBBLE_REDACTED"),
                new HttpAccess.Header("X-Shown", "a")),
            each.headers());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void rules_whereThereIsNoProxy_refuseEverythingAndAreNamed(String datapath) throws Exception {
    try (var lab = new Lab("iti", datapath, 32, builder -> builder.l7Proxy(false))) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("requests", onlyFromAlice("POST", "/landing"));
      try (var _ = new Recorder(lab.netns("bob"), PORT)) {
        assertThrows(SocketTimeoutException.class, () -> connect(lab, bob));
      }
      Optional<String> problem =
          lab.agent().problems().values().stream()
              .filter(each -> each.contains("refuses everything"))
              .findFirst();
      assertTrue(
          problem.orElse("").startsWith("CiliumNetworkPolicy/default/requests "),
          problem::toString);
    }
  }

  private static void connect(Lab lab, Endpoint bob) throws IOException {
    lab.netns("alice")
        .call(() -> {
          try (var socket = new Socket()) {
            socket.connect(
                new InetSocketAddress(bob.addresses().getFirst().toInetAddress(), PORT),
                SHORT_MILLIS);
          }
          return true;
        });
  }
}
