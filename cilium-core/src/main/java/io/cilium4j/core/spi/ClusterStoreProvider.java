// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

import java.util.Map;

/** Opens a {@link ClusterStore}; found by {@link java.util.ServiceLoader}. */
@Experimental
public interface ClusterStoreProvider {

  /** The name under which configuration asks for it: {@code directory}, {@code api-server}. */
  String name();

  /**
   * Opens the store and begins to follow it.
   *
   * @param options the implementation's own, for example {@code path} of the directory
   * @throws ClusterStoreException if an option is wrong or missing, or the store cannot be used;
   *     one that cannot be reached yet is no error
   */
  ClusterStore open(Map<String, String> options);
}
