// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import java.io.IOException;

/** A file that stands for kernel state (a sysctl, a namespace's name) could not be used. */
public final class NetException extends DatapathException {
  private static final long serialVersionUID = 1L;

  NetException(String what, IOException cause) {
    super(what + ": " + reason(cause), cause);
  }

  /** The JDK's exceptions name the file alone where the reason is in their type. */
  private static String reason(IOException cause) {
    String message = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    return cause.getClass().getSimpleName() + " " + message;
  }
}
