// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

/**
 * A row of a {@link Table}.
 *
 * @param key unique in the table
 * @param value what the writer put there; must not change any more
 * @param revision the table's revision at which it was put there
 */
public record Row<K, V>(K key, V value, long revision) {}
