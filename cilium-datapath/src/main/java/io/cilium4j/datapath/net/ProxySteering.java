// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathException;
import java.util.EnumMap;
import java.util.Map;

/**
 * Leads what comes into a {@link ProxyNamespace} to the sockets of the proxy, without eBPF: a table
 * of nftables inside gives each packet to the connection that it is of, and a new connection to the
 * listener of its family (TPROXY). Where none listens the namespace refuses.
 *
 * <p>Safe for use by several threads.
 */
public final class ProxySteering {

  private static final String TABLE = "cilium4j_proxy";

  private final Nft nft;
  private final ProxyNamespace namespace;

  /** The listeners' ports; guarded by this. */
  private final Map<IpFamily, Integer> ports = new EnumMap<>(IpFamily.class);

  public ProxySteering(Nft nft, ProxyNamespace namespace) {
    this.nft = nft;
    this.namespace = namespace;
  }

  /**
   * Leads new connections to a port from now on.
   *
   * @throws DatapathException if the kernel cannot
   */
  public synchronized void lead(IpFamily family, int port) {
    ports.put(family, port);
    String script = script(ports);
    namespace
        .netns()
        .call(() -> {
          nft.apply(script);
          return nft;
        });
  }

  /**
   * Sees whether the kernel can, in the calling thread's namespace; changes nothing.
   *
   * @throws DatapathException if not
   */
  public static void check(Nft nft) {
    nft.check(script(Map.of(IpFamily.IPV4, 1, IpFamily.IPV6, 1)));
  }

  static String script(Map<IpFamily, Integer> ports) {
    String chain = NftTable.FAMILY + " " + TABLE + " steer";
    var lines = new StringBuilder();
    lines.append("add table %s %s%n".formatted(NftTable.FAMILY, TABLE));
    lines.append(
        "add chain %s { type filter hook prerouting priority mangle; }%n".formatted(chain));
    lines.append("flush chain %s%n".formatted(chain));
    ports.forEach((family, port) -> {
      boolean v4 = family == IpFamily.IPV4;
      lines.append(
          "add rule %s iifname \"%s\" meta nfproto %s meta l4proto tcp tproxy %s to :%d%n"
              .formatted(
                  chain, ProxyNamespace.INSIDE, v4 ? "ipv4" : "ipv6", v4 ? "ip" : "ip6", port));
    });
    return lines.toString();
  }
}
