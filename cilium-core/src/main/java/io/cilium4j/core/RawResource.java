// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/**
 * An object of Kubernetes whose meaning is another module's matter, handed over as text.
 *
 * @param key which object
 * @param apiVersion group and version, for example {@code cilium.io/v2}
 * @param json the whole object as one JSON document
 * @param origin where it was read, for people: a file's name; empty where that says nothing
 */
public record RawResource(ResourceKey key, String apiVersion, String json, String origin) {

  /** An object of which nobody asks where it was read. */
  public RawResource(ResourceKey key, String apiVersion, String json) {
    this(key, apiVersion, json, "");
  }
}
