// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

/** What became of one key of a {@link Table} since the reader last looked. */
public sealed interface Change<K, V> {

  /** The row's key. */
  K key();

  /** The revision at which it happened. */
  long revision();

  /** The row is new or has another value. */
  record Put<K, V>(K key, V value, long revision) implements Change<K, V> {}

  /**
   * The row is gone. A reader may be told so of a row that came and went between two looks, which
   * it may have heard of elsewhere: carrying out a removal must be no error when there is nothing
   * to remove.
   *
   * @param last the value it had
   * @param revision the one of the removal, or a later one where that is forgotten
   */
  record Removed<K, V>(K key, V last, long revision) implements Change<K, V> {}
}
