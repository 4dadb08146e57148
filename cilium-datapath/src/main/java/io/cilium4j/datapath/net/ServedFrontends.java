// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.spi.Row.FrontendKey;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * The frontends by which the kernel leads clients outside to backends, read from the table of
 * {@link NodePorts}, whichever process wrote it: so it is known what an earlier run served.
 *
 * <pre>
 *   map frontends4 {
 *     type ipv4_addr . inet_proto . inet_service : verdict
 *     elements = { 192.0.2.1 . tcp . 30080 : goto f4,
 *                  192.0.2.1 . udp . 30053 : goto f5 }
 *   }
 * </pre>
 */
public final class ServedFrontends {
  private static final List<String> MAPS = List.of("frontends4", "frontends6");

  private static final List<Protocol> PROTOCOLS =
      List.of(Protocol.TCP, Protocol.UDP, Protocol.SCTP);

  private static final Pattern ELEMENT =
      Pattern.compile("([0-9a-f.:]+) \\. ([a-z]+|\\d{1,3}) \\. (\\d{1,5}) : goto ");

  private ServedFrontends() {}

  /**
   * Those of an instance, in the network namespace of the thread that calls; none without table.
   */
  public static Set<FrontendKey> read(InstanceNames names, Nft nft) {
    Set<FrontendKey> all = new HashSet<>();
    for (String map : MAPS) {
      nft.listMap(NftTable.FAMILY, NodePorts.tableOf(names), map)
          .ifPresent(text -> all.addAll(parse(text)));
    }
    return all;
  }

  /** Those of a map as the program shows it. */
  static Set<FrontendKey> parse(String text) {
    Set<FrontendKey> all = new HashSet<>();
    ELEMENT.matcher(text).results().forEach(each -> key(each).ifPresent(all::add));
    return all;
  }

  /** A number stands for it where the machine has no list of protocols, as in small images. */
  private static boolean isShown(Protocol protocol, String text) {
    return text.equals(NodePorts.text(protocol))
        || text.equals(Integer.toString(protocol.number()));
  }

  /** Absent for what is no frontend: somebody else may have written into the map. */
  private static Optional<FrontendKey> key(MatchResult element) {
    int port = Integer.parseInt(element.group(3));
    Optional<IpAddress> address = IpAddress.tryParse(element.group(1));
    Optional<Protocol> protocol =
        PROTOCOLS.stream().filter(each -> isShown(each, element.group(2))).findFirst();
    return address.isEmpty() || protocol.isEmpty() || port < 1 || port > 65_535
        ? Optional.empty()
        : Optional.of(new FrontendKey(address.get(), port, protocol.get()));
  }
}
