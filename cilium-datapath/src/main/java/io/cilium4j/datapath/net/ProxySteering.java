// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.DatapathException;
import java.util.Comparator;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Leads what comes into a {@link ProxyNamespace} to the sockets of the proxy, without eBPF: a table
 * of nftables inside gives each packet to the connection that it is of, and a new connection or a
 * datagram to the socket of its family (TPROXY). Where none listens the namespace refuses.
 *
 * <p>Safe for use by several threads.
 */
public final class ProxySteering {

  private static final String TABLE = "cilium4j_proxy";

  private final Nft nft;
  private final ProxyNamespace namespace;

  /** The listeners' ports; guarded by this. */
  private final Map<Kind, Integer> ports = new TreeMap<>();

  /** What one socket takes. */
  record Kind(Protocol protocol, IpFamily family) implements Comparable<Kind> {
    private static final Comparator<Kind> ORDER =
        Comparator.comparing(Kind::protocol).thenComparing(Kind::family);

    @Override
    public int compareTo(Kind other) {
      return ORDER.compare(this, other);
    }
  }

  public ProxySteering(Nft nft, ProxyNamespace namespace) {
    this.nft = nft;
    this.namespace = namespace;
  }

  /**
   * Leads new connections, or datagrams, to a port from now on.
   *
   * @param protocol TCP or UDP
   * @throws DatapathException if the kernel cannot
   */
  public synchronized void lead(Protocol protocol, IpFamily family, int port) {
    ports.put(new Kind(protocol, family), port);
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
    Map<Kind, Integer> all = new TreeMap<>();
    for (IpFamily family : IpFamily.values()) {
      all.put(new Kind(Protocol.TCP, family), 1);
      all.put(new Kind(Protocol.UDP, family), 1);
    }
    nft.check(script(all));
  }

  static String script(Map<Kind, Integer> ports) {
    String chain = NftTable.FAMILY + " " + TABLE + " steer";
    var lines = new StringBuilder();
    lines.append("add table %s %s%n".formatted(NftTable.FAMILY, TABLE));
    lines.append(
        "add chain %s { type filter hook prerouting priority mangle; }%n".formatted(chain));
    lines.append("flush chain %s%n".formatted(chain));
    ports.forEach((kind, port) -> {
      boolean v4 = kind.family() == IpFamily.IPV4;
      lines.append(
          "add rule %s iifname \"%s\" meta nfproto %s meta l4proto %s tproxy %s to :%d%n"
              .formatted(
                  chain,
                  ProxyNamespace.INSIDE,
                  v4 ? "ipv4" : "ipv6",
                  kind.protocol().toString().toLowerCase(Locale.ROOT),
                  v4 ? "ip" : "ip6",
                  port));
    });
    return lines.toString();
  }
}
