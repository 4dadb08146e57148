// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Two sets of nftables, one a family, of the addresses to which pods speak under their own. */
final class InsideSets {

  /** Link-local addresses, which are not translated unless somebody asks for it. */
  static final List<IpPrefix> LINK_LOCAL =
      List.of(IpPrefix.parse("169.254.0.0/16"), IpPrefix.parse("fe80::/10"));

  /** Never translated: multicast addresses, and the broadcast one. */
  private static final List<IpPrefix> NEVER =
      List.of(
          IpPrefix.parse("224.0.0.0/4"),
          IpPrefix.parse("255.255.255.255/32"),
          IpPrefix.parse("ff00::/8"));

  private InsideSets() {}

  /** The name of a family's set. */
  static String name(IpFamily family) {
    return family == IpFamily.IPV4 ? "inside4" : "inside6";
  }

  /**
   * What brings both sets about, whether or not they are there.
   *
   * @param owner the table, with its family
   * @param inside may overlap
   */
  static List<String> lines(String owner, Collection<IpPrefix> inside) {
    List<String> lines = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      String set = owner + " " + name(family);
      List<IpPrefix> all = new ArrayList<>(NEVER);
      all.addAll(inside);
      lines.addAll(setLines(set, family, all));
    }
    return lines;
  }

  /**
   * What brings a set of a family's prefixes about, whether or not it is there.
   *
   * @param set with its table
   * @param prefixes may overlap, and be of the other family
   */
  static List<String> setLines(String set, IpFamily family, Collection<IpPrefix> prefixes) {
    List<String> lines = new ArrayList<>(List.of(declaration(set, family), "flush set " + set));
    List<IpPrefix> elements = reduced(new TreeSet<>(prefixes), family);
    if (!elements.isEmpty()) {
      lines.add("add element " + set + " { " + joined(elements) + " }");
    }
    return lines;
  }

  /** Makes a set if there is none. */
  static String declaration(String set, IpFamily family) {
    String type = family == IpFamily.IPV4 ? "ipv4_addr" : "ipv6_addr";
    return "add set " + set + " { type " + type + "; flags interval; }";
  }

  private static String joined(List<IpPrefix> prefixes) {
    return prefixes.stream().map(IpPrefix::toString).collect(Collectors.joining(", "));
  }

  /** A family's prefixes without those that others contain: a set of intervals takes no overlap. */
  private static List<IpPrefix> reduced(SortedSet<IpPrefix> all, IpFamily family) {
    // Sorted, a prefix comes right before what it contains.
    List<IpPrefix> kept = new ArrayList<>();
    for (IpPrefix each : all) {
      if (each.family() == family && (kept.isEmpty() || !kept.getLast().contains(each))) {
        kept.add(each);
      }
    }
    return kept;
  }
}
