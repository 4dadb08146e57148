// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.k8s.api.ApiKind.Owner;
import io.cilium4j.k8s.store.EndpointCodec;
import io.cilium4j.k8s.store.IdentityCodec;
import io.cilium4j.k8s.store.LeaseCodec;
import io.cilium4j.k8s.store.NodeCodec;
import io.cilium4j.k8s.store.ObjectCodec;
import io.cilium4j.k8s.store.PoolCodec;
import java.util.List;
import java.util.Optional;

/** The store of a cluster that an API server keeps. */
final class ApiStore implements ClusterStore {
  private final ApiClient client;
  private final TableWriter<String, String> problems = TableWriter.create("cluster-store-problems");
  private final ApiObjects<ClusterNode> nodes;
  private final ApiObjects<PublishedEndpoint> endpoints;
  private final ApiObjects<ClusterIdentity> identities;
  private final ApiObjects<Lease> leases;
  private final ApiObjects<PodIpPool> pools;

  /**
   * A store that asks nothing yet.
   *
   * @param client ends with the store
   */
  ApiStore(ApiClient client) {
    this.client = client;
    Owner node = new Owner(new Resource("", "v1", "nodes", "Node", false), true);
    // A node publishes no endpoint of a pod that is gone.
    Owner pod = new Owner(new Resource("", "v1", "pods", "Pod", true), false);
    this.nodes =
        open(new NodeCodec(), "", true, Optional.of(node), List.of("ipam.operator-status.error"));
    this.endpoints =
        open(
            new EndpointCodec(),
            "",
            false,
            Optional.of(pod),
            List.of(
                "identity",
                "networking.node",
                "service-account",
                "external-identifiers.cni-attachment-id",
                "external-identifiers.container-id",
                "external-identifiers.container-name",
                "external-identifiers.k8s-namespace",
                "external-identifiers.k8s-pod-name",
                "external-identifiers.pod-name"));
    this.identities = open(new IdentityCodec(), "", false, Optional.empty(), List.of());
    this.leases = open(new LeaseCodec(), client.namespace(), false, Optional.empty(), List.of());
    this.pools = open(new PoolCodec(), "", false, Optional.empty(), List.of());
  }

  private <T extends ClusterObject> ApiObjects<T> open(
      ObjectCodec<T> codec,
      String namespace,
      boolean hasOwnStatus,
      Optional<Owner> owner,
      List<String> clearable) {
    String[] parts = codec.apiVersion().split("/", -1);
    boolean isNamespaced = !namespace.isEmpty() || codec instanceof EndpointCodec;
    var resource = new Resource(parts[0], parts[1], codec.plural(), codec.kind(), isNamespaced);
    return new ApiObjects<>(
        client,
        new ApiKind<>(resource, codec, namespace, hasOwnStatus, owner, clearable),
        problems);
  }

  @Override
  public String name() {
    return ApiStoreProvider.NAME;
  }

  @Override
  public WithStatus<ClusterNode> nodes() {
    return nodes;
  }

  @Override
  public WithStatus<PublishedEndpoint> endpoints() {
    return endpoints;
  }

  @Override
  public Objects<ClusterIdentity> identities() {
    return identities;
  }

  @Override
  public Objects<Lease> leases() {
    return leases;
  }

  @Override
  public Objects<PodIpPool> pools() {
    return pools;
  }

  @Override
  public Table<String, String> problems() {
    return problems.table();
  }

  @Override
  public void close() {
    List<ApiObjects<?>> all = List.of(nodes, endpoints, identities, leases, pools);
    all.forEach(ApiObjects::end);
    client.close();
    all.forEach(ApiObjects::close);
  }
}
