// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

/**
 * A kind of objects by where they are served.
 *
 * @param group the API group; empty for the core one
 * @param version of the group
 * @param plural the kind's name in paths
 * @param kind the kind, since the items of a list do not say it
 * @param isNamespaced whether each object belongs to a namespace
 */
public record Resource(
    String group, String version, String plural, String kind, boolean isNamespaced) {

  /** Group and version as objects have them. */
  public String apiVersion() {
    return group.isEmpty() ? version : group + "/" + version;
  }

  /** The path of all objects, of every namespace. */
  public String path() {
    return base() + "/" + plural;
  }

  /**
   * The path of all objects of a namespace.
   *
   * @param namespace empty for a kind that has none
   */
  public String path(String namespace) {
    return namespace.isEmpty() ? path() : base() + "/namespaces/" + namespace + "/" + plural;
  }

  /** The path of one object. */
  public String path(String namespace, String name) {
    return path(namespace) + "/" + name;
  }

  private String base() {
    return (group.isEmpty() ? "/api/" : "/apis/" + group + "/") + version;
  }
}
