// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyEntry;
import io.cilium4j.core.PolicyKey;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.AdoptRequest;
import io.cilium4j.core.spi.Datapath.Change;
import io.cilium4j.core.spi.Datapath.ConnectRequest;
import io.cilium4j.core.spi.Datapath.EndpointFlows;
import io.cilium4j.core.spi.Datapath.EndpointRow;
import io.cilium4j.core.spi.Datapath.Pressure;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.spi.Datapath.Traffic;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What every {@link Datapath} must do: two endpoints are joined to it, and each test asks what
 * becomes of a new flow from the first to the second. Verdicts of packets in all their kinds are
 * the matter of the witness tests; here it is the seam's promises.
 */
public abstract class DatapathConformance {

  /** The sender's identity and the receiver's. */
  private static final int ALICE = 1_001;

  private static final int BOB = 1_002;

  private static final int MTU_BYTES = 1_500;

  private static final Map<IpFamily, IpAddress> ALICE_ADDRESSES =
      Map.of(
          IpFamily.IPV4, IpAddress.parse("10.1.0.11"), IpFamily.IPV6, IpAddress.parse("fd00::b"));

  private static final Map<IpFamily, IpAddress> BOB_ADDRESSES =
      Map.of(
          IpFamily.IPV4, IpAddress.parse("10.1.0.12"), IpFamily.IPV6, IpAddress.parse("fd00::c"));

  private Datapath datapath;
  private EndpointInterface aliceDevice;
  private EndpointInterface bobDevice;
  private Set<String> before;

  /** What makes the datapath, as {@link java.util.ServiceLoader} makes that. */
  protected abstract DatapathProvider provider();

  /** A datapath of a fresh instance, in a cluster with id 0. */
  protected abstract Datapath open() throws Exception;

  /** A network namespace to connect an endpoint to, removed by the test class in the end. */
  protected abstract String netns(int endpointId) throws Exception;

  /**
   * What becomes of a TCP SYN to port 80 of a flow that was never seen before.
   *
   * @param from the endpoint that sends it
   * @param source its address
   * @param destination the address it is sent to
   */
  protected abstract boolean passes(EndpointInterface from, IpAddress source, IpAddress destination)
      throws Exception;

  /** Names of everything that instances own on this machine: devices, pins, files. */
  protected abstract Set<String> owned() throws Exception;

  /** For the implementation's test class. */
  protected DatapathConformance() {}

  @BeforeEach
  void openDatapath() throws Exception {
    before = Set.copyOf(owned());
    datapath = open();
    aliceDevice = connect(1, ALICE_ADDRESSES);
    bobDevice = connect(2, BOB_ADDRESSES);
  }

  @AfterEach
  void destroy() throws Exception {
    datapath.destroy();
    datapath.close();
    assertEquals(before, Set.copyOf(owned()), "what is left after destroy");
  }

  private EndpointInterface connect(int id, Map<IpFamily, IpAddress> addresses) throws Exception {
    return datapath.connect(
        new ConnectRequest(id, netns(id), "eth0", List.copyOf(addresses.values()), MTU_BYTES));
  }

  @Test
  void serviceLoader_nameOfTheDatapath_findsIt() {
    Discovery.assertFound(
        ServiceLoader.load(DatapathProvider.class), DatapathProvider::name, provider());
    assertEquals(provider().name(), datapath.name());
    assertTrue(provider().probe().usable(), provider().probe().reason());
    assertEquals(1, provider().probe().reason().lines().count());
    assertEquals(1, datapath.description().lines().count());
  }

  @Test
  void holds_deviceOfAnEndpoint_untilItIsDisconnected() {
    assertTrue(datapath.holds(aliceDevice));
    datapath.disconnect(aliceDevice);
    assertFalse(datapath.holds(aliceDevice));
    assertTrue(datapath.holds(bobDevice), "another one's stays");
  }

  @Test
  void release_ofADeviceThatIsGone_isNoError() {
    datapath.disconnect(aliceDevice);
    datapath.release(aliceDevice);
    assertFalse(datapath.holds(aliceDevice));
  }

