// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.service;

/** A service that is wrong, or that somebody else has; the message says which, in one line. */
public final class ServiceRefusedException extends ServiceException {
  private static final long serialVersionUID = 1L;

  /** Which part of a service is wrong. */
  public enum Part {
    /** Its number, address, port or protocol. */
    FRONTEND,
    /** What stands behind it. */
    BACKENDS
  }

  private final Part part;

  /** A service of which this part is wrong. */
  public ServiceRefusedException(Part part, String message) {
    super(message);
    this.part = part;
  }

  /** Which part is wrong. */
  public Part part() {
    return part;
  }
}
