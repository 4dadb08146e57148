// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

/** A service could not be put or removed as asked; the message is one line that says why. */
public class ServiceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With this reason. */
  public ServiceException(String message) {
    super(message);
  }
}
