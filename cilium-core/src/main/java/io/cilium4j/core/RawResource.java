// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/**
 * An object of Kubernetes whose meaning is another module's matter, handed over as text.
 *
 * @param key which object
 * @param apiVersion group and version, for example {@code cilium.io/v2}
 * @param json the whole object as one JSON document
 */
public record RawResource(ResourceKey key, String apiVersion, String json) {}