  @Test
  void adopt_deviceThatIsNotThere_isRefused() {
    datapath.disconnect(aliceDevice);
    var gone = new AdoptRequest(3, aliceDevice, List.copyOf(ALICE_ADDRESSES.values()));
    assertThrows(DatapathException.class, () -> datapath.adopt(gone));
  }

  @Test
  void traffic_packetsThatPassAndAreDropped_areCounted() throws Exception {
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL));
    assertVerdict(IpFamily.IPV4, true, "both sides allow");
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL));
    assertVerdict(IpFamily.IPV4, false, "the receiver's ingress denies");

    List<Traffic> traffic = datapath.traffic();

    assertTrue(
        traffic.stream().anyMatch(each -> each.drop().isEmpty() && each.packets() > 0),
        traffic.toString());
    assertTrue(
        traffic.stream()
            .anyMatch(each ->
                each.drop().equals(Optional.of(DropReason.POLICY_DENIED))
                    && each.direction() == TrafficDirection.INGRESS
                    && each.packets() > 0
                    && each.bytes() >= each.packets()),
        traffic.toString());
    datapath.counters().forEach((name, count) -> assertTrue(count >= 0, name));
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void connect_noRowYet_dropsEverything(IpFamily family) throws Exception {
    assertVerdict(family, false, "absent is deny");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void apply_bothAllow_passes(IpFamily family) throws Exception {
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL));
    assertVerdict(family, true, "both sides allow");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void apply_oneSideDenies_drops(IpFamily family) throws Exception {
    datapath.apply(everything(PolicyMapState.DENY_ALL, PolicyMapState.ALLOW_ALL));
    assertVerdict(family, false, "the sender's egress denies");
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL));
    assertVerdict(family, false, "the receiver's ingress denies");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void apply_ruleForTheSendersIdentity_followsTheIpcache(IpFamily family) throws Exception {
    PolicyMapState fromAlice =
        PolicyMapState.builder(0)
            .put(
                PolicyKey.port(TrafficDirection.INGRESS, ALICE, Protocol.TCP.number(), 80),
                PolicyEntry.allow(7))
            .build();
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, fromAlice));
    assertVerdict(family, true, "the rule names the sender");
    datapath.apply(
        Change.ofEndpoints(row(1, aliceDevice, BOB, ALICE_ADDRESSES, PolicyMapState.ALLOW_ALL)));
    datapath.apply(new Change(List.of(), Set.of(), ipcache(ALICE_ADDRESSES, BOB), Set.of()));
    assertVerdict(family, false, "the sender has another identity now");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void apply_denialOfAnAuditedEndpoint_passesAndIsReported(IpFamily family) throws Exception {
    Change enforced = everything(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
    datapath.apply(enforced);
    var reported = new LinkedBlockingQueue<Flow>();
    try (var _ = datapath.subscribe(reported::add)) {
      EndpointRow bob = enforced.endpoints().getLast();
      datapath.apply(Change.ofEndpoints(new EndpointRow(bob.endpoint(), bob.policy(), 1, true)));
      assertVerdict(family, true, "the receiver's denials are audited");
      Flow flow = reported.poll(10, TimeUnit.SECONDS);
      assertEquals(Verdict.AUDITED, flow == null ? null : flow.verdict());
      assertEquals(Optional.of(DropReason.POLICY_DENIED), flow.drop());
      assertEquals(2, flow.endpointId());
    }
    datapath.apply(enforced);
    assertVerdict(family, false, "audited no more");
  }

  @ParameterizedTest
  @EnumSource(IpFamily.class)
  void apply_twice_isAsOnce(IpFamily family) throws Exception {
    Change all = everything(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    datapath.apply(all);
    datapath.apply(all);
    assertVerdict(family, true, "applied twice");
    Change remove = new Change(List.of(), Set.of(2), List.of(), hosts(BOB_ADDRESSES));
    datapath.apply(remove);
    datapath.apply(remove);
    assertVerdict(family, false, "removed twice");
  }

  @Test
  void mend_nobodyUndidAnything_mendsNothing() {
    assertEquals(new Datapath.Mended(List.of(), List.of()), datapath.mend());
  }

  @Test
  void prune_strangers_goAndTheRestStays() throws Exception {
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL));
    Set<IpPrefix> all = hosts(ALICE_ADDRESSES);
    all.addAll(hosts(BOB_ADDRESSES));
    datapath.prune(Set.of(1, 2), all);
    assertVerdict(IpFamily.IPV4, true, "both were kept");
    datapath.prune(Set.of(1), all);
    datapath.prune(Set.of(1), all);
    assertVerdict(IpFamily.IPV4, false, "the receiver was pruned");
  }

  @Test
  void pressure_afterAFlow_namesItsEndpointAndNoTableBeyondItsCapacity() throws Exception {
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL));
    assertVerdict(IpFamily.IPV4, true, "a flow");
    Pressure pressure = datapath.pressure();
    Set<String> names = new HashSet<>();
    for (Table table : pressure.tables()) {
      assertTrue(names.add(table.name()), "twice: " + table);
      assertTrue(0 <= table.used() && table.used() <= table.capacity(), table.toString());
    }
    EndpointFlows alice =
        pressure.endpoints().stream().filter(of -> of.endpointId() == 1).findFirst().orElseThrow();
    assertTrue(alice.flows() >= 1, alice.toString());
    assertEquals(0, alice.overflowed());
    assertTrue(
        Set.of(1, 2)
            .containsAll(pressure.endpoints().stream().map(EndpointFlows::endpointId).toList()));
  }

  @Test
  void disconnect_twice_leavesNothingOfTheEndpoint() throws Exception {
    datapath.disconnect(bobDevice);
    datapath.disconnect(bobDevice);
    assertEquals(
        Set.of(),
        Set.copyOf(owned().stream().filter(name -> name.contains(bobDevice.hostName())).toList()));
    bobDevice = connect(2, BOB_ADDRESSES);
    datapath.apply(everything(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL));
    assertVerdict(IpFamily.IPV4, true, "connected again");
  }

  private void assertVerdict(IpFamily family, boolean passes, String why) throws Exception {
    Verdict wanted = passes ? Verdict.ALLOWED : Verdict.DENIED;
    boolean observed =
        passes(aliceDevice, addressOf(ALICE_ADDRESSES, family), addressOf(BOB_ADDRESSES, family));
    assertEquals(wanted, observed ? Verdict.ALLOWED : Verdict.DENIED, why);
  }

  private static IpAddress addressOf(Map<IpFamily, IpAddress> addresses, IpFamily family) {
    return addresses.values().stream().filter(a -> a.family() == family).findFirst().orElseThrow();
  }

  private Change everything(PolicyMapState alice, PolicyMapState bob) {
    var ipcache = new ArrayList<>(ipcache(ALICE_ADDRESSES, ALICE));
    ipcache.addAll(ipcache(BOB_ADDRESSES, BOB));
    return new Change(
        List.of(
            row(1, aliceDevice, ALICE, ALICE_ADDRESSES, alice),
            row(2, bobDevice, BOB, BOB_ADDRESSES, bob)),
        Set.of(),
        ipcache,
        Set.of());
  }

  private static EndpointRow row(
      int id,
      EndpointInterface device,
      int identity,
      Map<IpFamily, IpAddress> addresses,
      PolicyMapState policy) {
    var endpoint =
        new Endpoint(
            id,
            "default",
            "pod-" + id,
            Labels.parse("k8s:id=" + identity),
            identity,
            List.copyOf(addresses.values()),
            device,
            Map.of(),
            EndpointState.READY);
    return new EndpointRow(endpoint, policy, 1);
  }

  private static List<IpcacheEntry> ipcache(Map<IpFamily, IpAddress> addresses, int identity) {
    return addresses.values().stream()
        .map(address -> new IpcacheEntry(IpPrefix.host(address), identity))
        .toList();
  }

  private static Set<IpPrefix> hosts(Map<IpFamily, IpAddress> addresses) {
    var prefixes = new HashSet<IpPrefix>();
    addresses.values().forEach(address -> prefixes.add(IpPrefix.host(address)));
    return prefixes;
  }
}
