// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.net.NftTable.Contents;
import io.cilium4j.datapath.net.NftTable.Script;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Has those outside of the cluster reach services at the node: a table of nftables of the
 * instance's own, by which the kernel exchanges a frontend's address for a backend's in the first
 * packet of a connection, and remembers it for the others.
 *
 * <pre>
 *   table inet cilium4j_INSTANCE_nodeport {
 *     map frontends4 { type ipv4_addr . inet_proto . inet_service : verdict
 *                      elements = { 192.0.2.1 . tcp . 30080 : goto f7 } }
 *     chain f7 { meta l4proto tcp dnat ip to numgen random mod 2 map @b… }
 *     chain prerouting { ip daddr . meta l4proto . th dport vmap @frontends4 … }
 *     chain output     { the same, for processes of the node }
 *     chain postrouting { under the node's address where the answer would not come back else }
 *     chain forward    { refuses what nothing stands behind }
 *   }
 * </pre>
 *
 * <p>What is still for a frontend's address when it is forwarded is none of the frontend's: at the
 * node's own addresses it is the node's, and at others the node would send it back to the network,
 * which would send it here again. It is refused, unless a pod of the node sends it, which the
 * network may lead to somebody else.
 *
 * <p>A client outside keeps its address where the backend is a pod of this node. Else it appears
 * under the node's, so that answers come back by this node; so does a client in the cluster, whose
 * answers would take a shorter way.
 *
 * <p>With Maglev a hash of the client's address and port leads into a constant map of backends
 * ({@link BackendMaps}). The frontend's own address is no part of it: whichever address of
 * whichever node a client asks, its flow gets the same backend.
 *
 * <p>A look-up of a frontend costs the same however many there are; a change writes all of them,
 * but for the constant maps.
 *
 * <p>Safe for use by several threads, in the network namespace of the thread that calls.
 */
public final class NodePorts {

  /** Who asks in vain is told so: TCP's way, and everybody else's. */
  private static final List<String> REFUSALS =
      List.of("meta l4proto tcp reject with tcp reset", "reject");

  /**
   * What is served to the outside.
   *
   * @param frontends each key once
   * @param pods prefixes of the node's own pods
   * @param inside prefixes of the cluster's pods, and addresses of other nodes; may overlap
   * @param maglev the shape of Maglev tables
   */
  public record Scope(
      Collection<ExternalFrontend> frontends,
      Collection<IpPrefix> pods,
      Collection<IpPrefix> inside,
      MaglevParameters maglev) {
    public Scope {
      frontends =
          frontends.stream().sorted(Comparator.comparingInt(ExternalFrontend::number)).toList();
      pods = List.copyOf(new TreeSet<>(pods));
      inside = List.copyOf(new TreeSet<>(inside));
    }
  }

  /**
   * A frontend that clients outside ask.
   *
   * @param number the frontend's own
   * @param backends those that take new connections; of one family with the key
   * @param hasAffinity whether a client keeps its backend while the backends stay the same
   * @param sources prefixes whose addresses are served, others are dropped; empty for everybody
   * @param isLocal whether it has backends of this node only: without one it is silent, and others
   *     are asked
   * @param algorithm how a client's backend is chosen
   */
  public record ExternalFrontend(
      int number,
      FrontendKey key,
      List<Backend> backends,
      boolean hasAffinity,
      List<IpPrefix> sources,
      boolean isLocal,
      LoadBalancerAlgorithm algorithm) {
    public ExternalFrontend {
      backends = backends.stream().sorted().toList();
      sources = List.copyOf(sources);
    }

    private String chain() {
      return "f" + number;
    }

    private boolean isRefused() {
      return backends.isEmpty() && !isLocal;
    }

    /** Address, protocol and port, as elements of a set are written. */
    private String element() {
      return "%s . %s . %d".formatted(key.address(), protocol(), key.port());
    }

    private String element(Backend backend) {
      return "%s . %s . %d".formatted(backend.address(), protocol(), backend.port());
    }

    private String protocol() {
      return text(key.protocol());
    }
  }

  private final NftTable table;

  /** Touches nothing yet. */
  public NodePorts(InstanceNames names, Nft nft) {
    this(names, nft, NftContents::read);
  }

  /** One that another than the kernel of this thread's namespace is asked about. */
  NodePorts(InstanceNames names, Nft nft, Function<String, Optional<Contents>> reader) {
    this.table = new NftTable(nft, "cilium4j_" + names.instance() + "_nodeport", reader);
  }

  /**
   * Sees whether it can be done here, and what an earlier process left; changes nothing.
   *
   * @param algorithm the one that takes more of the kernel, of those that frontends will have
   * @throws DatapathException if not, with what the kernel or the program said
   */
  public void check(LoadBalancerAlgorithm algorithm) {
    Scope some =
        new Scope(
            Stream.of("192.0.2.1", "2001:db8::1")
                .map(IpAddress::parse)
                .map(address ->
                    new ExternalFrontend(
                        address.isV4() ? 4 : 6,
                        new FrontendKey(address, 1, Protocol.TCP),
                        List.of(Backend.active(address, 1), Backend.active(address, 2)),
                        // What it takes to choose by the port as well is more.
                        algorithm == LoadBalancerAlgorithm.RANDOM,
                        List.of(IpPrefix.host(address)),
                        false,
                        algorithm))
                .toList(),
            List.of(),
            List.of(),
            MaglevParameters.DEFAULT);
    table.checkScript(name -> script(name, some, maps(some)));
    table.takeOver();
  }

  /** Whether an earlier process left the table. */
  public boolean isThere() {
    return table.isThere();
  }

  /**
   * Has this be served from now on; leaves alone what is so already. Not after {@link #remove}.
   *
   * @return what is not as it is wanted though all is served, in a line for people; empty if all is
   * @throws DatapathException if it cannot; what was served before is still
   */
  public String apply(Scope scope) {
    BackendMaps maps = maps(scope);
    table.applyScript(name -> script(name, scope, maps));
    return maps.problem();
  }

  private static BackendMaps maps(Scope scope) {
    return new BackendMaps(scope.frontends(), scope.maglev());
  }

  /** The Maglev tables that the kernel has: each slot's backend, by the number of a frontend. */
  public SortedMap<Integer, List<Backend>> maglevTables() {
    return MaglevListing.read(table.text().orElse(""));
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

  /** What brings the table about, whether or not it is there. */
  static Script script(String table, Scope scope, BackendMaps maps) {
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
      for (String hook : List.of("prerouting", "output")) {
        lines.add(
            "add rule %s %s %s vmap @frontends%s".formatted(owner, hook, asked, family.digit));
      }
      for (String answer : REFUSALS) {
        lines.add(
            "add rule %s forward %s @refused%s %s".formatted(owner, asked, family.digit, answer));
      }
      lines.addAll(rest(owner, family));
      lines.addAll(source(owner, family, asked, scope));
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

  /** The program's word for a protocol. */
  static String text(Protocol protocol) {
    return protocol.name().toLowerCase(Locale.ROOT);
  }

  /** Frontends that lead somewhere, those that do not, their addresses, and where they lead. */
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
            all.stream().filter(ExternalFrontend::isRefused).map(ExternalFrontend::element)));
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
  private static List<String> source(String owner, Family family, String asked, Scope scope) {
    String rule =
        "add rule %s postrouting ct status dnat ct original %s daddr @addresses%s %s @backends%s "
            .formatted(owner, family.ip, family.digit, asked, family.digit);
    List<String> lines = new ArrayList<>();
    lines.add(
        rule + "%s saddr @%s masquerade".formatted(family.ip, InsideSets.name(family.family)));
    scope.pods().stream()
        .filter(each -> each.family() == family.family)
        .forEach(each -> lines.add(rule + "%s daddr %s return".formatted(family.ip, each)));
    lines.add(rule + "masquerade");
    return lines;
  }

  private static <T> String joined(Stream<T> all, Function<T, String> text) {
    return all.map(text).collect(Collectors.joining(", "));
  }
}
