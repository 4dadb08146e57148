// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

/** The demo cannot go on; the message is one line that says what and where. */
final class DemoException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  DemoException(String message) {
    super(message);
  }

  DemoException(String message, Throwable cause) {
    super(message, cause);
  }
}
