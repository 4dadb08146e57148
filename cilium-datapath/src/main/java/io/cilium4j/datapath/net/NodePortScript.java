// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.service.Backend;
import io.cilium4j.datapath.net.NftTable.Script;
import io.cilium4j.datapath.net.NodePorts.ExternalFrontend;
import io.cilium4j.datapath.net.NodePorts.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The table of {@link NodePorts} as the program reads it. */
final class NodePortScript {

  /** Who asks in vain is told so: TCP's way, and everybody else's. */
  private static final List<String> REFUSALS =
      List.of("meta l4proto tcp reject with tcp reset", "reject");

  private NodePortScript() {}

  /** What brings the table about, whether or not it is there. */
  static Script of(String table, Scope scope, BackendMaps maps) {
    String owner = NftTable.FAMILY + " " + table;
    List<String> lines = new ArrayList<>();
    lines.add("add table " + owner);
    List<IpPrefix> inside = new ArrayList<>(scope.pods());
    inside.addAll(scope.inside());
    inside.addAll(InsideSets.LINK_LOCAL);
    lines.addAll(InsideSets.lines(owner, inside));
    for (IpFamily family : IpFamily.values()) {
      lines.addAll(InsideSets.setLines(owner + " " + own(family), family, scope.pods()));
    }
    scope.frontends().stream()
        .filter(each -> !each.isRefused())
        .forEach(each -> lines.addAll(chain(owner, each, maps)));
    for (IpFamily family : IpFamily.values()) {
      lines.addAll(sets(owner, Family.of(family), scope));
    }
    lines.add(base(owner, "prerouting", "nat", "prerouting priority dstnat"));
    lines.add(base(owner, "output", "nat", "output priority -100"));
    lines.add(base(owner, "postrouting", "nat", "postrouting priority srcnat - 1"));
    lines.add(base(owner, "forward", "filter", "forward priority filter"));
    for (IpFamily each : IpFamily.values()) {
      Family family = Family.of(each);
      String asked = "%s daddr . meta l4proto . th dport".formatted(family.ip);
      String outside = asked + " @outside" + family.digit + " return";
      lines.add(
          "add rule %s prerouting %s saddr @%s %s".formatted(owner, family.ip, own(each), outside));
      lines.add("add rule %s output %s".formatted(owner, outside));
      for (String hook : List.of("prerouting", "output")) {
        lines.add(
            "add rule %s %s %s vmap @frontends%s".formatted(owner, hook, asked, family.digit));
      }
      for (String answer : REFUSALS) {
        lines.add(
            "add rule %s forward %s @refused%s %s".formatted(owner, asked, family.digit, answer));
      }
      lines.addAll(rest(owner, family));
      lines.addAll(source(owner, family, asked));
    }
    return new Script(String.join("\n", lines) + "\n", maps.definitions(owner));
  }

  /**
   * What becomes of packets that are for no frontend, but for the address of one. Those that belong
   * to no connection any more are no reason to end it.
   */
  private static List<String> rest(String owner, Family family) {
    String rule =
        "add rule %s forward %s daddr @addresses%s %s saddr != @%s "
            .formatted(owner, family.ip, family.digit, family.ip, own(family.family));
    List<String> lines = new ArrayList<>();
    lines.add(rule + "ct state invalid drop");
    REFUSALS.forEach(answer -> lines.add(rule + answer));
    return lines;
  }

  /** The set of the node's own pods. */
  private static String own(IpFamily family) {
    return family == IpFamily.IPV4 ? "own4" : "own6";
  }

  /** How one family is written. */
  private record Family(IpFamily family, String ip, String digit) {
    static Family of(IpFamily family) {
      return family == IpFamily.IPV4
          ? new Family(family, "ip", "4")
          : new Family(family, "ip6", "6");
    }

    boolean has(ExternalFrontend frontend) {
      return frontend.key().address().family() == family;
    }
  }

  private static String base(String owner, String chain, String type, String hook) {
    return """
    add chain %1$s %2$s { type %3$s hook %4$s; policy accept; }
    flush chain %1$s %2$s\
    """
        .formatted(owner, chain, type, hook);
  }

