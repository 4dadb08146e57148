// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Operations;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.StateFile;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import io.cilium4j.policy.PolicyConfig;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When rules, identities and addresses become rows for the datapath, and when not yet. */
class PolicyControllerTest {
  private static final ResourceKey POLICY =
      new ResourceKey("CiliumNetworkPolicy", "default", "but-one");
  private static final IpPrefix EXCEPTED = IpPrefix.parse("192.0.2.7/32");
  private static final Identity POD =
      new Identity(1234, Labels.parse("k8s:app=a", "k8s:io.kubernetes.pod.namespace=default"));
  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:01");
  private static final int EXCEPTED_ID = Identity.LOCAL_SCOPE | 1;

  private static final Identity EXCEPTED_IDENTITY =
      new Identity(EXCEPTED_ID, Labels.parse("cidr:192.0.2.7/32", "reserved:world-ipv4"));

  private final ManualScheduler time = new ManualScheduler();
  private final Database database = new Database();
  private final TableWriter<Integer, Endpoint> endpoints = table("endpoints-wanted");
  private final TableWriter<Integer, Endpoint> host = TableWriter.create("host-endpoint");
  private final TableWriter<Integer, Identity> identities = table("identities");
  private final TableWriter<IpPrefix, IpcacheEntry> ipcache = table("ipcache");
  private final TableWriter<String, Long> seen = table("named-prefixes-seen");
  private final TableWriter<ResourceKey, RawResource> resources = TableWriter.create("resources");
  private final TableWriter<String, Map<IpPrefix, Labels>> prefixes =
      TableWriter.create("named-prefixes");
  private final PolicyController controller =
      new PolicyController(
          time,
          new PolicyRules(PolicyConfig.DEFAULT, prefixes, new AcceptedPolicies(StateFile.NONE)),
          new PolicyController.Inputs(
              endpoints.table(),
              host.table(),
              resources.table(),
              TableWriter.<ResourceKey, RawResource>create("api-rules").table(),
              TableWriter.<ResourceKey, RawResource>create("program-policies").table(),
              identities.table(),
              ipcache.table(),
              seen.table()),
          new Regenerations(time::nanoTime));

  private <K extends Comparable<? super K>, V> TableWriter<K, V> table(String name) {
    return database.table(name, Comparator.naturalOrder(), Set.of());
  }

  @BeforeEach
  void start() {
    for (ReservedIdentity each :
        List.of(ReservedIdentity.WORLD_IPV4, ReservedIdentity.WORLD_IPV6, ReservedIdentity.HOST)) {
      identities.put(each.id(), each.identity());
    }
    identities.put(POD.id(), POD);
    endpoints.put(
        7,
        new Endpoint(
            7,
            "default",
            "a",
            POD.labels(),
            POD.id(),
            List.of(IpAddress.parse("10.1.0.7")),
            new EndpointInterface("lxc7", 7, MAC, MAC, ""),
            Map.of(),
            EndpointState.READY));
    controller.start();
    settle();
  }

  private void settle() {
    time.advance(Duration.ofMillis(10));
  }

  /** Everywhere but to one address. */
  private void putPolicy() {
    putPolicy("[{toCIDRSet: [{cidr: 0.0.0.0/0, except: [192.0.2.7/32]}]}]");
  }

  private void putPolicy(String egress) {
    resources.put(
        POLICY,
        new RawResource(
            POLICY,
            "cilium.io/v2",
            Trees.map(
                DocumentReader.read(
                        """
                        apiVersion: cilium.io/v2
                        kind: CiliumNetworkPolicy
                        metadata: {name: but-one, namespace: default}
                        spec:
                          endpointSelector: {matchLabels: {app: a}}
                          egress: %s
                        """
                            .formatted(egress))
                    .getFirst())));
    settle();
  }

  /** What the identity side does for the prefixes that the rules name. */
  private void give() {
    identities.put(EXCEPTED_ID, EXCEPTED_IDENTITY);
    ipcache.put(EXCEPTED, new IpcacheEntry(EXCEPTED, EXCEPTED_ID));
    seen.put("named-prefixes", prefixes.table().revision());
    settle();
  }

  private Optional<EndpointRow> row() {
    return controller.desired().get(new EndpointKey(7)).map(EndpointRow.class::cast);
  }

  private boolean mayReach(int identity) {
    return row().orElseThrow().policy().verdict(TrafficDirection.EGRESS, identity, 6, 80)
        == Verdict.ALLOWED;
  }

