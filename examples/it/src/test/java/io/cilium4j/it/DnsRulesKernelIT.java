// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.DnsConfig;
import io.cilium4j.agent.Redirect;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.metrics.MetricFamily.Sample;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.datapath.flow.FlowEvent;
import io.cilium4j.datapath.flow.ReportedFlow;
import io.cilium4j.datapath.proxy.DnsLimits;
import io.cilium4j.it.DnsServer.Answer;
import io.cilium4j.it.DnsServer.Zone;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rules on DNS, and peers by name, enforced by an agent with its datapath and its proxy. */
class DnsRulesKernelIT {

  private static final Duration HOLD = Duration.ofSeconds(10);
  private static final Duration HOUR = Duration.ofHours(1);

  /** However slow the machine: that answers are not held for longer is another test's matter. */
  private static final DnsConfig PATIENT =
      new DnsConfig(
          new DnsLimits(DnsLimits.Refusal.REFUSED, HOLD, Duration.ofSeconds(10), 1_000, 100),
          Duration.ZERO,
          1_000,
          1_000,
          Duration.ZERO);

  private static final int FORMERR = 1;
  private static final int REFUSED = 5;

  private static final int SHORT_MILLIS = 300;

  /** Room for policies, of a datapath that has little. */
  private static final int ENTRIES = 256;

  private static final int PORTS_OF_AN_ITEM = 40;

  /** How long it is waited for a policy that the datapath refuses. */
  private static final Duration REFUSAL = Duration.ofSeconds(5);

  private static final String RULES =
      """
      endpointSelector:
        matchLabels: {app: alice}
      egress:
      - toEndpoints:
        - matchLabels: {app: dns}
        toPorts:
        - ports:
          - {port: "53", protocol: ANY}
          rules:
            dns:
            - matchPattern: "*.example.com"
            - matchName: Example.org
      - toFQDNs:
        - matchName: www.example.com
        - matchPattern: "*.shop.example.com"
        toPorts:
        - ports:
          - {port: "443", protocol: TCP}
      """;

  private static int type(IpFamily family) {
    return family == IpFamily.IPV4 ? DnsServer.A : DnsServer.AAAA;
  }

  @ParameterizedTest
  @CsvSource({"ebpf, IPV4", "ebpf, IPV6", "memory, IPV4", "memory, IPV6"})
  void questions_ofNamesThatRulesAllow_areAnsweredAndOthersRefused(String datapath, IpFamily family)
      throws Exception {
    try (var lab = new Lab("itd", datapath, 41)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint dns = lab.pod("dns");
      IpAddress server = dns.address(family).orElseThrow();
      IpAddress found = IpAddress.parse("192.0.2.7");
      lab.apply("names", RULES);
      try (var zone = new DnsServer(lab.netns("dns"))) {
        zone.zones.put("a.example.com.", Zone.of(HOUR, found));
        zone.zones.put("Example.ORG.", Zone.of(HOUR, found));
        var netns = lab.netns("alice");
        var passed = new Answer(0, List.of(found));
        var refused = new Answer(REFUSED, List.of());
        assertEquals(passed, DnsServer.ask(netns, server, "a.example.com.", DnsServer.A));
        assertEquals(refused, DnsServer.ask(netns, server, "a.b.example.com.", DnsServer.A));
        assertEquals(refused, DnsServer.ask(netns, server, "example.com.", DnsServer.A));
        assertEquals(passed, DnsServer.ask(netns, server, "Example.ORG.", DnsServer.A));
        assertEquals(
            List.of(passed, refused, new Answer(3, List.of())),
            DnsServer.askByTcp(
                netns, server, DnsServer.A, "a.example.com.", "evil.test.", "b.example.com."));
        byte[] two = DnsServer.question(1, "a.example.com.", DnsServer.A);
        two[5] = 2;
        byte[] wrong = DnsServer.exchange(netns, server, two);
        assertEquals(FORMERR, ByteBuffer.wrap(wrong).getShort(2) & 0xf);
        String own = alice.address(family).orElseThrow().toString();
        assertEquals(
            List.of(
                own + " a.example.com. 1",
                own + " Example.ORG. 1",
                own + " a.example.com. 1",
                own + " b.example.com. 1"),
            zone.asked);
      }
      assertEquals(
          List.of(6, 17, 132),
          lab.agent().redirects().stream()
              .filter(each ->
                  each.equals(
                      new Redirect(
                          alice.id(), TrafficDirection.EGRESS, each.protocol(), 53, "dns", 10_053)))
              .map(Redirect::protocol)
              .toList());
      List<ReportedFlow> asked =
          lab.agent().flows().stream().filter(each -> each.event() == FlowEvent.REQUEST).toList();
      assertEquals(8, asked.size());
      assertEquals("a.example.com.", asked.getFirst().dns().orElseThrow().name());
      assertEquals(Verdict.ALLOWED, asked.getFirst().flow().verdict());
      assertEquals("CiliumNetworkPolicy/default/names", asked.getFirst().rule().resource());
      assertEquals(Verdict.DENIED, asked.get(1).flow().verdict());
    }
  }

