// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.documents.DocumentReader;
import io.cilium4j.documents.JsonWriter;
import io.cilium4j.documents.Trees;
import io.cilium4j.k8s.crd.CustomResourceInstaller;
import io.cilium4j.k8s.store.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/**
 * The one API server of these tests, with our definitions installed, and how to fill and empty it.
 */
final class Servers {
  private static @Nullable KubernetesApiServer shared;

  private Servers() {}

  /** The server, started by the first who asks. */
  static synchronized KubernetesApiServer shared() throws IOException {
    KubernetesApiServer started = shared;
    if (started == null) {
      started = KubernetesApiServer.start(Files.createTempDirectory("api-server"));
      shared = started;
      install(started);
    }
    return started;
  }

  /** Installs our definitions, and waits until they are served. */
  static void install(KubernetesApiServer server) throws IOException {
    try (ApiClient client = client(server)) {
      var installer = new CustomResourceInstaller(client);
      installer.install();
      long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (!installer.areServed()) {
        if (System.nanoTime() - end > 0) {
          throw new IOException("the definitions are not served");
        }
        Thread.onSpinWait();
      }
    }
  }

  /** The options of whoever uses the server. */
  static Map<String, String> options(KubernetesApiServer server) {
    return Map.of(
        ApiOptions.KUBECONFIG,
        server.kubeconfig().toString(),
        ApiOptions.QPS,
        "10000",
        ApiOptions.BURST,
        "10000",
        ApiOptions.NAMESPACE,
        "kube-system");
  }

  static ApiClient client(KubernetesApiServer server) {
    return ApiOptions.read(options(server), Set.of()).connect();
  }

  static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(20));
  }

  /** Deletes all objects of these resources. */
  static void empty(KubernetesApiServer server, List<Resource> resources) throws IOException {
    try (ApiClient client = client(server)) {
      for (Resource each : resources) {
        var paths = new java.util.ArrayList<String>();
        Listing.readLatest(
            client,
            each.path(),
            object ->
                paths.add(
                    each.path(
                        object.path("metadata").path("namespace").asString(""),
                        object.path("metadata").path("name").asString(""))));
        for (String path : paths) {
          client.delete(path, "{}".getBytes(StandardCharsets.UTF_8), soon());
        }
      }
    }
  }

  /** Creates a namespace if it is not there. */
  static void namespace(ApiClient client, String name) throws ApiException {
    if (client.get("/api/v1/namespaces/" + name, soon()).isEmpty()) {
      var _ =
          client.post(
              "/api/v1/namespaces",
              ("{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\""
                      + name
                      + "\"}}")
                  .getBytes(StandardCharsets.UTF_8),
              soon());
    }
  }

  /** Creates the object of a manifest, or puts it in place of what is there. */
  static void put(ApiClient client, Resource resource, String yaml) throws ApiException {
    Object tree = DocumentReader.read(yaml).getFirst();
    ObjectNode object = Json.parse(JsonWriter.write(tree).getBytes(StandardCharsets.UTF_8));
    Json.objectAt(object, "metadata").remove("uid"); // The server's own.
    String namespace = Trees.text(tree, "metadata", "namespace");
    String path = resource.path(namespace, Trees.text(tree, "metadata", "name"));
    var existing = client.get(path, soon());
    if (existing.isEmpty()) {
      var _ = client.post(resource.path(namespace), Json.write(object), soon());
    } else {
      Json.objectAt(object, "metadata")
          .put(
              "resourceVersion",
              Json.text(Json.parse(existing.get()), "metadata.resourceVersion").orElse(""));
      var _ = client.put(path, Json.write(object), soon());
    }
    if (object.has("status")) {
      var patch = Json.object();
      patch.set("status", object.get("status"));
      try {
        var _ = client.mergePatch(path + "/status", Json.write(patch), soon());
      } catch (ApiException e) {
        if (!e.isNotFound()) {
          throw e; // Else the status is no resource of its own, and written already.
        }
      }
    }
  }
}
