// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.DesiredKey.EndpointKey;
import io.cilium4j.agent.DesiredKey.PrefixKey;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.EndpointRow;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Operations;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Carries the desired state out into the datapath, a batch at a time. */
final class DatapathOperations implements Operations<DesiredKey, Desired> {
  private final Datapath datapath;

  DatapathOperations(Datapath datapath) {
    this.datapath = datapath;
  }

  @Override
  public void update(DesiredKey key, Desired value) {
    datapath.apply(batch(List.of(new Change.Put<>(key, value, 0))));
  }

  @Override
  public void delete(DesiredKey key, Desired last) {
    datapath.apply(batch(List.of(new Change.Removed<>(key, last, 0))));
  }

  /**
   * All in one change of epoch; if that is refused, row by row, so that one bad row stands alone.
   */
  @Override
  public Map<DesiredKey, Exception> applyBatch(List<Change<DesiredKey, Desired>> changes) {
    try {
      datapath.apply(batch(changes));
      return Map.of();
    } catch (DatapathException e) {
      return changes.size() == 1
          ? Map.of(changes.getFirst().key(), e)
          : Operations.super.applyBatch(changes);
    }
  }

  @Override
  public void prune(Snapshot<DesiredKey, Desired> desired) {
    Set<Integer> endpoints = new HashSet<>();
    Set<IpPrefix> prefixes = new HashSet<>();
    for (Row<DesiredKey, Desired> row : desired) {
      switch (row.key()) {
        case EndpointKey key -> endpoints.add(key.endpointId());
        case PrefixKey key -> prefixes.add(key.prefix());
      }
    }
    datapath.prune(endpoints, prefixes);
  }

  private static Datapath.Change batch(List<Change<DesiredKey, Desired>> changes) {
    List<EndpointRow> endpoints = new ArrayList<>();
    List<IpcacheEntry> ipcache = new ArrayList<>();
    Set<Integer> removedEndpoints = new HashSet<>();
    Set<IpPrefix> removedIpcache = new HashSet<>();
    for (Change<DesiredKey, Desired> change : changes) {
      switch (change) {
        case Change.Put<DesiredKey, Desired> put -> {
          switch (put.value()) {
            case Desired.OfEndpoint endpoint -> endpoints.add(endpoint.row());
            case Desired.OfPrefix prefix -> ipcache.add(prefix.entry());
          }
        }
        case Change.Removed<DesiredKey, Desired> removed -> {
          switch (removed.key()) {
            case EndpointKey key -> removedEndpoints.add(key.endpointId());
            case PrefixKey key -> removedIpcache.add(key.prefix());
          }
        }
      }
    }
    return new Datapath.Change(endpoints, removedEndpoints, ipcache, removedIpcache);
  }
}