  @ParameterizedTest
  @CsvSource({"ebpf, IPV4", "ebpf, IPV6", "memory, IPV4", "memory, IPV6"})
  void addresses_ofNamesThatRulesSelect_areReachedAtOnceAndOthersNot(
      String datapath, IpFamily family) throws Exception {
    try (var lab = new Lab("itf", datapath, 42, builder -> builder.dns(PATIENT));
        var world = new OutsideWorld(142)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint dns = lab.pod("dns");
      IpAddress server = dns.address(family).orElseThrow();
      lab.apply("names", RULES);
      var netns = lab.netns("alice");
      IpAddress www = world.address(family, 0);
      IpAddress other = world.address(family, 1);
      IpAddress shop = world.address(family, 2);
      try (var zone = new DnsServer(lab.netns("dns"))) {
        zone.zones.put("www.example.com.", Zone.of(HOUR, www));
        zone.zones.put("other.example.com.", Zone.of(HOUR, other));
        assertUnreachable(lab, www);
        assertEquals(
            List.of(www),
            DnsServer.ask(netns, server, "www.example.com.", type(family)).addresses());
        try (Socket _ = OutsideWorld.connect(netns, www)) {
          assertUnreachable(lab, shop);
        }
        assertEquals(
            List.of(other),
            DnsServer.ask(netns, server, "other.example.com.", type(family)).addresses());
        assertUnreachable(lab, other);
      }
      assertTrue(
          lab.agent().metrics().read().stream()
              .anyMatch(each -> each.name().equals("cilium_fqdn_active_names")));
    }
  }

  /** What was learned is in force again before anything is enforced, and no connection is cut. */
  @ParameterizedTest
  @CsvSource({"ebpf, IPV4", "ebpf, IPV6", "memory, IPV4", "memory, IPV6"})
  void addresses_learnedBeforeARestart_areReachedAfterIt(String datapath, IpFamily family)
      throws Exception {
    try (var lab = new Lab("itj", datapath, 43, builder -> builder.dns(PATIENT));
        var world = new OutsideWorld(143)) {
      lab.agent().start();
      lab.pod("alice");
      IpAddress server = lab.pod("dns").address(family).orElseThrow();
      lab.apply("names", RULES);
      var netns = lab.netns("alice");
      IpAddress www = world.address(family, 0);
      try (var zone = new DnsServer(lab.netns("dns"))) {
        zone.zones.put("www.example.com.", Zone.of(HOUR, www));
        DnsServer.ask(netns, server, "www.example.com.", type(family));
        OutsideWorld.connect(netns, www).close();
        lab.agent().close();
        lab.replaceAgent();
        lab.agent().start();
        lab.apply("others", "endpointSelector: {matchLabels: {app: nobody}}\ningress: [{}]");
        OutsideWorld.connect(netns, www).close();
        assertUnreachable(lab, world.address(family, 1));
        assertEquals(
            List.of(www),
            DnsServer.ask(netns, server, "www.example.com.", type(family)).addresses());
      }
      lab.agent().dnsCache().forget(name -> name.equals("www.example.com."));
      awaitUnreachable(lab, www);
    }
  }

