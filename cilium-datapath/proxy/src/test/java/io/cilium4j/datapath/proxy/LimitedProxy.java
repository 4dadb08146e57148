// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.L7Rules.HttpRule;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** A proxy in a process of its own, in front of the server at a port; prints its own port. */
final class LimitedProxy {
  private LimitedProxy() {}

  /** Runs until its input ends. */
  public static void main(String[] args) throws IOException {
    var server = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(args[0]));
    try (var harness = new ProxyHarness(server, ProxyHarness.rules(HttpRule.ANY))) {
      System.out.println(harness.address().getPort());
      while (System.in.read() >= 0) {
        // Lives as long as its parent.
      }
    }
  }
}
