// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.DropReason;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.TrafficDirection;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What enforces verdicts on packets: the kernel's eBPF, or threads in user space.
 *
 * <p>State goes in by {@link #apply}, in batches. Every call is idempotent: what is already there
 * is left alone, what is to be removed and is not there is no error. Errors are {@link
 * DatapathException}, after which the same batch may be applied again.
 *
 * <p>Safe for use by several threads; changes are carried out one at a time.
 */
public interface Datapath extends AutoCloseable {

  /** The implementation's name: {@code ebpf}, {@code memory}. */
  String name();

  /** One line for people: what runs here and why. */
  String description();

  /**
   * Makes the devices that join a network namespace to the node, with addresses and routes on the
   * endpoint's side. The endpoint's packets are dropped until {@link #apply} brings its row.
   *
   * @param request what to make; the namespace must exist
   * @throws DatapathException if it cannot; nothing half made is left
   */
  EndpointInterface connect(ConnectRequest request);

  /**
   * Takes over a pair of devices that somebody else made, as a CNI plugin does: from now on the
   * endpoint's packets are this datapath's business, and the pair goes with {@link #disconnect}.
   * The endpoint's side, with its addresses and routes, stays as it is. The endpoint's packets are
   * dropped until {@link #apply} brings its row.
   *
   * @return the devices as the kernel has them
   * @throws DatapathException if there is no such pair, or this datapath takes over none; the
   *     devices are left as they were
   */
  default EndpointInterface adopt(AdoptRequest request) {
    throw new DatapathException(
        "device "
            + request.device().hostName()
            + ": the datapath "
            + name()
            + " takes over no devices that others made");
  }

  /** Removes the endpoint's devices; no error if they are gone. */
  void disconnect(EndpointInterface device);

  /**
   * Takes back what {@link #adopt} did, for an endpoint that came to nothing: the pair is its
   * maker's again. It is down, since nobody decides about its packets any more; no error if it is
   * gone.
   */
  default void release(EndpointInterface device) {
    // Nothing to take back where adopt takes over none.
  }

  /** Whether the endpoint's devices are there; a pod that ended took them along. */
  boolean holds(EndpointInterface device);

  /**
   * Brings the enforced state in line with a batch. All rows are written before any packet can be
   * decided by a part of them: a flow that both the old and the new state deny never passes, and
   * one that both allow is never dropped. When it returns, no packet is decided by the old state.
   */
  void apply(Change change);

  /**
   * Removes every endpoint and ipcache row that is not among these, and whatever else an earlier
   * process left for an endpoint that is none, or was none yet: what a restarted agent calls once
   * all its sources have synced. Of its devices those are deleted that it made; those that it took
   * over are released.
   */
  void prune(Set<Integer> endpointIds, Set<IpPrefix> ipcache);

  /**
   * Looks again at what this instance has on the node beside rows, and mends what somebody else
   * undid: devices, routes, attachments. Called from time to time.
   */
  default Mended mend() {
    return new Mended(List.of(), List.of());
  }

  /** Reports flows to {@code sink} until the returned handle is closed. */
  Subscription subscribe(FlowSink sink);

  /**
   * What passed and what was dropped since the instance was made, as far as it happened: at most
   * one count for each reason and direction.
   */
  List<Traffic> traffic();

  /** What else is counted since the start, by name. */
  Map<String, Long> counters();

  /**
   * How full the tables are, and who fills them, as far as the implementation knows. What is
   * counted by walking a table is as of the last walk.
   */
  default Pressure pressure() {
    return new Pressure(List.of(), List.of(), List.of());
  }

  /**
   * Lets go of everything this process holds. What the implementation keeps alive beyond the
   * process (pinned maps, links) stays and keeps enforcing.
   */
  @Override
  void close();

  /** Removes everything this instance owns, enforcement included, and nothing else. */
  void destroy();

  /** A handle on a subscription. */
  interface Subscription extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * What a look at the node found.
   *
   * @param mended what was not as it must be and is by now, one line each
   * @param problems what is not as it must be still, one line each
   */
  record Mended(List<String> mended, List<String> problems) {
    public Mended {
      mended = List.copyOf(mended);
      problems = List.copyOf(problems);
    }
  }

  /**
   * Which devices to make.
   *
   * @param endpointId the endpoint's id, from which device names are made
   * @param netns path of the endpoint's network namespace, for example {@code /run/netns/x}
   * @param podDeviceName name of the device inside, usually {@code eth0}
   * @param addresses the endpoint's addresses, at most one of a family
   * @param mtuBytes largest packet, 1280 to 65535
   */
  record ConnectRequest(
      int endpointId, String netns, String podDeviceName, List<IpAddress> addresses, int mtuBytes) {
    public ConnectRequest {
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * Which devices to take over.
   *
   * @param endpointId the endpoint's id
   * @param device the pair, as whoever made it describes it
   * @param addresses the endpoint's addresses, at most one of a family
   */
  record AdoptRequest(int endpointId, EndpointInterface device, List<IpAddress> addresses) {
    public AdoptRequest {
      addresses = List.copyOf(addresses);
    }
  }

  /**
   * An endpoint and the policy to enforce on it.
   *
   * @param endpoint the endpoint
   * @param policy its compiled policy; endpoints that are given the same object share its rows
   * @param policyRevision the revision of the rules that the policy was compiled from
   * @param audited whether what the policy denies goes on all the same and is reported
   */
  record EndpointRow(
      Endpoint endpoint, PolicyMapState policy, long policyRevision, boolean audited) {

    /** A row whose denials are denials. */
    public EndpointRow(Endpoint endpoint, PolicyMapState policy, long policyRevision) {
      this(endpoint, policy, policyRevision, false);
    }
  }

  /**
   * A kind of packets and how many there were.
   *
   * @param drop why they were dropped; absent for those that passed
   * @param direction whose policy decided; of what passed, out of a pod or into one
   * @param packets how many
   * @param bytes their sizes with the Ethernet header, together
   */
  record Traffic(Optional<DropReason> drop, TrafficDirection direction, long packets, long bytes) {}

  /**
   * How full the tables are.
   *
   * @param tables at most one of a name
   * @param endpoints the flows of endpoints that have, or had lately, some
   * @param collections what the last walk over the flows did, by family and protocol
   */
  record Pressure(List<Table> tables, List<EndpointFlows> endpoints, List<Collection> collections) {
    public Pressure {
      tables = List.copyOf(tables);
      endpoints = List.copyOf(endpoints);
      collections = List.copyOf(collections);
    }
  }

  /**
   * A table.
   *
   * @param used how many entries it has; of a table that evicts also those that are over
   * @param capacity how many it can have
   */
  record Table(String name, long used, long capacity) {}

  /**
   * An endpoint's part of the table of flows.
   *
   * @param flows how many it is charged with
   * @param overflowed how many began beyond its share since it is connected: those evict each other
   */
  record EndpointFlows(int endpointId, long flows, long overflowed) {}

  /**
   * Flows that were over and were collected.
   *
   * @param protocol {@code TCP} or {@code non-TCP}
   * @param runs walks since the start
   * @param lasted how long the last walk took, of all protocols of the family
   * @param alive flows that it left
   * @param deleted flows that it deleted
   */
  record Collection(
      IpFamily family, String protocol, long runs, Duration lasted, long alive, long deleted) {}

  /**
   * A batch.
   *
   * @param endpoints rows to write
   * @param removedEndpoints ids of rows to remove
   * @param ipcache entries to write
   * @param removedIpcache prefixes of entries to remove
   */
  record Change(
      List<EndpointRow> endpoints,
      Set<Integer> removedEndpoints,
      List<IpcacheEntry> ipcache,
      Set<IpPrefix> removedIpcache) {
    public Change {
      endpoints = List.copyOf(endpoints);
      removedEndpoints = Set.copyOf(removedEndpoints);
      ipcache = List.copyOf(ipcache);
      removedIpcache = Set.copyOf(removedIpcache);
    }

    /** A batch of endpoint rows alone. */
    public static Change ofEndpoints(EndpointRow... rows) {
      return new Change(List.of(rows), Set.of(), List.of(), Set.of());
    }

    /** A batch of ipcache entries alone. */
    public static Change ofIpcache(IpcacheEntry... entries) {
      return new Change(List.of(), Set.of(), List.of(entries), Set.of());
    }
  }
}
