// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.core.ProxyListeners;
import io.cilium4j.core.ReservedIdentity;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Limits;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.PrefilterKey;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.spi.Row.RowKind;
import io.cilium4j.core.state.Change;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All that a verdict depends on, of one moment: the rows of endpoints and frontends, and the
 * ipcache. Immutable; the object in force is the epoch. A change makes the next object beside it,
 * and one write puts it in force, so a packet is decided wholly by the one or wholly by the other.
 *
 * <p>The tables of endpoints, a few hundred rows at most, are copied with each change of an
 * endpoint. The ipcache is not: see {@link PrefixTrie}.
 */
final class State {

  private final long epoch;
  private final Map<Integer, LocalEndpoint> byId;
  private final Map<Integer, LocalEndpoint> byDevice;
  private final PrefixTrie<LocalEndpoint> byV4;
  private final PrefixTrie<LocalEndpoint> byV6;
  private final Ipcache ipcache;
  private final ProxyListeners listeners;
  private final Frontends frontends;
  private final TunnelNodes nodes;

  /**
   * The prefixes of both families.
   *
   * @param size how many
   */
  private record Ipcache(PrefixTrie<IpcacheEntry> v4, PrefixTrie<IpcacheEntry> v6, int size) {

    PrefixTrie<IpcacheEntry> of(IpFamily family) {
      return family == IpFamily.IPV4 ? v4 : v6;
    }

    Ipcache with(IpcacheEntry entry) {
      IpPrefix prefix = entry.prefix();
      PrefixTrie<IpcacheEntry> before = of(prefix.family());
      IpcacheEntry old = before.get(prefix);
      if (entry.equals(old)) {
        return this;
      }
      return replace(prefix.family(), before.with(prefix, entry), old == null ? 1 : 0);
    }

    Ipcache without(IpPrefix prefix) {
      PrefixTrie<IpcacheEntry> before = of(prefix.family());
      if (before.get(prefix) == null) {
        return this;
      }
      return replace(prefix.family(), before.without(prefix), -1);
    }

    private Ipcache replace(IpFamily family, PrefixTrie<IpcacheEntry> trie, int more) {
      return family == IpFamily.IPV4
          ? new Ipcache(trie, v6, size + more)
          : new Ipcache(v4, trie, size + more);
    }
  }

  private State(
      long epoch,
      Map<Integer, LocalEndpoint> byId,
      Ipcache ipcache,
      ProxyListeners listeners,
      Frontends frontends,
      TunnelNodes nodes) {
    this.epoch = epoch;
    this.nodes = nodes;
    this.byId = Collections.unmodifiableMap(byId);
    this.ipcache = ipcache;
    this.listeners = listeners;
    this.frontends = frontends;
    Map<Integer, LocalEndpoint> devices = HashMap.newHashMap(byId.size());
    PrefixTrie<LocalEndpoint> v4 = PrefixTrie.empty(IpFamily.IPV4);
    PrefixTrie<LocalEndpoint> v6 = PrefixTrie.empty(IpFamily.IPV6);
    for (LocalEndpoint endpoint : byId.values()) {
      devices.put(endpoint.ifindex(), endpoint);
      for (IpAddress address : endpoint.endpoint().addresses()) {
        if (address.isV4()) {
          v4 = v4.with(IpPrefix.host(address), endpoint);
        } else {
          v6 = v6.with(IpPrefix.host(address), endpoint);
        }
      }
    }
    this.byDevice = Collections.unmodifiableMap(devices);
    this.byV4 = v4;
    this.byV6 = v6;
  }

  /** The same endpoints with other rows beside them; no verdict depends on nodes. */
  private State(State before, Ipcache ipcache, Frontends frontends, TunnelNodes nodes) {
    boolean same = ipcache.equals(before.ipcache) && frontends == before.frontends;
    this.epoch = same ? before.epoch : before.epoch + 1;
    this.nodes = nodes;
    this.byId = before.byId;
    this.byDevice = before.byDevice;
    this.byV4 = before.byV4;
    this.byV6 = before.byV6;
    this.ipcache = ipcache;
    this.listeners = before.listeners;
    this.frontends = frontends;
  }

  /** No endpoint and no prefix: nothing passes. */
  static State empty() {
    return new State(
        1,
        Map.of(),
        new Ipcache(PrefixTrie.empty(IpFamily.IPV4), PrefixTrie.empty(IpFamily.IPV6), 0),
        ProxyListeners.NONE,
        Frontends.NONE,
        TunnelNodes.NONE);
  }