  @Test
  void rules_prefixWithoutIdentity_areNotCompiledUntilItHasOne() {
    assertTrue(mayReach(EXCEPTED_ID), "nothing is restricted yet");
    putPolicy();
    assertEquals(Set.of(EXCEPTED), prefixes.table().snapshot().iterator().next().value().keySet());
    assertTrue(mayReach(ReservedIdentity.HOST.id()), "the rules are not in force");
    // Half of what it takes: the address has its identity, and not all of them may have.
    identities.put(EXCEPTED_ID, EXCEPTED_IDENTITY);
    ipcache.put(EXCEPTED, new IpcacheEntry(EXCEPTED, EXCEPTED_ID));
    settle();
    assertFalse(controller.desired().get(new IpcacheKey(EXCEPTED)).isPresent());
    assertTrue(mayReach(ReservedIdentity.HOST.id()));
    seen.put("named-prefixes", prefixes.table().revision());
    settle();
    assertFalse(mayReach(ReservedIdentity.HOST.id()));
    assertTrue(mayReach(ReservedIdentity.WORLD_IPV4.id()));
    assertFalse(mayReach(EXCEPTED_ID));
    assertTrue(controller.desired().get(new IpcacheKey(EXCEPTED)).isPresent());
  }

  @Test
  void host_thatIsAnEndpoint_hasARowLikeAnyOther() {
    var key = new EndpointKey(Endpoint.HOST_ID);
    assertTrue(controller.desired().get(key).isEmpty());
    Endpoint node = Endpoint.ofHost(ReservedIdentity.HOST.identity().labels());
    host.put(Endpoint.HOST_ID, node);
    settle();
    EndpointRow row = (EndpointRow) controller.desired().get(key).orElseThrow();
    assertEquals(node, row.endpoint());
    assertTrue(node.isHost());
    controller.auditBy(id -> id == Endpoint.HOST_ID);
    controller.auditChanged();
    settle();
    assertTrue(((EndpointRow) controller.desired().get(key).orElseThrow()).audited());
  }

  @Test
  void revision_ofAChangeOfPolicies_isSeenOnceItIsCompiled() throws Exception {
    putPolicy();
    var change = new PolicyRevision(PolicyRevision.Input.MANIFESTS, resources.table().revision());
    assertEquals(Optional.empty(), controller.awaitSeen(change, Duration.ZERO));
    give();
    assertEquals(
        Optional.of(controller.desired().revision()), controller.awaitSeen(change, Duration.ZERO));
  }

  /** An answer of DNS waits for its own addresses and its own endpoint. */
  @Test
  void isEnforced_whileRowsOfOthersFail_isAboutItsOwn() throws Exception {
    IpAddress own = EXCEPTED.address();
    IpAddress other = IpAddress.parse("192.0.2.8");
    Set<RowKey> refused = new HashSet<>();
    refused.add(new EndpointKey(Endpoint.HOST_ID));
    refused.add(new IpcacheKey(IpPrefix.host(other)));
    Reconciler<RowKey, Row> reconciler =
        Reconciler.create(controller.desired(), refusing(refused), time);
    reconciler.start();
    var waiter = new EnforcementWaiter(controller, reconciler);
    host.put(Endpoint.HOST_ID, Endpoint.ofHost(ReservedIdentity.HOST.identity().labels()));
    for (IpAddress each : List.of(own, other)) {
      ipcache.put(IpPrefix.host(each), new IpcacheEntry(IpPrefix.host(each), POD.id()));
    }
    assertFalse(waiter.awaitAddresses(ipcache.table().revision(), Duration.ZERO));
    settle();
    assertTrue(waiter.awaitAddresses(ipcache.table().revision(), Duration.ZERO));
    assertTrue(waiter.isEnforced(7, List.of(own)));
    assertFalse(waiter.isEnforced(7, List.of(own, other)));
    assertFalse(waiter.isEnforced(Endpoint.HOST_ID, List.of(own)));
    long seen = waiter.progress().revision();
    refused.clear();
    time.advance(Duration.ofSeconds(1));
    assertTrue(waiter.isEnforced(Endpoint.HOST_ID, List.of(own, other)));
    assertTrue(waiter.progress().revision() > seen, "and whoever waits was told");
  }

