// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.service.FrontendOwners.Moved;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Local redirect policies. */
class RedirectsTest {
  private static final String DNS_PORTS =
      "[{port: '5353', name: dns, protocol: UDP}, {port: '5354', name: dns-tcp, protocol: TCP}]";

  private static final String OWN = "10.1.0.1:9053";
  private static final String CACHE = "10.1.0.9:5353";

  private final TestServices services = new TestServices();

  private static RawResource policy(String name, String created, String frontend, String ports) {
    return TestServices.raw(
        """
        {apiVersion: cilium.io/v2, kind: CiliumLocalRedirectPolicy,
         metadata: {name: %s, creationTimestamp: '%s'},
         spec: {redirectFrontend: {%s},
          redirectBackend: {localEndpointSelector: {matchLabels: {app: cache}}, toPorts: %s}}}
        """
            .formatted(name, created, frontend, ports));
  }

  private static RawResource ofService(String name, String toPorts, String ports) {
    return policy(
        name,
        "",
        "serviceMatcher: {serviceName: dns, namespace: default%s}".formatted(toPorts),
        ports);
  }

  private static RawResource ofAddress(String name, String created, String address) {
    return policy(
        name,
        created,
        "addressMatcher: {ip: '%s', toPorts: [{port: '80', protocol: TCP}]}".formatted(address),
        "[{port: '8080', protocol: TCP}]");
  }

  private static Pod pod(
      String name, String node, String app, boolean isReady, String... addresses) {
    return Pod.builder("default", name)
        .nodeName(node)
        .labels(Map.of("app", app))
        .addresses(Stream.of(addresses).map(IpAddress::parse).toList())
        .isReady(isReady)
        .build();
  }

  private static Pod cache(boolean isReady) {
    return pod("cache", TestServices.NODE, "cache", isReady, "10.1.0.9", "fd00::9");
  }

  private Map<String, String> put(Pod pod) {
    services.owners.putPod(pod);
    return services.look().texts();
  }

  private Map<String, String> remove(String pod) {
    services.owners.removePod(new ResourceKey("Pod", "default", pod));
    return services.look().texts();
  }

  private Map<String, String> problems() {
    return services.owners.problems();
  }

  @BeforeEach
  void dns() {
    services.put(
        TestServices.service(
            "dns",
            """
            clusterIPs: [10.96.0.10, 'fd96::10'], ports: [{name: dns, port: 53, protocol: UDP},
            {name: dns-tcp, port: 53, protocol: TCP}, {name: metrics, port: 9153, protocol: TCP}]
            """),
        TestServices.slice(
            "dns",
            "dns",
            """
            addressType: IPv4, ports: [{name: dns, port: 9053, protocol: UDP},
            {name: dns-tcp, port: 9053, protocol: TCP}, {name: metrics, port: 9153, protocol: TCP}],
            endpoints: [{addresses: [10.1.0.1]}]
            """));
  }

  private static Map<String, String> rows(String udp, String tcp, String udp6, String tcp6) {
    var rows = new TreeMap<String, String>();
    rows.put("10.96.0.10 53/UDP", udp);
    rows.put("10.96.0.10 53/TCP", tcp);
    rows.put("10.96.0.10 9153/TCP", "10.1.0.1:9153");
    rows.put("fd96::10 53/UDP", udp6);
    rows.put("fd96::10 53/TCP", tcp6);
    rows.put("fd96::10 9153/TCP", "");
    return rows;
  }

  private static final Map<String, String> ITS_OWN = rows(OWN, OWN, "", "");
  private static final Map<String, String> REDIRECTED =
      rows(CACHE, "10.1.0.9:5354", "[fd00::9]:5353", "[fd00::9]:5354");

  @Test
  void service_podsComeBecomeReadyAndGo_haveItsNamedPortsMeanwhile() {
    RawResource policy = ofService("nodelocaldns", "", DNS_PORTS);
    services.put(policy);
    assertEquals(ITS_OWN, services.texts());
    assertEquals(ITS_OWN, put(cache(false)));
    assertEquals(REDIRECTED, put(cache(true)));
    Frontend redirected =
        services.frontends.values().stream()
            .filter(each -> TestServices.text(each.key()).equals("10.96.0.10 53/UDP"))
            .findFirst()
            .orElseThrow();
    assertEquals(FrontendType.LOCAL_REDIRECT, redirected.type());
    assertEquals(Optional.of(policy.key()), redirected.policy());
    assertFalse(redirected.type().isExternal());
    assertEquals(ITS_OWN, put(cache(false)));
    put(cache(true));
    assertEquals(ITS_OWN, remove("cache"));
    put(cache(true));
    assertEquals(ITS_OWN, services.remove(policy).texts());
    assertEquals(Map.of(), problems());
  }

