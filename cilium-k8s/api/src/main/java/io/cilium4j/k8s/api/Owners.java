// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.k8s.api.ApiKind.Owner;
import io.cilium4j.k8s.store.Json;
import java.util.LinkedHashSet;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * Who owns the objects of a kind, so that the cluster deletes them when their owners go.
 *
 * <p>What went with its owner must not come back without one, since nothing would delete it any
 * more: a node that was taken out of the cluster lives on for a while, and what it writes meanwhile
 * would hold its pod CIDRs for ever. So it is remembered which objects had an owner.
 *
 * <p>Safe for use by several threads, which wait for the server.
 */
final class Owners<T extends ClusterObject> {

  /** Most objects that are remembered; those that were seen longest ago are forgotten first. */
  private static final int MAX_OWNED = 65_536;

  private final ApiClient client;
  private final ApiKind<T> kind;

  /** Keys of objects that had an owner when they were seen last; guarded by itself. */
  private final LinkedHashSet<String> owned = new LinkedHashSet<>();

  /** Nothing is remembered yet. */
  Owners(ApiClient client, ApiKind<T> kind) {
    this.client = client;
    this.kind = kind;
  }

  /** Reads an object, and takes note of whether it has an owner. */
  T read(ObjectNode object) {
    T value = kind.codec().read(object);
    if (kind.owner().filter(Owner::isNeededAgain).isPresent()) {
      boolean hasOwner = !Json.at(object, "metadata.ownerReferences").isEmpty();
      synchronized (owned) {
        owned.remove(value.key()); // Else it would keep its place among those seen long ago.
        if (hasOwner) {
          owned.add(value.key());
        }
        if (owned.size() > MAX_OWNED) {
          owned.removeFirst();
        }
      }
    }
    return value;
  }

  /**
   * Says in a new object who owns it, if that one is there.
   *
   * @throws ClusterStoreException if it is not, and the object went with it
   */
  void own(String key, ObjectNode object, Deadline deadline) throws ApiException {
    if (kind.owner().isEmpty()) {
      return;
    }
    Resource owner = kind.owner().get().resource();
    Optional<byte[]> found = client.get(kind.ownerPath(key).orElseThrow(), deadline);
    if (found.isPresent()) {
      ObjectNode there = Json.parse(found.get());
      Json.objectAt(object, "metadata")
          .putArray("ownerReferences")
          .addObject()
          .put("apiVersion", owner.apiVersion())
          .put("kind", owner.kind())
          .put("name", Json.text(there, "metadata.name").orElse(""))
          .put("uid", Json.text(there, "metadata.uid").orElse(""));
      return;
    }
    synchronized (owned) {
      if (owned.contains(key)) {
        throw new ClusterStoreException(
            kind.resource().plural()
                + "/"
                + key
                + ": not made again, since there is no "
                + owner.kind()
                + " of this name any more");
      }
    }
  }
}
