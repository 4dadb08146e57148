// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.spi;

/**
 * A store could not be asked, or did not answer; the message is one line that says which and why.
 * Of a write it is then unknown whether it was carried out, until its deadline.
 */
public class ClusterStoreException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ClusterStoreException(String message) {
    super(message);
  }

  public ClusterStoreException(String message, Throwable cause) {
    super(message, cause);
  }
}
