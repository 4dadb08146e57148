// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import io.cilium4j.core.cluster.ClusterObject;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * An object to JSON and back, in the form that Kubernetes has of it. Fields that we do not know
 * stay as they are when an object is written over.
 */
public interface ObjectCodec<T extends ClusterObject> {

  /** The kind, for example {@code CiliumNode}. */
  String kind();

  /** Group and version, for example {@code cilium.io/v2}. */
  String apiVersion();

  /** The kind's name in paths, for example {@code ciliumnodes}. */
  String plural();

  /** Whether an object must outlive a power failure that comes right after it was written. */
  boolean isDurable();

  /**
   * Reads an object whose kind is right.
   *
   * @throws IllegalArgumentException if it is none; the message says where and what
   */
  T read(JsonNode document);

  /** Writes an object over {@code document}, which has its kind already. */
  void write(T value, ObjectNode document);

  /** The object with the status of another of the same key. */
  T withStatus(T object, T status);
}
