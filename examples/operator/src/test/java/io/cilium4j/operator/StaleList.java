// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import java.util.List;
import java.util.Optional;

/** A store whose list of nodes is that of its table: a fault that a test must find. */
record StaleList(ClusterStore store) implements ClusterStore {

  private record Nodes(WithStatus<ClusterNode> nodes) implements WithStatus<ClusterNode> {
    @Override
    public Table<String, Stored<ClusterNode>> table() {
      return nodes.table();
    }

    @Override
    public Optional<Stored<ClusterNode>> read(String key) {
      return nodes.read(key);
    }

    @Override
    public List<Stored<ClusterNode>> list() {
      return nodes.table().snapshot().stream().map(Row::value).toList();
    }

    @Override
    public Optional<Stored<ClusterNode>> create(ClusterNode value, Deadline deadline) {
      return nodes.create(value, deadline);
    }

    @Override
    public Optional<Stored<ClusterNode>> replace(
        Stored<ClusterNode> before, ClusterNode value, Deadline deadline) {
      return nodes.replace(before, value, deadline);
    }

    @Override
    public boolean delete(Stored<ClusterNode> before, Deadline deadline) {
      return nodes.delete(before, deadline);
    }

    @Override
    public Optional<Stored<ClusterNode>> patchStatus(ClusterNode value, Deadline deadline) {
      return nodes.patchStatus(value, deadline);
    }
  }

  @Override
  public String name() {
    return store.name();
  }

  @Override
  public WithStatus<ClusterNode> nodes() {
    return new Nodes(store.nodes());
  }

  @Override
  public WithStatus<PublishedEndpoint> endpoints() {
    return store.endpoints();
  }

  @Override
  public Objects<ClusterIdentity> identities() {
    return store.identities();
  }

  @Override
  public Objects<Lease> leases() {
    return store.leases();
  }

  @Override
  public Objects<PodIpPool> pools() {
    return store.pools();
  }

  @Override
  public Table<String, String> problems() {
    return store.problems();
  }

  @Override
  public void close() {
    store.close();
  }
}
