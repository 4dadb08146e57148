// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyMapState;
import java.util.List;
import java.util.Optional;

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
    NODE
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
}