  /** The chain of a frontend. */
  private static List<String> chain(String owner, ExternalFrontend frontend, BackendMaps maps) {
    Family family = Family.of(frontend.key().address().family());
    String chain = owner + " " + frontend.chain();
    List<String> lines = new ArrayList<>();
    lines.add("add chain " + chain);
    lines.add("flush chain " + chain);
    String rule = "add rule " + chain + " ";
    List<IpPrefix> sources =
        frontend.sources().stream().filter(each -> each.family() == family.family).toList();
    if (frontend.backends().isEmpty() || (sources.isEmpty() && !frontend.sources().isEmpty())) {
      lines.add(rule + "drop");
      return lines;
    }
    if (!sources.isEmpty()) {
      String all = joined(sources.stream(), IpPrefix::toString);
      lines.add(rule + "%s saddr != { %s } drop".formatted(family.ip, all));
    }
    lines.add(
        rule
            + "meta l4proto %s dnat %s to %s"
                .formatted(frontend.protocol(), family.ip, target(frontend, family, maps)));
    return lines;
  }

  private static String target(ExternalFrontend frontend, Family family, BackendMaps maps) {
    List<Backend> backends = frontend.backends();
    return backends.size() == 1
        ? backends.getFirst().toString()
        : maps.choice(frontend, family.ip + " saddr");
  }

  /**
   * Frontends that lead somewhere, those that do not, those that are for others than the node's own
   * pods and processes, their addresses, and where they lead.
   */
  private static List<String> sets(String owner, Family family, Scope scope) {
    String type = (family.family == IpFamily.IPV4 ? "ipv4_addr" : "ipv6_addr");
    String place = type + " . inet_proto . inet_service";
    List<ExternalFrontend> all = scope.frontends().stream().filter(family::has).toList();
    List<String> lines = new ArrayList<>();
    lines.addAll(
        set(
            "map",
            owner + " frontends" + family.digit,
            place + " : verdict",
            all.stream()
                .filter(each -> !each.isRefused())
                .map(each -> each.element() + " : goto " + each.chain())));
    lines.addAll(
        set(
            "set",
            owner + " refused" + family.digit,
            place,
            all.stream()
                // What pods send to such an address passes, as what is for its other ports.
                .filter(each -> each.isRefused() && !each.isForOutsideOnly())
                .map(ExternalFrontend::element)));
    lines.addAll(
        set(
            "set",
            owner + " outside" + family.digit,
            place,
            all.stream()
                .filter(ExternalFrontend::isForOutsideOnly)
                .map(ExternalFrontend::element)));
    lines.addAll(
        set(
            "set",
            owner + " addresses" + family.digit,
            type,
            all.stream().map(each -> each.key().address().toString())));
    lines.addAll(
        set(
            "set",
            owner + " backends" + family.digit,
            place,
            all.stream().flatMap(each -> each.backends().stream().map(each::element))));
    return lines;
  }

  private static List<String> set(String kind, String name, String type, Stream<String> elements) {
    List<String> lines = new ArrayList<>();
    lines.add("add %s %s { type %s; }".formatted(kind, name, type));
    lines.add("flush %s %s".formatted(kind, name));
    String all = joined(elements.distinct(), Function.identity());
    if (!all.isEmpty()) {
      lines.add("add element %s { %s }".formatted(name, all));
    }
    return lines;
  }

  /**
   * The source of what was translated here. By addresses before and after: a translation of
   * somebody else's is left alone.
   */
  private static List<String> source(String owner, Family family, String asked) {
    String rule =
        "add rule %s postrouting ct status dnat ct original %s daddr @addresses%s %s @backends%s "
            .formatted(owner, family.ip, family.digit, asked, family.digit);
    List<String> lines = new ArrayList<>();
    lines.add(
        rule + "%s saddr @%s masquerade".formatted(family.ip, InsideSets.name(family.family)));
    lines.add(rule + "%s daddr @%s return".formatted(family.ip, own(family.family)));
    lines.add(rule + "masquerade");
    return lines;
  }

  private static <T> String joined(Stream<T> all, Function<T, String> text) {
    return all.map(text).collect(Collectors.joining(", "));
  }
}
