// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.service.LoadBalancerAlgorithm;
import io.cilium4j.core.service.MaglevParameters;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.net.NftTable.Contents;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeSet;
import java.util.function.Function;
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
 *     chain prerouting { returns what own pods send to frontends of the outside only (@outside4)
 *                        ip daddr . meta l4proto . th dport vmap @frontends4 … }
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

  /**
   * What is served to the outside.
   *
   * @param frontends each key once
   * @param pods prefixes of the node's own pods, and addresses of those beyond; may overlap
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
   * @param isForOutsideOnly whether the node's own pods and processes are not led to it: what they
   *     send goes where the network leads it
   */
  public record ExternalFrontend(
      int number,
      FrontendKey key,
      List<Backend> backends,
      boolean hasAffinity,
      List<IpPrefix> sources,
      boolean isLocal,
      LoadBalancerAlgorithm algorithm,
      boolean isForOutsideOnly) {
    public ExternalFrontend {
      backends = backends.stream().sorted().toList();
      sources = List.copyOf(sources);
    }

    String chain() {
      return "f" + number;
    }

    boolean isRefused() {
      return backends.isEmpty() && !isLocal;
    }

    /** Address, protocol and port, as elements of a set are written. */
    String element() {
      return "%s . %s . %d".formatted(key.address(), protocol(), key.port());
    }

    String element(Backend backend) {
      return "%s . %s . %d".formatted(backend.address(), protocol(), backend.port());
    }

    String protocol() {
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
    this.table = new NftTable(nft, tableOf(names), reader);
  }

  /** The name of an instance's table. */
  static String tableOf(InstanceNames names) {
    return "cilium4j_" + names.instance() + "_nodeport";
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
                        algorithm,
                        true))
                .toList(),
            List.of(),
            List.of(),
            MaglevParameters.DEFAULT);
    table.checkScript(name -> NodePortScript.of(name, some, maps(some)));
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
    table.applyScript(name -> NodePortScript.of(name, scope, maps));
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

  /** The program's word for a protocol. */
  static String text(Protocol protocol) {
    return protocol.name().toLowerCase(Locale.ROOT);
  }
}
