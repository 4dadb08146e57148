// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * How a {@link Reconciler} brings its target in line. Every operation is idempotent: carried out
 * twice it leaves what once leaves, and it may be tried again after it failed half way.
 *
 * <p>A target that takes several changes at once overrides {@link #applyBatch}. One that takes them
 * all or none tries the whole batch first and, when that fails, calls this interface's own form, so
 * that one bad row does not hold up the others.
 */
public interface Operations<K, V> {

  /** Makes the target hold the row. */
  void update(K key, V value) throws Exception;

  /** Makes the target not hold the row; no error if it does not. */
  void delete(K key, V last) throws Exception;

  /** Removes everything from the target that is not among these rows. */
  void prune(Snapshot<K, V> desired) throws Exception;

  /**
   * Carries out several changes, in this order.
   *
   * @return why the failed ones failed, by key; empty when all were carried out
   */
  default Map<K, Exception> applyBatch(List<Change<K, V>> changes) {
    var failures = new HashMap<K, Exception>();
    for (Change<K, V> change : changes) {
      try {
        switch (change) {
          case Change.Put<K, V> put -> update(put.key(), put.value());
          case Change.Removed<K, V> removed -> delete(removed.key(), removed.last());
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        failures.put(change.key(), e);
      } catch (Exception e) {
        failures.put(change.key(), e);
      }
    }
    return failures;
  }
}
