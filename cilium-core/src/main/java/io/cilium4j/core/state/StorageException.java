// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core.state;

/** State cannot be kept over a restart; the message is one line that says what and why. */
public class StorageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public StorageException(String message, Throwable cause) {
    super(message, cause);
  }

  public StorageException(String message) {
    super(message);
  }
}
