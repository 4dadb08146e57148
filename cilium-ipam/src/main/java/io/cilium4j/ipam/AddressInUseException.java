// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.ipam;

import io.cilium4j.core.spi.IpamException;

/** An address is somebody's already; the message says whose. */
public final class AddressInUseException extends IpamException {
  private static final long serialVersionUID = 1L;

  public AddressInUseException(String message) {
    super(message);
  }
}
