// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One thing that a {@link Datapath} holds. A row has a key, and a key has a kind.
 *
 * <p>A new kind is a constant of {@link RowKind}, a record for its key and a record for its row,
 * all in this file. The compiler then names each place that must know it, one in each datapath.
 */
public sealed interface Row {

  /** The row's key; the datapath holds at most one row of a key. */
  RowKey key();

  /** The kinds of rows, in the order in which they are pruned. */
  enum RowKind {
    /** Endpoints of this node, each with the policy to enforce on it. */
    ENDPOINT,
    /** Address prefixes, each with the identity behind it. */
    IPCACHE,
    /** Other nodes of the cluster. */
    NODE,
    /** Addresses and ports of services, each with its backends. */
    FRONTEND,
    /** The prefixes whose packets are dropped first of all, in one row. */
    PREFILTER
  }

  /** Names a row. Keys of one kind stand together, in the order of the kinds. */
  sealed interface RowKey extends Comparable<RowKey> {

    /** The kind of the row. */
    RowKind kind();
  }

  /**
   * The key of an endpoint's row.
   *
   * @param endpointId the endpoint's id
   */
  record EndpointKey(int endpointId) implements RowKey {
    @Override
    public RowKind kind() {
      return RowKind.ENDPOINT;
    }

    @Override
    public int compareTo(RowKey other) {
      return other instanceof EndpointKey endpoint
          ? Integer.compare(endpointId, endpoint.endpointId)
          : kind().compareTo(other.kind());
    }

    @Override
    public String toString() {
      return "endpoint " + endpointId;
    }
  }

  /**
   * An endpoint and the policy to enforce on it.
   *
   * @param endpoint the endpoint
   * @param policy its compiled policy; endpoints that are given the same object share its rows
   * @param policyRevision the revision of the rules that the policy was compiled from
   * @param audited whether packets that the policy denies pass and are reported as audited
   */
  record EndpointRow(Endpoint endpoint, PolicyMapState policy, long policyRevision, boolean audited)
      implements Row {

    /** A row whose denials are enforced. */
    public EndpointRow(Endpoint endpoint, PolicyMapState policy, long policyRevision) {
      this(endpoint, policy, policyRevision, false);
    }

    @Override
    public EndpointKey key() {
      return new EndpointKey(endpoint.id());
    }
  }

  /**
   * The key of an ipcache row.
   *
   * @param prefix the addresses
   */
  record IpcacheKey(IpPrefix prefix) implements RowKey {
    @Override
    public RowKind kind() {
      return RowKind.IPCACHE;
    }

    @Override
    public int compareTo(RowKey other) {
      return other instanceof IpcacheKey ipcache
          ? prefix.compareTo(ipcache.prefix)
          : kind().compareTo(other.kind());
    }

    @Override
    public String toString() {
      return "prefix " + prefix;
    }
  }

  /**
   * The identity behind an address prefix.
   *
   * @param entry the prefix, its identity and how to reach it
   */
  record IpcacheRow(IpcacheEntry entry) implements Row {

    /** A row that needs no tunnel. */
    public IpcacheRow(IpPrefix prefix, int identity) {
      this(new IpcacheEntry(prefix, identity));
    }

    @Override
    public IpcacheKey key() {
      return new IpcacheKey(entry.prefix());
    }
  }

  /**
   * The key of a node's row.
   *
   * @param name the node's name in Kubernetes
   */
  record NodeKey(String name) implements RowKey {
    @Override
    public RowKind kind() {
      return RowKind.NODE;
    }

    @Override
    public int compareTo(RowKey other) {
      return other instanceof NodeKey node
          ? name.compareTo(node.name)
          : kind().compareTo(other.kind());
    }

    @Override
    public String toString() {
      return "node " + name;
    }
  }

  /**
   * Another node: where its pods are reached. Who has which address is said by ipcache rows.
   *
   * @param name its name in Kubernetes
   * @param addresses where it is reached, at most one of a family; the next hop of direct routes
   * @param podCidrs the prefixes of its pods' addresses
   * @param tunnelEndpoint the address at which tunnels to it end; absent without tunnels
   * @param mtuBytes the largest packet of a pod that reaches it; 0 where the devices know
   */
  record NodeRow(
      String name,
      List<IpAddress> addresses,
      List<IpPrefix> podCidrs,
      Optional<IpAddress> tunnelEndpoint,
      int mtuBytes)
      implements Row {
    public NodeRow {
      addresses = List.copyOf(addresses);
      podCidrs = List.copyOf(podCidrs);
      if (mtuBytes < 0 || mtuBytes > 65_535) {
        throw new IllegalArgumentException("node " + name + ": MTU " + mtuBytes);
      }
    }

    @Override
    public NodeKey key() {
      return new NodeKey(name);
    }
  }

