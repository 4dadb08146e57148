// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.cluster.ClusterObject;
import io.cilium4j.k8s.store.Json;
import io.cilium4j.k8s.store.ObjectCodec;
import java.util.List;
import java.util.Optional;
import tools.jackson.databind.node.ObjectNode;

/**
 * How the objects of a kind lie in the API.
 *
 * @param resource where they are served
 * @param codec an object to JSON and back
 * @param namespace the one namespace that they all are in, so that their keys are names alone;
 *     empty where keys say it, or there is none
 * @param hasOwnStatus whether the server keeps the status apart, so that it is written by a request
 *     of its own
 * @param owner the kind of the object of the same key that owns each, so that the cluster deletes
 *     it when the owner goes; absent for none
 * @param clearable fields of the status that may be absent, by path: what is not said of them in a
 *     new status must go
 */
record ApiKind<T extends ClusterObject>(
    Resource resource,
    ObjectCodec<T> codec,
    String namespace,
    boolean hasOwnStatus,
    Optional<Owner> owner,
    List<String> clearable) {

  /**
   * Who owns objects.
   *
   * @param isNeededAgain whether an object that had an owner is made again only where there is one
   */
  record Owner(Resource resource, boolean isNeededAgain) {}

  ApiKind {
    clearable = List.copyOf(clearable);
  }

  /** The key of what the API calls by this {@code namespace/name}. */
  String key(String name) {
    return namespace.isEmpty() ? name : name.substring(name.indexOf('/') + 1);
  }

  /** The path of the object that owns that of this key. */
  Optional<String> ownerPath(String key) {
    return owner.map(
        each -> each.resource().path(namespaceOf(key), key.substring(key.indexOf('/') + 1)));
  }

  /** The path of an object. */
  String path(String key) {
    return resource.path(namespaceOf(key), key.substring(key.indexOf('/') + 1));
  }

  /** The path at which the status of an object is written. */
  String statusPath(String key) {
    return hasOwnStatus ? path(key) + "/status" : path(key);
  }

  /** The path at which an object is created. */
  String collection(String key) {
    return resource.path(namespaceOf(key));
  }

  private String namespaceOf(String key) {
    int slash = key.indexOf('/');
    return slash < 0 ? namespace : key.substring(0, slash);
  }

  /** Puts into a new document what its codec does not know of. */
  void prepare(String key, ObjectNode document) {
    if (!namespaceOf(key).isEmpty()) {
      Json.objectAt(document, "metadata").put("namespace", namespaceOf(key));
    }
  }

  /** Says of the fields that a status does not have that they are to go. */
  void clear(ObjectNode status) {
    for (String path : clearable) {
      int last = path.lastIndexOf('.');
      ObjectNode parent = last < 0 ? status : Json.objectAt(status, path.substring(0, last));
      String field = path.substring(last + 1);
      if (!parent.has(field)) {
        parent.putNull(field);
      }
    }
  }
}