  @Test
  void service_numberOfItsFrontend_staysTheSame() {
    Set<Integer> before = Set.copyOf(services.frontends.keySet());
    services.put(ofService("nodelocaldns", "", DNS_PORTS));
    put(cache(true));
    assertEquals(before, services.frontends.keySet());
  }

  @Test
  void service_podsElsewhereOfOtherLabelsOrNamespaces_areNotBehindIt() {
    services.put(ofService("nodelocaldns", "", DNS_PORTS));
    put(pod("far", "node-2", "cache", true, "10.2.0.1"));
    put(pod("web", TestServices.NODE, "web", true, "10.1.0.2"));
    Pod other = cache(true);
    services.owners.putPod(
        Pod.builder("other", "cache")
            .nodeName(TestServices.NODE)
            .labels(other.labels())
            .addresses(other.addresses())
            .build());
    assertEquals(ITS_OWN, services.look().texts());
    // A pod that loses its labels answers no more.
    assertEquals(REDIRECTED, put(cache(true)));
    assertEquals(ITS_OWN, put(pod("cache", TestServices.NODE, "web", true, "10.1.0.9")));
  }

  @Test
  void service_onePortOfIt_leavesTheOthers() {
    services.put(
        ofService(
            "udp", ", toPorts: [{port: '53', protocol: UDP}]", "[{port: '5353', protocol: UDP}]"));
    assertEquals(rows(CACHE, OWN, "[fd00::9]:5353", ""), put(cache(true)));
  }

  @Test
  void service_policyComesBeforeItsService_isInForceOnceThatIsThere() {
    RawResource late = TestServices.service("late", "clusterIP: 10.96.0.20, ports: [{port: 80}]");
    services.put(
        policy(
            "late",
            "",
            "serviceMatcher: {serviceName: late, namespace: default}",
            "[{port: '8080', protocol: TCP}]"));
    put(cache(true));
    services.put(late);
    assertEquals("10.1.0.9:8080", services.texts().get("10.96.0.20 80/TCP"));
    services.remove(late);
    assertEquals(ITS_OWN, services.texts());
  }

  @Test
  void service_twoPolicies_theOlderHasIt() {
    put(cache(true));
    String matcher =
        "serviceMatcher: {serviceName: dns, namespace: default, toPorts: [{port: '53', protocol:"
            + " UDP}]}";
    RawResource older =
        policy("z", "2026-01-01T00:00:00Z", matcher, "[{port: '1', protocol: UDP}]");
    RawResource newer =
        policy("a", "2026-01-02T00:00:00Z", matcher, "[{port: '2', protocol: UDP}]");
    services.put(newer);
    assertEquals("10.1.0.9:2", services.texts().get("10.96.0.10 53/UDP"));
    services.put(older);
    assertEquals("10.1.0.9:1", services.texts().get("10.96.0.10 53/UDP"));
    String a = "CiliumLocalRedirectPolicy/default/a";
    String isOlder = " 53/UDP is CiliumLocalRedirectPolicy/default/z's, which is older";
    assertEquals(
        Map.of(a, a + ": frontend 10.96.0.10" + isOlder + "; frontend fd96::10" + isOlder),
        problems());
    services.remove(older);
    assertEquals("10.1.0.9:2", services.texts().get("10.96.0.10 53/UDP"));
    assertEquals(Map.of(), problems());
  }

  @Test
  void address_podsComeAndGo_isAFrontendMeanwhile() {
    services.put(ofAddress("metadata", "", "169.254.169.254"));
    services.put(ofAddress("metadata6", "", "fd00:ec2::254"));
    assertEquals(ITS_OWN, services.texts());
    Map<String, String> rows = put(cache(true));
    assertEquals("10.1.0.9:8080", rows.get("169.254.169.254 80/TCP"));
    assertEquals("[fd00::9]:8080", rows.get("fd00:ec2::254 80/TCP"));
    assertEquals(ITS_OWN.size() + 2, rows.size());
    // What else the address is asked is its own.
    assertTrue(
        services.rows.keySet().stream()
            .noneMatch(key -> key.isRest() && key.address().toString().equals("169.254.169.254")));
    assertEquals(ITS_OWN, remove("cache"));
  }