  private static Operations<RowKey, Row> refusing(Set<RowKey> refused) {
    return new Operations<>() {
      @Override
      public void update(RowKey key, Row value) {
        if (refused.contains(key)) {
          throw new IllegalStateException("no room");
        }
      }

      @Override
      public void delete(RowKey key, Row last) {}

      @Override
      public void prune(Snapshot<RowKey, Row> desired) {}
    };
  }

  @Test
  void rules_thatGo_haveTheirPrefixesUntilIdentityHasSeenIt() {
    putPolicy();
    give();
    resources.remove(POLICY);
    settle();
    assertTrue(prefixes.table().snapshot().isEmpty());
    assertFalse(mayReach(EXCEPTED_ID), "the former rules, as long as the numbers are former ones");
    ipcache.remove(EXCEPTED);
    settle();
    assertTrue(controller.desired().get(new IpcacheKey(EXCEPTED)).isPresent());
    seen.put("named-prefixes", prefixes.table().revision());
    settle();
    assertTrue(mayReach(EXCEPTED_ID));
    assertFalse(controller.desired().get(new IpcacheKey(EXCEPTED)).isPresent());
  }

  @Test
  void namedPort_ofPodsOfOtherNodes_isThatWhichTheirIdentityTells() {
    String namespace = "k8s:io.kubernetes.pod.namespace=default";
    for (int each : List.of(80, 8080)) {
      String port = "gen:io.cilium.k8s.named-ports=web.TCP." + each;
      identities.put(
          2000 + each, new Identity(2000 + each, Labels.parse("k8s:app=b", namespace, port)));
    }
    putPolicy("[{toPorts: [{ports: [{port: web, protocol: TCP}]}]}]");
    assertTrue(mayReach(2080));
    assertFalse(mayReach(10_080), "its port of this name is another one");
    identities.remove(2080);
    identities.put(2080, new Identity(2080, Labels.parse("k8s:app=b", namespace)));
    settle();
    assertFalse(mayReach(2080), "it has no port of this name any more");
  }

  private void putSlice(String name, String service, String address) {
    var key = new ResourceKey("EndpointSlice", "default", name);
    resources.put(
        key,
        new RawResource(
            key,
            "discovery.k8s.io/v1",
            Map.of(
                "metadata",
                Map.of("labels", Map.of("kubernetes.io/service-name", service)),
                "endpoints",
                List.of(Map.of("addresses", List.of(address))))));
  }

  /** The addresses with its label, as identity has seen them. */
  private Map<IpPrefix, Labels> apiServer() {
    settle();
    seen.put("named-prefixes", prefixes.table().revision());
    settle();
    return prefixes.table().get("reserved:kube-apiserver").orElse(Map.of());
  }

  @Test
  void apiServer_addressesOfItsSlices_haveItsLabel() {
    Labels label = Labels.parse("reserved:kube-apiserver");
    putSlice("other", "web", "192.0.2.1");
    assertEquals(Map.of(), apiServer());
    putSlice("kubernetes", "kubernetes", "192.0.2.2");
    assertEquals(Set.of(IpPrefix.parse("192.0.2.2/32")), apiServer().keySet());
    putSlice("kubernetes-6", "kubernetes", "2001:db8::2");
    assertEquals(
        Map.of(IpPrefix.parse("192.0.2.2/32"), label, IpPrefix.parse("2001:db8::2/128"), label),
        apiServer());
    putSlice("kubernetes", "kubernetes", "192.0.2.3");
    resources.remove(new ResourceKey("EndpointSlice", "default", "kubernetes-6"));
    assertEquals(Map.of(IpPrefix.parse("192.0.2.3/32"), label), apiServer());
    resources.remove(new ResourceKey("EndpointSlice", "default", "kubernetes"));
    assertEquals(Map.of(), apiServer());
  }

  @Test
  void endpoint_andItsAddressAndIdentity_areOfOneRound() {
    long before = controller.desired().revision();
    try (var watch = controller.desired().watch()) {
      watch.poll();
      IpPrefix address = IpPrefix.parse("10.1.0.8/32");
      identities.put(1235, new Identity(1235, Labels.parse("k8s:app=b")));
      ipcache.put(address, new IpcacheEntry(address, 1235));
      endpoints.remove(7);
      settle();
      assertEquals(2, watch.poll().list().size());
    }
    assertEquals(before + 2, controller.desired().revision());
    assertFalse(row().isPresent());
  }
}
