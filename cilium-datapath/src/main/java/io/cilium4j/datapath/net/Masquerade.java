// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

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

  /**
   * What is translated.
   *
   * @param pods prefixes of the node's own pods whose packets are, for each family that is
   * @param inside where pods keep their addresses: prefixes of the cluster's pods, addresses of
   *     other nodes; may overlap
   * @param excluded where they keep them, too, as the configuration of an ip-masq-agent says: all
   *     of it, so that link-local addresses are translated which it does not name; may overlap.
   *     Absent without such a configuration
   */
  public record Scope(
      Collection<IpPrefix> pods,
      Collection<IpPrefix> inside,
      Optional<? extends Collection<IpPrefix>> excluded) {
    public Scope {
      pods = List.copyOf(new TreeSet<>(pods));
      inside = List.copyOf(new TreeSet<>(inside));
      excluded = excluded.map(each -> List.copyOf(new TreeSet<>(each)));
    }

    /** Without the configuration of an ip-masq-agent. */
    public Scope(Collection<IpPrefix> pods, Collection<IpPrefix> inside) {
      this(pods, inside, Optional.empty());
    }
  }

  /** A set of excluded prefixes in the table's text, and its elements. */
  private static final Pattern EXCLUDED =
      Pattern.compile("(?m)^\\s*set ipmasq[46] \\{$([^{}]*(?:\\{([^}]*)\\})?)");

  private final InstanceNames names;
  private final NftTable table;

  /** Touches nothing yet. */
  public Masquerade(InstanceNames names, Nft nft) {
    this.names = names;
    this.table = new NftTable(nft, "cilium4j_" + names.instance());
  }

  /**
   * Sees whether it can be done here; changes nothing.
   *
   * @throws DatapathException if not, with what the kernel or the program said
   */
  public void check(Scope scope) {
    table.check(name -> script(name, names, scope));
  }

  /**
   * Has this be translated from now on; leaves alone what is so already. Not after {@link #remove}.
   *
   * @throws DatapathException if it cannot; what was translated before is still
   */
  public void apply(Scope scope) {
    table.apply(name -> script(name, names, scope));
  }

  /**
   * Writes the table again if somebody changed or removed it.
   *
   * @return whether it was so
   * @throws DatapathException if it cannot
   */
  public boolean mend() {
    return table.mend();
  }

  /**
   * Removes the table, for good. No error if there is none.
   *
   * @throws DatapathException if it cannot
   */
  public void remove() {
    table.remove();
  }

  /**
   * What the kernel excludes as the configuration of an ip-masq-agent says; absent where there is
   * none in force.
   */
  public Optional<List<IpPrefix>> excluded() {
    List<MatchResult> sets = table.text().stream().flatMap(Masquerade::excludedSets).toList();
    return sets.isEmpty()
        ? Optional.empty()
        : Optional.of(
            sets.stream()
                .map(set -> Objects.requireNonNullElse(set.group(2), ""))
                .flatMap(elements -> Stream.of(elements.split("[,\\s]+")))
                .filter(element -> !element.isEmpty())
                .map(IpPrefix::parseLenient)
                .sorted()
                .toList());
  }

  private static Stream<MatchResult> excludedSets(String text) {
    return EXCLUDED.matcher(text).results();
  }

  /** What brings the table about, whether or not it is there. */
  static String script(String table, InstanceNames names, Scope scope) {
    String owner = NftTable.FAMILY + " " + table;
    List<String> lines = new ArrayList<>();
    lines.add("add table " + owner);
    List<IpPrefix> inside = new ArrayList<>(scope.pods());
    inside.addAll(scope.inside());
    if (scope.excluded().isEmpty()) {
      inside.addAll(InsideSets.LINK_LOCAL);
    }
    lines.addAll(InsideSets.lines(owner, inside));
    scope
        .excluded()
        .ifPresent(excluded -> {
          for (IpFamily family : IpFamily.values()) {
            lines.addAll(InsideSets.setLines(excludedSet(owner, family), family, excluded));
          }
        });
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
      String among =
          scope.excluded().isEmpty()
              ? ""
              : "%s daddr != @%s ".formatted(ip, excludedName(pods.family()));
      lines.add(
          "add rule %1$s %2$s saddr %3$s %2$s daddr != @%4$s %5$smasquerade"
              .formatted(chain, ip, pods, InsideSets.name(pods.family()), among));
    }
    if (scope.excluded().isEmpty()) {
      // Of an earlier configuration; nothing refers to them any more.
      for (IpFamily family : IpFamily.values()) {
        String set = excludedSet(owner, family);
        lines.add(InsideSets.declaration(set, family));
        lines.add("delete set " + set);
      }
    }
    return String.join("\n", lines) + "\n";
  }

  private static String excludedSet(String owner, IpFamily family) {
    return owner + " " + excludedName(family);
  }

  private static String excludedName(IpFamily family) {
    return family == IpFamily.IPV4 ? "ipmasq4" : "ipmasq6";
  }
}