  @Test
  void address_ofAServicePodNodeOrOlderPolicy_isRefused() {
    put(cache(true));
    services.put(ofAddress("vip", "", "10.96.0.10"));
    services.occupied.add(IpAddress.parse("192.0.2.1"));
    services.put(ofAddress("node", "", "192.0.2.1"));
    services.put(ofAddress("z", "2026-01-01T00:00:00Z", "169.254.169.254"));
    services.put(ofAddress("a", "2026-01-02T00:00:00Z", "169.254.169.254"));
    assertEquals(
        Set.of(
            "CiliumLocalRedirectPolicy/default/vip: 10.96.0.10 is Service/default/dns's ClusterIP",
            "CiliumLocalRedirectPolicy/default/node: LocalRedirect 192.0.2.1 is the own address of"
                + " a node, a pod or the API server",
            "CiliumLocalRedirectPolicy/default/a: frontend 169.254.169.254 80/TCP is"
                + " CiliumLocalRedirectPolicy/default/z's, which comes first"),
        Set.copyOf(problems().values()));
    assertEquals(
        Optional.of(new ResourceKey("CiliumLocalRedirectPolicy", "default", "z")),
        services.frontends.values().stream()
            .filter(each -> each.key().address().equals(IpAddress.parse("169.254.169.254")))
            .findFirst()
            .orElseThrow()
            .policy());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          serviceMatcher: {serviceName: dns, namespace: other} | spec.redirectFrontend.serviceMatcher.namespace "other": wanted default, the policy's
          serviceMatcher: {serviceName: dns} | spec.redirectFrontend.serviceMatcher.namespace "": wanted default, the policy's
          serviceMatcher: {namespace: default} | spec.redirectFrontend.serviceMatcher.serviceName: missing
          description: none | spec.redirectFrontend: wanted either addressMatcher or serviceMatcher
          addressMatcher: {ip: 127.0.0.1, toPorts: [{port: '80', protocol: TCP}]} | spec.redirectFrontend.addressMatcher.ip "127.0.0.1": a loopback address
          addressMatcher: {ip: 'fe80::1', toPorts: [{port: '80', protocol: TCP}]} | spec.redirectFrontend.addressMatcher.ip "fe80::1": a link-local address
          addressMatcher: {ip: 192.0.2.9} | spec.redirectFrontend.addressMatcher.toPorts: wanted at least one port
          addressMatcher: {ip: 192.0.2.9, toPorts: [{port: 80, protocol: TCP}]} | spec.redirectFrontend.addressMatcher.toPorts[0].port 80: wanted a text, "1" to "65535"
          addressMatcher: {ip: 192.0.2.9, toPorts: [{port: '80', protocol: SCTP}]} | spec.redirectFrontend.addressMatcher.toPorts[0].protocol "SCTP": wanted TCP or UDP
          addressMatcher: {ip: 192.0.2.9, toPorts: [{port: '80', protocol: TCP}, {port: '81', protocol: TCP}]} | spec.redirectFrontend.addressMatcher.toPorts[0].name: missing; several ports need names
          """)
  void policy_wrong_isNotInForceAndSaysWhy(String frontend, String problem) {
    put(cache(true));
    services.put(policy("bad", "", frontend, "[{port: '8080', protocol: TCP}]"));
    assertEquals(ITS_OWN, services.texts());
    String key = "CiliumLocalRedirectPolicy/default/bad";
    assertEquals(Map.of(key, key + ": " + problem), problems());
  }

  @Test
  void policy_turnedOff_isToldAndNotInForce() {
    var off =
        new FrontendOwners(
            Topology.none(TestServices.NODE), false, true, services.numbers, services::occupant);
    off.put(ofAddress("metadata", "", "169.254.169.254"));
    off.putPod(cache(true));
    assertEquals(List.<Moved>of(), off.look());
    assertEquals(
        List.of(
            "CiliumLocalRedirectPolicy/default/metadata: not in force: enable-local-redirect-policy"
                + " is false"),
        List.copyOf(off.problems().values()));
  }
}
