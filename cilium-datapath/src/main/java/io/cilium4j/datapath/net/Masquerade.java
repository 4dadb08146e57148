// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Has pods reach the outside under the node's address: a table of nftables of the instance's own,
 * by which the kernel translates the first packet of a connection and remembers it for the others.
 *
 * <pre>
 *   table inet cilium4j_INSTANCE {
 *     set inside4 { type ipv4_addr; flags interval; elements = { … } }
 *     chain postrouting {
 *       type nat hook postrouting priority srcnat; policy accept;
 *       oifname { "cilium_host", … } return
 *       ip saddr 10.0.1.0/24 ip daddr != @inside4 masquerade
 *     }
 *   }
 * </pre>
 *
 * <p>Each change is one transaction. The chain and the sets stay when their contents change: there
 * is no moment at which a new connection finds no rule, and connections keep the translation that
 * they began with. The kernel keeps the table when the process ends. Where the table is removed,
 * the kernel translates no more, and masqueraded connections end.
 *
 * <p>Safe for use by several threads, in the network namespace of the thread that calls.
 */
public final class Masquerade {

  /** One table has both families' rules. */
  private static final String FAMILY = "inet";

  /** Never translated: link-local and multicast addresses, and the broadcast one. */
  private static final List<IpPrefix> NEVER =
      List.of(
          IpPrefix.parse("169.254.0.0/16"),
          IpPrefix.parse("224.0.0.0/4"),
          IpPrefix.parse("255.255.255.255/32"),
          IpPrefix.parse("fe80::/10"),
          IpPrefix.parse("ff00::/8"));

  /**
   * What is translated.
   *
   * @param pods prefixes of the node's own pods whose packets are, for each family that is
   * @param inside where pods keep their addresses: prefixes of the cluster's pods, addresses of
   *     other nodes; may overlap
   */
  public record Scope(Collection<IpPrefix> pods, Collection<IpPrefix> inside) {
    public Scope {
      pods = List.copyOf(new TreeSet<>(pods));
      inside = List.copyOf(new TreeSet<>(inside));
    }
  }

  private final InstanceNames names;
  private final Nft nft;
  private @Nullable String written;

  /** The table as the program showed it after it was written. */
  private Optional<String> shown = Optional.empty();

  private boolean removed;

  /** Touches nothing yet. */
  public Masquerade(InstanceNames names, Nft nft) {
    this.names = names;
    this.nft = nft;
  }

  /**
   * Sees whether it can be done here; changes nothing.
   *
   * @throws DatapathException if not, with what the kernel or the program said
   */
  public void check(Scope scope) {
    // Under another name: what stands there may have to be replaced first.
    nft.check(script(table() + "_check", names, scope));
  }

  /**
   * Has this be translated from now on; leaves alone what is so already. Not after {@link #remove}.
   *
   * @throws DatapathException if it cannot; what was translated before is still
   */
  public synchronized void apply(Scope scope) {
    String script = script(table(), names, scope);
    if (!removed && !script.equals(written)) {
      write(script);
    }
  }

  private void write(String script) {
    try {
      nft.apply(script);
    } catch (DatapathException e) {
      // Somebody else, or another version, may have made something of these names and other kinds.
      try {
        nft.apply(removal() + script);
      } catch (DatapathException again) {
        e.addSuppressed(again);
        throw e;
      }
    }
    written = script;
    shown = nft.list(FAMILY, table());
  }

  /**
   * Writes the table again if somebody changed or removed it.
   *
   * @return whether it was so
   * @throws DatapathException if it cannot
   */
  public synchronized boolean mend() {
    String script = written;
    if (removed || script == null || nft.list(FAMILY, table()).equals(shown)) {
      return false;
    }
    // All of it: somebody's own rules among ours may say the contrary.
    nft.apply(removal() + script);
    shown = nft.list(FAMILY, table());
    return true;
  }

  /**
   * Removes the table, for good. No error if there is none.
   *
   * @throws DatapathException if it cannot
   */
  public synchronized void remove() {
    removed = true;
    nft.apply(removal());
  }

  private String table() {
    return "cilium4j_" + names.instance();
  }

  /** A table that is added may be there; so it can be deleted in any case. */
  private String removal() {
    return "add table %1$s %2$s\ndelete table %1$s %2$s\n".formatted(FAMILY, table());
  }

  /** What brings the table about, whether or not it is there. */
  static String script(String table, InstanceNames names, Scope scope) {
    String owner = FAMILY + " " + table;
    List<String> lines = new ArrayList<>();
    lines.add("add table " + owner);
    for (IpFamily family : IpFamily.values()) {
      String set = owner + " " + set(family);
      String type = family == IpFamily.IPV4 ? "ipv4_addr" : "ipv6_addr";
      lines.add("add set " + set + " { type " + type + "; flags interval; }");
      lines.add("flush set " + set);
      lines.add("add element " + set + " { " + joined(reduced(scope, family)) + " }");
    }
    String chain = owner + " postrouting";
    lines.add(
        "add chain " + chain + " { type nat hook postrouting priority srcnat; policy accept; }");
    lines.add("flush chain " + chain);
    // Not those of pods: what leaves by them is for a pod's address, which is inside.
    List<String> devices =
        List.of(names.hostDevice(), names.netDevice(), names.tunnelDevice(), names.proxyDevice());
    lines.add(
        "add rule " + chain + " oifname { \"" + String.join("\", \"", devices) + "\" } return");
    for (IpPrefix pods : scope.pods()) {
      String ip = pods.family() == IpFamily.IPV4 ? "ip" : "ip6";
      lines.add(
          "add rule %1$s %2$s saddr %3$s %2$s daddr != @%4$s masquerade"
              .formatted(chain, ip, pods, set(pods.family())));
    }
    return String.join("\n", lines) + "\n";
  }

  private static String joined(List<IpPrefix> prefixes) {
    return prefixes.stream().map(IpPrefix::toString).collect(Collectors.joining(", "));
  }

  private static String set(IpFamily family) {
    return family == IpFamily.IPV4 ? "inside4" : "inside6";
  }

  /** A family's prefixes without those that others contain: a set of intervals takes no overlap. */
  private static List<IpPrefix> reduced(Scope scope, IpFamily family) {
    // Sorted, a prefix comes right before what it contains.
    var all = new TreeSet<>(NEVER);
    all.addAll(scope.pods());
    all.addAll(scope.inside());
    List<IpPrefix> kept = new ArrayList<>();
    for (IpPrefix each : all) {
      if (each.family() == family && (kept.isEmpty() || !kept.getLast().contains(each))) {
        kept.add(each);
      }
    }
    return kept;
  }
}
