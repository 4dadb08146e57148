// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RuleOrigin;
import java.net.InetAddress;

/**
 * A request that a filter refused, for the service's own log: the caller is told nothing of it.
 *
 * @param caller who asked
 * @param method the method
 * @param path the path with its query
 * @param host the authority; empty for none
 * @param rule the rule that denies it, or the first that it did not match
 */
public record Denial(InetAddress caller, String method, String path, String host, RuleOrigin rule) {

  /** Without user and password, if the path is a URL. */
  public Denial {
    path = Redaction.withoutUser(path);
  }

  /** One line for people. */
  @Override
  public String toString() {
    return method + " " + path + " of " + caller.getHostAddress() + " is denied: " + rule;
  }
}
