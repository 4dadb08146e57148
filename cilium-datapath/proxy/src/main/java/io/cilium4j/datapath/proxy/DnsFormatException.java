// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

/** A DNS message is not what RFC 1035 asks for. Without a stack: attackers cause it. */
final class DnsFormatException extends Exception {
  private static final long serialVersionUID = 1L;

  private final int rcode;

  /**
   * @param rcode what the client is answered; below 0 for nothing
   */
  DnsFormatException(String message, int rcode) {
    super(message, null, false, false);
    this.rcode = rcode;
  }

  /** What the client is answered; below 0 for nothing. */
  int rcode() {
    return rcode;
  }
}