  /** More entries than a datapath has room for: its pod is closed, and that is tried again. */
  private static String tooLarge() {
    var spec = new StringBuilder("endpointSelector: {matchLabels: {app: carol}}\negress:\n");
    for (int i = 0; i < ENTRIES / PORTS_OF_AN_ITEM + 1; i++) {
      spec.append("- toEntities: [all]\n  toPorts:\n  - ports:\n");
      for (int port = 0; port < PORTS_OF_AN_ITEM; port++) {
        spec.append(
            "    - {port: \"%d\", protocol: TCP}\n"
                .formatted(1 + 2 * (i * PORTS_OF_AN_ITEM + port)));
      }
    }
    return spec.toString();
  }

  /** Another pod's policy, which the datapath refuses for good, holds up no answer. */
  @ParameterizedTest
  @CsvSource({"ebpf, IPV4", "memory, IPV6"})
  void answers_whileAnotherPodsPolicyIsRefused_areGivenWhenTheirOwnIsInForce(
      String datapath, IpFamily family) throws Exception {
    var limits =
        new Limits(ENTRIES, Limits.DEFAULT.ipcacheEntries(), Limits.DEFAULT.conntrackEntries());
    try (var lab = new Lab("itdr", datapath, 51, builder -> builder.dns(PATIENT).limits(limits));
        var world = new OutsideWorld(151)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint carol = lab.pod("carol");
      IpAddress server = lab.pod("dns").address(family).orElseThrow();
      lab.apply("names", RULES);
      Path unfinished = lab.folder().resolve("large.tmp");
      Files.writeString(
          unfinished,
          "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
              + "metadata: {name: large, namespace: default}\nspec:\n"
              + tooLarge().indent(2));
      Files.move(unfinished, lab.folder().resolve("manifests/large.yaml"));
      AgentException refused =
          assertThrows(
              AgentException.class,
              () ->
                  lab.agent()
                      .awaitPolicy(
                          new ResourceKey("CiliumNetworkPolicy", "default", "large"), REFUSAL));
      assertTrue(
          String.valueOf(refused.getMessage()).contains("endpoint " + carol.id() + ": "),
          refused::toString);
      try (var zone = new DnsServer(lab.netns("dns"))) {
        for (int i = 0; i < 3; i++) {
          IpAddress address = world.address(family, i);
          zone.zones.put("www.example.com.", Zone.of(HOUR, address));
          assertEquals(
              List.of(address),
              DnsServer.ask(lab.netns("alice"), server, "www.example.com.", type(family))
                  .addresses());
          OutsideWorld.connect(lab.netns("alice"), address).close();
        }
      }
      assertEquals(0, counted(lab, "cilium_proxy_datapath_update_timeout_total"));
    }
  }

  private static double counted(Lab lab, String metric) {
    return lab.agent().metrics().read().stream()
        .filter(each -> each.name().equals(metric))
        .flatMap(each -> each.samples().stream())
        .mapToDouble(each -> ((Sample.Value) each).value())
        .sum();
  }

  private static void awaitUnreachable(Lab lab, IpAddress address) throws Exception {
    Instant end = Instant.now().plus(HOLD);
    while (true) {
      try (Socket _ = OutsideWorld.connect(lab.netns("alice"), address, SHORT_MILLIS)) {
        assertTrue(Instant.now().isBefore(end), () -> "still reached: " + address);
      } catch (SocketTimeoutException e) {
        return;
      }
    }
  }

  private static void assertUnreachable(Lab lab, IpAddress address) {
    assertThrows(
        SocketTimeoutException.class,
        () -> {
          try (Socket _ = OutsideWorld.connect(lab.netns("alice"), address, SHORT_MILLIS)) {
            throw new IOException("reached " + address);
          }
        });
  }
}
