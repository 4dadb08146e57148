// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.demo;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** How nodes reach each other's pods. */
enum Routing {
  /** Through tunnels. */
  VXLAN,

  /** By routes: pods' packets travel as they are. */
  NATIVE;

  /** What an agent is told. */
  List<String> agentOptions() {
    return switch (this) {
      case VXLAN -> List.of("--routing-mode=tunnel", "--tunnel-protocol=vxlan");
      case NATIVE -> List.of("--routing-mode=native", "--auto-direct-node-routes=true");
    };
  }

  /** The one of this name, as {@link #toString} writes it. */
  static Routing named(String name) {
    return Arrays.stream(values())
        .filter(each -> each.toString().equals(name))
        .findFirst()
        .orElseThrow(
            () -> new DemoException("option --routing " + name + ": wanted native or vxlan"));
  }

  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
