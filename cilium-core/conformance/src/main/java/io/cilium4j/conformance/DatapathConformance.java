// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.TwoEndpoints.Party;
import io.cilium4j.core.DropReason;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.EndpointFlows;
import io.cilium4j.core.spi.Datapath.Pressure;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider;
import io.cilium4j.core.spi.EndpointDevices.AdoptRequest;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.FlowSource.Traffic;
import io.cilium4j.core.spi.Row.RowKind;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link Datapath} must do: two endpoints are connected to it, and each test asks what
 * becomes of a new flow from the first to the second. The verdicts of all kinds of packets are
 * tested by the witness tests; here it is the promises of the interface.
 *
 * <p>The tests of a kind of rows are an interface of their own; a new kind adds one, and its name
 * here.
 */
public abstract class DatapathConformance implements EndpointRowTests, IpcacheRowTests {

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
  private TwoEndpoints pods;
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
    pods = connected();
  }

  private TwoEndpoints connected() throws Exception {
    return new TwoEndpoints(
        datapath,
        new Party(1, ALICE, ALICE_ADDRESSES, connect(1, ALICE_ADDRESSES)),
        new Party(2, BOB, BOB_ADDRESSES, connect(2, BOB_ADDRESSES)),
        this::passes);
  }

  @Override
  public final TwoEndpoints pods() {
    return pods;
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
  void rowKinds_ofTheDatapath_haveEndpointsAndTheirAddresses() {
    assertTrue(datapath.rowKinds().containsAll(Set.of(RowKind.ENDPOINT, RowKind.IPCACHE)));
  }

  @Test
  void holds_deviceOfAnEndpoint_untilItIsDisconnected() {
    assertTrue(datapath.holds(pods.alice.device()));
    datapath.disconnect(pods.alice.device());
    assertFalse(datapath.holds(pods.alice.device()));
    assertTrue(datapath.holds(pods.bob.device()), "another one's stays");
  }

  @Test
  void release_ofADeviceThatIsGone_isNoError() {
    datapath.disconnect(pods.alice.device());
    datapath.release(pods.alice.device());
    assertFalse(datapath.holds(pods.alice.device()));
  }

  @Test
  void adopt_deviceThatIsNotThere_isRefused() {
    datapath.disconnect(pods.alice.device());
    var gone = new AdoptRequest(3, pods.alice.device(), List.copyOf(ALICE_ADDRESSES.values()));
    assertThrows(DatapathException.class, () -> datapath.adopt(gone));
  }

  @Test
  void traffic_packetsThatPassAndAreDropped_areCounted() throws Exception {
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.assertVerdict(IpFamily.IPV4, true, "both sides allow");
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.DENY_ALL);
    pods.assertVerdict(IpFamily.IPV4, false, "the receiver's ingress denies");

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

  @Test
  void mend_nobodyUndidAnything_mendsNothing() {
    assertEquals(new Datapath.Mended(List.of(), List.of()), datapath.mend());
  }

  @Test
  void pressure_afterAFlow_namesItsEndpointAndNoTableBeyondItsCapacity() throws Exception {
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.assertVerdict(IpFamily.IPV4, true, "a flow");
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
    datapath.disconnect(pods.bob.device());
    datapath.disconnect(pods.bob.device());
    assertEquals(
        Set.of(),
        Set.copyOf(
            owned().stream().filter(name -> name.contains(pods.bob.device().hostName())).toList()));
    pods = connected();
    pods.enforce(PolicyMapState.ALLOW_ALL, PolicyMapState.ALLOW_ALL);
    pods.assertVerdict(IpFamily.IPV4, true, "connected again");
  }
}
