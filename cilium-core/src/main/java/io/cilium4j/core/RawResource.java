// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An object of Kubernetes whose meaning is another module's matter, handed over as a tree: what
 * read the document once has read it for all.
 *
 * @param key which object
 * @param apiVersion group and version, for example {@code cilium.io/v2}
 * @param object the whole object. Its nodes are maps with texts as keys in the order in which they
 *     were written, lists, texts, truth values, null, and numbers ({@code Integer}, {@code Long},
 *     {@code BigInteger}, {@code BigDecimal}) as exact as they were written. Nobody changes it.
 * @param origin where it was read, for people: a file's name; empty where that says nothing
 */
public record RawResource(
    ResourceKey key, String apiVersion, Map<String, @Nullable Object> object, String origin) {

  /** An object of which nobody asks where it was read. */
  public RawResource(ResourceKey key, String apiVersion, Map<String, @Nullable Object> object) {
    this(key, apiVersion, object, "");
  }
}
