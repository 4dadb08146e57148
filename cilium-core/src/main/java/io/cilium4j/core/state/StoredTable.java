// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

/**
 * A table whose rows outlive the process: a row counts once it is stored.
 *
 * <p>Safe for use by several threads.
 *
 * @param <K> the key
 * @param <V> the value
 */
public interface StoredTable<K, V> {

  /** The rows, those that an earlier process stored included. */
  Table<K, V> table();

  /**
   * Puts a row.
   *
   * @return whether it is new
   * @throws StorageException if it cannot be stored; then nothing changes
   */
  boolean put(K key, V value);

  /**
   * Removes a row; false if there is none.
   *
   * @throws StorageException if that cannot be stored; then the row stays
   */
  boolean delete(K key);
}
