// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.Traffic.Pair;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Routing;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import java.io.PrintStream;

/**
 * One TCP connection between pods of two nodes: through our tunnel beside one through a VXLAN made
 * by hand, and by our direct routes beside plain routes. Each node is a namespace, joined to the
 * other by a pair of devices.
 */
final class NodesBenchmark {
  private NodesBenchmark() {}

  static void run(PrintStream out) {
    var table =
        new Table("TCP between pods of two nodes", "by hand", "ours", "ratio", "95 % interval");
    var tunnel = Routing.through(new Tunnel(Tunnel.DEFAULT_PORT, IpFamily.IPV4));
    compare(table, "VXLAN, ", tunnel);
    compare(table, "routes, ", Routing.DIRECT);
    table.print(out);
  }

  private static void compare(Table table, String what, Routing routing) {
    try (var ours = new NodePair("o");
        var theirs = new NodePair("t")) {
      Pair own = ours.withDatapath(routing);
      Pair plain = theirs.byHand(routing);
      Traffic.compare(table, what, plain, own);
    }
  }
}