  /**
   * The key of a frontend's row.
   *
   * @param address the address that clients ask
   * @param port the port; 0 with {@link Protocol#ANY} stands for everything else that an address
   *     which is only services' is asked
   * @param protocol {@link Protocol#TCP}, {@link Protocol#UDP}, {@link Protocol#SCTP}, or {@link
   *     Protocol#ANY} with port 0
   */
  record FrontendKey(IpAddress address, int port, Protocol protocol) implements RowKey {

    private static final Comparator<FrontendKey> ORDER =
        Comparator.comparing(FrontendKey::address)
            .thenComparingInt(FrontendKey::port)
            .thenComparing(FrontendKey::protocol);

    public FrontendKey {
      boolean isRest = port == 0 && protocol == Protocol.ANY;
      boolean isPort =
          port >= 1
              && port <= 65_535
              && (protocol == Protocol.TCP
                  || protocol == Protocol.UDP
                  || protocol == Protocol.SCTP);
      if (!isRest && !isPort) {
        throw new IllegalArgumentException("frontend " + address + " " + port + "/" + protocol);
      }
    }

    /** The key of what an address is asked beside its frontends. */
    public static FrontendKey rest(IpAddress address) {
      return new FrontendKey(address, 0, Protocol.ANY);
    }

    /** Whether this is what an address is asked beside its frontends. */
    public boolean isRest() {
      return port == 0;
    }

    @Override
    public RowKind kind() {
      return RowKind.FRONTEND;
    }

    @Override
    public int compareTo(RowKey other) {
      return other instanceof FrontendKey frontend
          ? ORDER.compare(this, frontend)
          : kind().compareTo(other.kind());
    }

    @Override
    public String toString() {
      return "frontend " + address + " " + port + "/" + protocol;
    }
  }

  /**
   * A frontend of a service: packets to it go to one of its backends, under the backend's address
   * and port. Which one depends on the packet's flow alone, so that every flow keeps its backend. A
   * backend that is gone loses its flows; one that only takes no new ones keeps those it has.
   *
   * <p>A frontend without backends, and what an address is asked beside its frontends, is dropped.
   *
   * @param key what clients ask
   * @param service the service's number, 1 to 65535
   * @param backends all that there are, each once
   * @param affinitySeconds for how long a client keeps its backend after its last new flow; 0 if it
   *     does not
   */
  record FrontendRow(FrontendKey key, int service, List<Backend> backends, int affinitySeconds)
      implements Row {
    public FrontendRow {
      backends = List.copyOf(backends);
      if (service < 1 || service > 65_535 || affinitySeconds < 0) {
        throw new IllegalArgumentException(
            key + ": service " + service + ", affinity " + affinitySeconds);
      }
      for (Backend backend : backends) {
        if (backend.address().family() != key.address().family()) {
          throw new IllegalArgumentException(key + ": backend " + backend);
        }
      }
      if (key.isRest() && !backends.isEmpty()) {
        throw new IllegalArgumentException(key + " has backends");
      }
    }

    /** Those that take new flows, in a stable order. */
    public List<Backend> candidates() {
      List<Backend> active = in(Backend.State.ACTIVE);
      return active.isEmpty() ? in(Backend.State.TERMINATING) : active;
    }

    private List<Backend> in(Backend.State state) {
      return backends.stream().filter(backend -> backend.state() == state).sorted().toList();
    }
  }

  /** The key of the one row with the prefixes to drop. */
  record PrefilterKey() implements RowKey {
    @Override
    public RowKind kind() {
      return RowKind.PREFILTER;
    }

    @Override
    public int compareTo(RowKey other) {
      return kind().compareTo(other.kind());
    }

    @Override
    public String toString() {
      return "prefilter";
    }
  }

  /**
   * What networks send from these prefixes is dropped where it comes in, before anything else looks
   * at it, whomever it is for. What comes from the node's own endpoints is not.
   *
   * @param prefixes of either family; may overlap
   */
  record PrefilterRow(Set<IpPrefix> prefixes) implements Row {

    /** The most prefixes that a row may have. */
    public static final int MAX_PREFIXES = 131_072;

    public PrefilterRow {
      prefixes = Set.copyOf(prefixes);
      if (prefixes.size() > MAX_PREFIXES) {
        throw new IllegalArgumentException("more than " + MAX_PREFIXES + " prefixes");
      }
    }

    @Override
    public PrefilterKey key() {
      return new PrefilterKey();
    }
  }
}
