// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.conformance.KubernetesSourceConformance;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSource;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.store.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/** The source that asks a real API server does what every source does. */
class ApiSourceConformanceTest extends KubernetesSourceConformance {
  private static final Map<String, Resource> RESOURCES =
      Map.of(
          "Pod", new Resource("", "v1", "pods", "Pod", true),
          "Namespace", new Resource("", "v1", "namespaces", "Namespace", false),
          "Node", new Resource("", "v1", "nodes", "Node", false),
          "CiliumNode", new Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", false),
          "CiliumNetworkPolicy",
              new Resource(
                  "cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", true));

  private static final byte[] AT_ONCE =
      "{\"gracePeriodSeconds\":0}".getBytes(StandardCharsets.UTF_8);

  private static Resource resource(String kind) {
    return Objects.requireNonNull(RESOURCES.get(kind), kind);
  }

  @Override
  protected KubernetesSource open() throws IOException {
    KubernetesApiServer server = Servers.shared();
    Servers.empty(
        server,
        List.of(
            resource("Pod"),
            resource("Node"),
            resource("CiliumNode"),
            resource("CiliumNetworkPolicy")));
    try (ApiClient client = Servers.client(server)) {
      Servers.namespace(client, "fleet");
    }
    return provider()
        .open(
            new KubernetesSourceProvider.Config(
                new ManualScheduler(), new TreeMap<>(Servers.options(server))));
  }

  @Override
  protected KubernetesSourceProvider provider() {
    return new ApiSourceProvider();
  }

  @Override
  protected void put(String yaml) throws IOException {
    Object tree = DocumentReader.read(yaml).getFirst();
    try (ApiClient client = Servers.client(Servers.shared())) {
      Resource resource = resource(Trees.text(tree, "kind"));
      Servers.put(client, resource, yaml);
    }
  }

  @Override
  protected void delete(ResourceKey key) throws IOException {
    try (ApiClient client = Servers.client(Servers.shared())) {
      client.delete(
          resource(key.kind()).path(key.namespace(), key.name()), AT_ONCE, Servers.soon());
    }
  }

  @Override
  protected String uid(ResourceKey key, String written) throws IOException {
    try (ApiClient client = Servers.client(Servers.shared())) {
      String path = resource(key.kind()).path(key.namespace(), key.name());
      return Json.text(Json.parse(client.get(path, Servers.soon()).orElseThrow()), "metadata.uid")
          .orElseThrow();
    }
  }
}
