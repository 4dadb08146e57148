// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyMapState;

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
    IPCACHE
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
}
