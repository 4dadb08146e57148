// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/** Who told of a prefix. */
public record IPListEntryMetadata(String source, String namespace, String name) {
  public IPListEntryMetadata {
    source = Absent.text(source);
    namespace = Absent.text(namespace);
    name = Absent.text(name);
  }
}
