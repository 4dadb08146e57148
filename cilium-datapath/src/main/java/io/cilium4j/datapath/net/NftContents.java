// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.net.NftTable.Contents;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Asks the kernel itself what a table has. The program {@code nft} reads and prints each element of
 * each map; here the elements of maps that nobody can change are left out, and all else is a sum of
 * hashes:
 *
 * <pre>
 *   table | chains | rules | sets and maps | elements of those that are not constant
 * </pre>
 *
 * <p>A sum, since the kernel lists elements in any order. What is listed has a handle, which is
 * never used again: what was replaced by its like is seen as well.
 */
final class NftContents {

  /** {@code NFT_MSG_GET…}. */
  private static final int GETTABLE = 1;

  private static final int GETCHAIN = 4;
  private static final int GETRULE = 7;
  private static final int GETSET = 10;
  private static final int GETSETELEM = 13;

  /** The first attribute of each message: the name of its table. */
  private static final int TABLE = 1;

  private static final int RULE_CHAIN = 2;
  private static final int CHAIN_NAME = 3;
  private static final int SET_NAME = 2;
  private static final int SET_FLAGS = 3;
  private static final int ELEMENTS = 3;

  /** {@code NFT_SET_ANONYMOUS}, {@code NFT_SET_CONSTANT}, {@code NFT_SET_MAP}. */
  private static final int ANONYMOUS = 1;

  private static final int CONSTANT = 2;
  private static final int MAP = 8;

  /** {@code nfgenmsg}, whose last half is the number of the ruleset's last change. */
  private static final int HEADER_BYTES = 4;

  /** A chain, rule, set or list of elements. */
  private record Part(String name, int flags, long hash) {
    boolean has(int flag) {
      return (flags & flag) != 0;
    }
  }

  private final NetlinkSocket socket;
  private final String table;
  private final MessageDigest digest;
  private long sum;

  private NftContents(NetlinkSocket socket, String table) {
    this.socket = socket;
    this.table = table;
    try {
      this.digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // Every Java has it.
    }
  }

  /**
   * What the kernel has of a table, in the namespace of the thread that calls; empty for none.
   *
   * @throws DatapathException if the kernel does not say
   */
  static Optional<Contents> read(String table) {
    try (var socket = new NetlinkSocket(NetlinkSocket.NETLINK_NETFILTER)) {
      return Optional.of(new NftContents(socket, table).read());
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENOENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private Contents read() {
    socket
        .get(request(GETTABLE, "NFT_MSG_GETTABLE"), payload -> part(GETTABLE, TABLE, payload))
        .ifPresent(each -> sum += each.hash);
    Set<String> chains = new TreeSet<>();
    all(GETCHAIN, "NFT_MSG_GETCHAIN", CHAIN_NAME).forEach(each -> chains.add(each.name));
    all(GETRULE, "NFT_MSG_GETRULE", RULE_CHAIN);
    Set<String> constants = new TreeSet<>();
    for (Part set : all(GETSET, "NFT_MSG_GETSET", SET_NAME)) {
      if (!set.has(ANONYMOUS | CONSTANT)) {
        elements(set.name);
      } else if (!set.has(ANONYMOUS) && set.has(MAP)) {
        constants.add(set.name);
      }
    }
    return new Contents(Long.toHexString(sum), chains, constants);
  }

  private NetlinkRequest request(int message, String name) {
    return NftMessages.list(message, name, "table " + table).text(TABLE, table);
  }

  private List<Part> all(int message, String name, int nameAttribute) {
    List<Part> parts =
        socket.dump(request(message, name), payload -> part(message, nameAttribute, payload));
    parts.forEach(each -> sum += each.hash);
    return parts;
  }

  /** Null for another table's. */
  private @Nullable Part part(int message, int nameAttribute, ByteBuffer payload) {
    payload.position(payload.position() + HEADER_BYTES);
    NetlinkAttributes attributes = NetlinkAttributes.read(payload);
    if (!attributes.text(TABLE).equals(table)) {
      return null;
    }
    int flags =
        message == GETSET
            ? attributes.get(SET_FLAGS).map(each -> each.duplicate().getInt()).orElse(0)
            : 0;
    return new Part(attributes.text(nameAttribute), flags, hash("" + message, payload));
  }

  private void elements(String set) {
    NetlinkRequest request =
        NftMessages.list(GETSETELEM, "NFT_MSG_GETSETELEM", "set " + set)
            .text(TABLE, table)
            .text(SET_NAME, set);
    for (Part each : socket.dump(request, payload -> elements(set, payload))) {
      sum += each.hash;
    }
  }

  private Part elements(String set, ByteBuffer payload) {
    payload.position(payload.position() + HEADER_BYTES);
    List<ByteBuffer> list =
        NetlinkAttributes.read(payload)
            .get(ELEMENTS)
            .map(NetlinkAttributes::list)
            .orElse(List.of());
    return new Part(set, 0, list.stream().mapToLong(each -> hash(set, each)).sum());
  }

  /** The first eight bytes of a hash of something. */
  private long hash(String of, ByteBuffer bytes) {
    digest.update(of.getBytes(StandardCharsets.UTF_8));
    digest.update(bytes.duplicate());
    return ByteBuffer.wrap(digest.digest()).getLong();
  }
}
