// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.spi.RowChanges;
import io.cilium4j.core.state.Change;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * What the datapath's tests have in common: two endpoints that are connected, rows for them, and
 * the question what becomes of a new flow from the first.
 */
public final class TwoEndpoints {

  /** What becomes of a TCP SYN to port 80 of a flow that was never seen before. */
  interface Packets {
    /** Whether it reaches an endpoint. */
    boolean passes(EndpointInterface from, IpAddress source, IpAddress destination)
        throws Exception;
  }

  /**
   * An endpoint.
   *
   * @param identity the identity that its rows give it, unless a test says otherwise
   */
  record Party(int id, int identity, Map<IpFamily, IpAddress> addresses, EndpointInterface device) {

    IpAddress address(IpFamily family) {
      IpAddress address = addresses.get(family);
      if (address == null) {
        throw new IllegalStateException("endpoint " + id + ": no address of " + family);
      }
      return address;
    }

    EndpointRow row(PolicyMapState policy) {
      return row(policy, identity);
    }

    EndpointRow row(PolicyMapState policy, int as) {
      var endpoint =
          new Endpoint(
              id,
              "default",
              "pod-" + id,
              Labels.parse("k8s:id=" + as),
              as,
              List.copyOf(addresses.values()),
              device,
              Map.of(),
              EndpointState.READY);
      return new EndpointRow(endpoint, policy, 1);
    }

    List<IpcacheRow> ipcache(int as) {
      return addresses.values().stream()
          .map(address -> new IpcacheRow(IpPrefix.host(address), as))
          .toList();
    }
  }

  final Datapath datapath;
  final Party alice;
  final Party bob;
  private final Packets packets;

  TwoEndpoints(Datapath datapath, Party alice, Party bob, Packets packets) {
    this.datapath = datapath;
    this.alice = alice;
    this.bob = bob;
    this.packets = packets;
  }

  /** The rows of both, with these policies. */
  List<Row> rows(PolicyMapState ofAlice, PolicyMapState ofBob) {
    List<Row> rows = new ArrayList<>();
    rows.add(alice.row(ofAlice));
    rows.add(bob.row(ofBob));
    rows.addAll(alice.ipcache(alice.identity()));
    rows.addAll(bob.ipcache(bob.identity()));
    return rows;
  }

  /** Writes the rows of both. */
  void enforce(PolicyMapState ofAlice, PolicyMapState ofBob) {
    datapath.apply(put(rows(ofAlice, ofBob)));
  }

  static List<Change<RowKey, Row>> put(List<? extends Row> rows) {
    return RowChanges.of(rows, List.of());
  }

  static List<Change<RowKey, Row>> remove(List<? extends Row> rows) {
    return RowChanges.of(List.of(), rows);
  }

  /** The keys of one kind among these rows. */
  static Set<RowKey> keys(RowKind kind, List<? extends Row> rows) {
    Set<RowKey> keys = new HashSet<>();
    for (Row row : rows) {
      if (row.key().kind() == kind) {
        keys.add(row.key());
      }
    }
    return keys;
  }

  /** Asks whether a new flow from the first endpoint to the second passes. */
  void assertVerdict(IpFamily family, boolean passes, String why) throws Exception {
    Verdict wanted = passes ? Verdict.ALLOWED : Verdict.DENIED;
    boolean observed = packets.passes(alice.device(), alice.address(family), bob.address(family));
    assertEquals(wanted, observed ? Verdict.ALLOWED : Verdict.DENIED, why);
  }

  /** What is reported of a new flow from the first endpoint to this address, which it is denied. */
  Flow reported(IpAddress destination) throws Exception {
    var flows = new LinkedBlockingQueue<Flow>();
    try (Subscription _ = datapath.subscribe(flows::add)) {
      packets.passes(alice.device(), alice.address(destination.family()), destination);
      Flow flow = flows.poll(10, TimeUnit.SECONDS);
      while (flow != null && !flow.destination().equals(destination)) {
        flow = flows.poll(10, TimeUnit.SECONDS); // What the pod's own stack says beside.
      }
      if (flow == null) {
        throw new AssertionError("nothing is reported of a flow to " + destination);
      }
      return flow;
    }
  }
}
