// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.api.model;

/**
 * Where a service is reached.
 *
 * @param protocol one of {@code tcp}, {@code udp}, {@code any}
 * @param scope one of {@code external}, {@code internal}
 */
public record FrontendAddress(String ip, String protocol, String scope, int port) {
  public FrontendAddress {
    ip = Absent.text(ip);
    protocol = Absent.text(protocol);
    scope = Absent.text(scope);
  }
}
