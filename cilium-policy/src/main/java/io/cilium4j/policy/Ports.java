// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.L7Rules;
import io.cilium4j.core.Protocol;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One item of {@code toPorts}: ports, and what is asked of the traffic to them.
 *
 * @param ports the ports; an empty list matches nothing
 * @param serverNames the TLS server names that may be asked for; empty for no such condition
 * @param listener the proxy's listener to send the traffic to
 * @param terminatingTls the secret with which a proxy ends the client's TLS
 * @param originatingTls the secret with which a proxy begins TLS to the server
 * @param rules what the requests must look like
 */
public record Ports(
    List<Port> ports,
    List<String> serverNames,
    @Nullable Listener listener,
    @Nullable Secret terminatingTls,
    @Nullable Secret originatingTls,
    L7Rules rules) {

  /** Most ports of one item, and most fields of one ICMP item. */
  public static final int MAX_ITEMS = 40;

  public Ports {
    ports = List.copyOf(ports);
    serverNames = List.copyOf(serverNames);
    Objects.requireNonNull(rules, "rules");
  }

  /** Just ports. */
  static Ports of(List<Port> ports) {
    return new Ports(ports, List.of(), null, null, null, L7Rules.none());
  }

  /**
   * A port, a range of ports or a port by name.
   *
   * @param name the container port's name; empty where the port is a number
   * @param first the first port, 0 for every port
   * @param last the last port; equal to {@code first} for one
   * @param protocol the protocol; {@code ANY} stands for TCP, UDP and SCTP
   */
  public record Port(String name, int first, int last, Protocol protocol) {
    public Port {
      if (first < 0 || last > 0xffff || last < first || (!name.isEmpty() && last != 0)) {
        throw new IllegalArgumentException(
            "port " + name + first + "-" + last + ": wanted 0 to 65535, or a name alone");
      }
    }
  }

  /**
   * An ICMP type.
   *
   * @param family which ICMP
   * @param type its number, 0 to 65535; 0 means every type of IPv4's
   */
  public record Icmp(IpFamily family, int type) {}

  /**
   * A listener of the proxy.
   *
   * @param configKind kind of the object that defines it
   * @param configName name of that object
   * @param name its name in there
   * @param priority 1 (strongest) to 100; 0 where none is given
   */
  public record Listener(String configKind, String configName, String name, int priority) {}

  /** A Kubernetes secret and the names of files in it, as canonical JSON. */
  public record Secret(String json) {}
}
