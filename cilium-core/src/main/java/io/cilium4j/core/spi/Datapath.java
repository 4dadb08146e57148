// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
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
 * <p>Who deals with devices alone, or with flows alone, takes an {@link EndpointDevices} or a
 * {@link FlowSource}.
 *
 * <p>Safe for use by several threads; changes are carried out one at a time.
 */
public interface Datapath extends EndpointDevices, FlowSource, AutoCloseable {

  /** The implementation's name: {@code ebpf}, {@code memory}. */
  String name();

  /** One line for people: what runs here and why. */
  String description();

  /** The kinds of rows that it carries; {@link #apply} and {@link #prune} refuse others. */
  Set<RowKind> rowKinds();

  /**
   * Brings the enforced state in line with a batch. All rows are written before any packet can be
   * decided by a part of them: a flow that both the old and the new state deny never passes, and
   * one that both allow is never dropped. When it returns, no packet is decided by the old state.
   *
   * @param changes at most one of a key, of any kinds; of a removed row only the key is read
   * @throws DatapathException if it cannot; the same batch may be applied again
   */
  void apply(List<Change<RowKey, Row>> changes);

  /**
   * Removes every row of a kind that is not among these, and whatever else an earlier process left
   * that belongs to such rows: what a restarted agent calls for each kind once all sources of that
   * kind have synced. With endpoints go their devices: those that the datapath made are deleted,
   * those that it took over are released.
   *
   * @param kind the kind; rows of other kinds stay as they are
   * @param wanted keys of that kind
   */
  void prune(RowKind kind, Set<RowKey> wanted);

  /**
   * Looks again at what this instance has on the node beside rows, and mends what somebody else
   * undid: devices, routes, attachments. Called from time to time.
   */
  default Mended mend() {
    return new Mended(List.of(), List.of());
  }

  /** What else is counted since the start, by name. */
  Map<String, Long> counters();

  /**
   * The numbers by which it knows other nodes, each with an address of the node; none by default.
   */
  default Map<Integer, IpAddress> nodeNumbers() {
    return Map.of();
  }

  /** What it can do beyond what every datapath can; may change while it runs. */
  default Set<Capability> capabilities() {
    return Set.of();
  }

  /** Where a proxy's sockets live; empty where the datapath redirects nothing. */
  default Optional<ProxyPlace> proxyPlace() {
    return Optional.empty();
  }

  /**
   * Those of these addresses with which an endpoint of this node has a connection that is open, or
   * had a flow of another protocol lately; none by default. Takes as long as there are flows.
   */
  default Set<Peer> connected(Set<IpAddress> addresses) {
    return Set.of();
  }

  /**
   * Whom an endpoint speaks to.
   *
   * @param endpointId the endpoint
   * @param address the other end's
   */
  record Peer(int endpointId, IpAddress address) {}

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

  /** What not every datapath can do. */
  enum Capability {
    /** Packets from pod to pod do not pass the node's own network stack. */
    BYPASSES_NODE_STACK,

    /** Pods' packets leave the node by its stack, which can give them the node's address. */
    LEAVES_BY_NODE_STACK,

    /** The node's own processes reach services, and not only pods. */
    SERVES_NODE_PROCESSES,

    /**
     * The node itself can be restricted, by the row of an endpoint ({@code enable-host-firewall}).
     */
    RESTRICTS_NODE
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
}
