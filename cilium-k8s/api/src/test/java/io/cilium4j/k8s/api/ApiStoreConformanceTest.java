// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.conformance.ClusterStoreConformance;
import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreProvider;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** The store in a real API server does what every store does. */
class ApiStoreConformanceTest extends ClusterStoreConformance {
  private static final List<Resource> RESOURCES =
      List.of(
          new Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", false),
          new Resource("cilium.io", "v2", "ciliumidentities", "CiliumIdentity", false),
          new Resource("cilium.io", "v2", "ciliumendpoints", "CiliumEndpoint", true),
          new Resource("coordination.k8s.io", "v1", "leases", "Lease", true));

  private boolean isEmptied;

  @Override
  protected ClusterStore open() {
    try {
      KubernetesApiServer server = Servers.shared();
      if (!isEmptied) {
        isEmptied = true;
        Servers.empty(server, RESOURCES);
        try (ApiClient client = Servers.client(server)) {
          for (String namespace : List.of("fleet", "a", "a-b", "default", "kube-system")) {
            Servers.namespace(client, namespace);
          }
        }
      }
      return provider().open(Servers.options(server));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  protected ClusterStoreProvider provider() {
    return new ApiStoreProvider();
  }
}