  /**
   * The state after a batch: this very object where it changes nothing, so that verdicts in
   * conntrack stay valid.
   *
   * @throws DatapathException if that would be more than the limits
   */
  State after(List<Change<RowKey, Row>> changes, Limits limits) {
    Ipcache nextIpcache = ipcache;
    Frontends nextFrontends = frontends;
    TunnelNodes nextNodes = nodes;
    Map<Integer, LocalEndpoint> nextById = new HashMap<>(byId);
    boolean changed = false;
    for (Change<RowKey, Row> change : changes) {
      switch (change) {
        case Change.Put<RowKey, Row>(_, EndpointRow row, _) -> {
          LocalEndpoint old = nextById.get(row.endpoint().id());
          if (old == null || !old.row().equals(row)) {
            nextById.put(row.endpoint().id(), LocalEndpoint.of(row));
            changed = true;
          }
        }
        case Change.Removed<RowKey, Row>(EndpointKey(int id), _, _) ->
            changed |= nextById.remove(id) != null;
        case Change.Put<RowKey, Row>(_, IpcacheRow(var entry), _) ->
            nextIpcache = nextIpcache.with(entry);
        case Change.Removed<RowKey, Row>(IpcacheKey(var prefix), _, _) ->
            nextIpcache = nextIpcache.without(prefix);
        case Change.Put<RowKey, Row>(_, FrontendRow row, _) ->
            nextFrontends = nextFrontends.with(row);
        case Change.Removed<RowKey, Row>(FrontendKey key, _, _) ->
            nextFrontends = nextFrontends.without(key);
        case Change.Put<RowKey, Row>(_, NodeRow row, _) -> nextNodes = nextNodes.with(row);
        case Change.Removed<RowKey, Row>(NodeKey key, _, _) -> nextNodes = nextNodes.without(key);
        case Change.Put<RowKey, Row>(_, PrefilterRow _, _) ->
            throw new DatapathException("no prefilter in user space");
        case Change.Removed<RowKey, Row>(PrefilterKey _, _, _) -> {}
      }
    }
    checkLimit(nextIpcache.size, limits.ipcacheEntries(), "ipcache entries");
    if (!changed) {
      return nextIpcache.equals(ipcache) && nextFrontends == frontends && nextNodes == nodes
          ? this
          : new State(this, nextIpcache, nextFrontends, nextNodes);
    }
    checkLimit(policyEntries(nextById), limits.policyEntries(), "policy entries");
    return new State(epoch + 1, nextById, nextIpcache, listeners, nextFrontends, nextNodes);
  }

  /** The state without the rows of a kind that are not among these. */
  State pruned(RowKind kind, Set<RowKey> wanted) {
    return switch (kind) {
      case ENDPOINT -> {
        Map<Integer, LocalEndpoint> kept = new HashMap<>(byId);
        boolean changed = kept.keySet().removeIf(id -> !wanted.contains(new EndpointKey(id)));
        yield changed ? new State(epoch + 1, kept, ipcache, listeners, frontends, nodes) : this;
      }
      case IPCACHE -> {
        Ipcache kept = ipcache;
        for (IpPrefix prefix : prefixes()) {
          if (!wanted.contains(new IpcacheKey(prefix))) {
            kept = kept.without(prefix);
          }
        }
        yield kept.equals(ipcache) ? this : new State(this, kept, frontends, nodes);
      }
      case FRONTEND -> {
        Frontends kept = frontends.retain(wanted);
        yield kept == frontends ? this : new State(this, ipcache, kept, nodes);
      }
      case PREFILTER -> this;
      case NODE -> {
        TunnelNodes kept = nodes.retain(wanted);
        yield kept == nodes ? this : new State(this, ipcache, frontends, kept);
      }
    };
  }

  /** The same rows with other listeners of proxies. */
  State with(ProxyListeners others) {
    return others.equals(listeners)
        ? this
        : new State(epoch + 1, byId, ipcache, others, frontends, nodes);
  }

  /** What clients of services ask. */
  Frontends frontends() {
    return frontends;
  }

  /** The nodes at the other ends of tunnels. */
  TunnelNodes nodes() {
    return nodes;
  }

  /** Where redirects go. */
  ProxyListeners listeners() {
    return listeners;
  }

  /** Endpoints that share a policy object share its entries. */
  private static long policyEntries(Map<Integer, LocalEndpoint> endpoints) {
    Set<PolicyMapState> policies = Collections.newSetFromMap(new IdentityHashMap<>());
    endpoints.values().forEach(endpoint -> policies.add(endpoint.row().policy()));
    return policies.stream().mapToLong(PolicyMapState::size).sum();
  }

  private static void checkLimit(long wanted, int limit, String what) {
    if (wanted > limit) {
      throw new DatapathException(wanted + " " + what + ": the limit is " + limit);
    }
  }

  /** The number that verdicts of this state carry. */
  long epoch() {
    return epoch;
  }

  /** The endpoints by id. */
  Map<Integer, LocalEndpoint> endpoints() {
    return byId;
  }

  /** The endpoint behind a device, or null. */
  @Nullable LocalEndpoint ofDevice(int ifindex) {
    return byDevice.get(ifindex);
  }

  /** The endpoint that has the packet's source address, or null. */
  @Nullable LocalEndpoint sourceOf(Packet packet) {
    return endpointsOf(packet.family).lookup(packet.sourceHigh, packet.sourceLow);
  }

  /** The endpoint that has the packet's destination address, or null. */
  @Nullable LocalEndpoint destinationOf(Packet packet) {
    return endpointsOf(packet.family).lookup(packet.destinationHigh, packet.destinationLow);
  }

  /** What the ipcache says of an address, or null. */
  @Nullable IpcacheEntry entryOf(IpFamily family, long high, long low) {
    return ipcache.of(family).lookup(high, low);
  }

  /** The identity behind an address that no local endpoint has. */
  int identityOf(IpFamily family, long high, long low) {
    IpcacheEntry entry = entryOf(family, high, low);
    return entry == null ? ReservedIdentity.WORLD.id() : entry.identity();
  }

  /** All prefixes of the ipcache, as a new set. */
  private Set<IpPrefix> prefixes() {
    Set<IpPrefix> all = new HashSet<>();
    ipcache.v4.forEach(entry -> all.add(entry.prefix()));
    ipcache.v6.forEach(entry -> all.add(entry.prefix()));
    return all;
  }

  private PrefixTrie<LocalEndpoint> endpointsOf(IpFamily family) {
    return family == IpFamily.IPV4 ? byV4 : byV6;
  }
}
