// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Comparator;

/**
 * Which object of Kubernetes is meant.
 *
 * @param kind for example {@code CiliumNetworkPolicy}; never empty
 * @param namespace its namespace; empty for cluster scope
 * @param name its name; never empty
 */
public record ResourceKey(String kind, String namespace, String name)
    implements Comparable<ResourceKey> {

  private static final Comparator<ResourceKey> ORDER =
      Comparator.comparing(ResourceKey::kind)
          .thenComparing(ResourceKey::namespace)
          .thenComparing(ResourceKey::name);

  public ResourceKey {
    if (kind.isEmpty() || name.isEmpty()) {
      throw new IllegalArgumentException(
          "object " + kind + "/" + namespace + "/" + name + ": wanted a kind and a name");
    }
  }

  /** By kind, namespace, name. */
  @Override
  public int compareTo(ResourceKey other) {
    return ORDER.compare(this, other);
  }

  /** {@code kind/namespace/name}; without the middle part for cluster scope. */
  @Override
  public String toString() {
    return namespace.isEmpty() ? kind + "/" + name : kind + "/" + namespace + "/" + name;
  }
}
