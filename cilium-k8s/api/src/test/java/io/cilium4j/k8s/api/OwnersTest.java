// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.k8s.store.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What becomes of a CiliumNode whose Node comes and goes. */
class OwnersTest {
  private static final Resource NODES = new Resource("", "v1", "nodes", "Node", false);
  private static final Resource CILIUM_NODES =
      new Resource("cilium.io", "v2", "ciliumnodes", "CiliumNode", false);
  private static final ClusterNode NODE = new ClusterNode("node-1", List.of(), List.of());

  private ApiClient client;
  private ClusterStore store;

  @BeforeEach
  void openAll() throws IOException {
    Servers.empty(Servers.shared(), List.of(CILIUM_NODES, NODES));
    client = Servers.client(Servers.shared());
    store = new ApiStoreProvider().open(Servers.options(Servers.shared()));
  }

  @AfterEach
  void closeAll() {
    store.close();
    client.close();
  }

  private void register() throws ApiException {
    Servers.put(client, NODES, "{apiVersion: v1, kind: Node, metadata: {name: node-1}}");
  }

  /** Deletes an object as the cluster deletes what has lost its owner: whoever wrote it last. */
  private void delete(Resource resource) throws ApiException {
    client.delete(
        resource.path("", "node-1"), "{}".getBytes(StandardCharsets.UTF_8), Servers.soon());
  }

  private String text(Resource resource, String path) throws ApiException {
    byte[] object = client.get(resource.path("", "node-1"), Servers.soon()).orElseThrow();
    return Json.at(Json.parse(object), path).toString();
  }

  private void assertIsNotMade(ClusterStore by) throws ApiException {
    var e =
        assertThrows(ClusterStoreException.class, () -> by.nodes().create(NODE, Servers.soon()));
    assertEquals(
        "ciliumnodes/node-1: not made again, since there is no Node of this name any more",
        e.getMessage());
    assertTrue(client.get(CILIUM_NODES.path("", "node-1"), Servers.soon()).isEmpty());
  }

  @Test
  void create_wentWithItsNode_waitsForTheNextOne() throws ApiException {
    register();
    assertTrue(store.nodes().create(NODE, Servers.soon()).isPresent());
    delete(NODES);
    delete(CILIUM_NODES);
    assertIsNotMade(store);
    assertIsNotMade(store);
    register();
    assertTrue(store.nodes().create(NODE, Servers.soon()).isPresent());
    String owner = text(CILIUM_NODES, "metadata.ownerReferences");
    assertTrue(owner.contains(text(NODES, "metadata.uid")), owner);
  }

  /** The agent was started after it was made, so that only the table has told of it. */
  @Test
  void create_wasMadeByAnEarlierRun_waitsForTheNextNode() throws Exception {
    register();
    assertTrue(store.nodes().create(NODE, Servers.soon()).isPresent());
    try (ClusterStore later = new ApiStoreProvider().open(Servers.options(Servers.shared()))) {
      assertTrue(later.nodes().table().awaitInitialised(Duration.ofSeconds(20)));
      assertTrue(later.nodes().table().get("node-1").isPresent());
      delete(NODES);
      delete(CILIUM_NODES);
      assertIsNotMade(later);
    }
  }

  @Test
  void create_neverHadANode_isMadeAgain() throws ApiException {
    assertTrue(store.nodes().create(NODE, Servers.soon()).isPresent());
    delete(CILIUM_NODES);
    assertTrue(store.nodes().create(NODE, Servers.soon()).isPresent());
    assertEquals("", text(CILIUM_NODES, "metadata.ownerReferences"));
  }
}
