// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.util.Objects;

/**
 * Which object of the cluster a policy is.
 *
 * @param kind the Kubernetes kind, for example {@code CiliumNetworkPolicy}
 * @param namespace its namespace; empty for cluster scope
 * @param name its name
 */
public record ResourceName(String kind, String namespace, String name)
    implements Comparable<ResourceName> {

  public ResourceName {
    Objects.requireNonNull(kind, "kind");
    Objects.requireNonNull(namespace, "namespace");
    Objects.requireNonNull(name, "name");
  }

  /** Whether the object belongs to no namespace. */
  public boolean isClusterScoped() {
    return namespace.isEmpty();
  }

  /** Whether the name is that of a list of plain rules, which nobody's namespace bounds. */
  boolean isPlainRules() {
    return kind.equals(CiliumPolicy.RULES_KIND);
  }

  /** {@code kind/namespace/name}, as rule origins spell it. */
  public String slashed() {
    return namespace.isEmpty() ? kind + "/" + name : kind + "/" + namespace + "/" + name;
  }

  /** By kind, then namespace, then name. */
  @Override
  public int compareTo(ResourceName other) {
    int byKind = kind.compareTo(other.kind);
    if (byKind != 0) {
      return byKind;
    }
    int byNamespace = namespace.compareTo(other.namespace);
    return byNamespace != 0 ? byNamespace : name.compareTo(other.name);
  }

  /** {@code kind namespace/name}, for people. */
  @Override
  public String toString() {
    return namespace.isEmpty() ? kind + " " + name : kind + " " + namespace + "/" + name;
  }
}
