// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

/**
 * Codec of nftables messages: {@code nfgenmsg} (family u8, version u8, resource u16) and the
 * attributes of linux/netfilter/nf_tables.h, whose numbers are in the byte order of the network.
 *
 * <p>Changes are only of tables of the family {@code netdev} and their base chains at a device's
 * ingress: the first place at which the kernel may drop a frame, right behind the packet sockets.
 * What is listed is of the family {@code inet}.
 */
final class NftMessages {

  private static final int SUBSYSTEM = 10;
  private static final int NEWTABLE = 0;
  private static final int GETTABLE = 1;
  private static final int DELTABLE = 2;
  private static final int NEWCHAIN = 3;
  private static final int DELCHAIN = 5;

  /** {@code NFPROTO_NETDEV}, {@code NFPROTO_INET}. */
  private static final int FAMILY = 5;

  private static final int INET = 1;

  private static final int TABLE_NAME = 1;
  private static final int CHAIN_TABLE = 1;
  private static final int CHAIN_NAME = 3;
  private static final int CHAIN_HOOK = 4;
  private static final int CHAIN_POLICY = 5;
  private static final int CHAIN_TYPE = 7;
  private static final int HOOK_NUMBER = 1;
  private static final int HOOK_PRIORITY = 2;
  private static final int HOOK_DEVICE = 3;

  /** {@code NF_NETDEV_INGRESS}, {@code NF_DROP}, and before all others' chains. */
  private static final int INGRESS = 0;

  private static final int DROP = 0;
  private static final int FIRST = Integer.MIN_VALUE;

  private NftMessages() {}

  /** Makes a table; no error if it is there. */
  static NetlinkRequest addTable(String table) {
    return change(NEWTABLE, NetlinkRequest.CREATE, "NFT_MSG_NEWTABLE", "table " + table)
        .text(TABLE_NAME, table);
  }

  /** Asks for a table; ENOENT if there is none. */
  static NetlinkRequest getTable(String table) {
    return header(
            new NetlinkRequest(SUBSYSTEM << 8 | GETTABLE, 0, "NFT_MSG_GETTABLE", "table " + table))
        .text(TABLE_NAME, table);
  }

  /** Removes a table with its chains. */
  static NetlinkRequest deleteTable(String table) {
    return change(DELTABLE, 0, "NFT_MSG_DELTABLE", "table " + table).text(TABLE_NAME, table);
  }

  /** Asks for something of the family {@code inet}, by its number {@code NFT_MSG_GET…}. */
  static NetlinkRequest list(int message, String name, String object) {
    return new NetlinkRequest(SUBSYSTEM << 8 | message, 0, name, object).u8(INET).u8(0).u16(0);
  }

  /** Makes a chain that drops all that comes in by a device; EEXIST if there is one. */
  static NetlinkRequest addDroppingChain(String table, String device) {
    NetlinkRequest request =
        change(
                NEWCHAIN,
                NetlinkRequest.CREATE | NetlinkRequest.EXCLUSIVE,
                "NFT_MSG_NEWCHAIN",
                "chain of device " + device)
            .text(CHAIN_TABLE, table)
            .text(CHAIN_NAME, device);
    int hook = request.begin(CHAIN_HOOK);
    return request
        .be32(HOOK_NUMBER, INGRESS)
        .be32(HOOK_PRIORITY, FIRST)
        .text(HOOK_DEVICE, device)
        .end(hook)
        .be32(CHAIN_POLICY, DROP)
        .text(CHAIN_TYPE, "filter");
  }

  /** Removes a device's chain. */
  static NetlinkRequest deleteChain(String table, String device) {
    return change(DELCHAIN, 0, "NFT_MSG_DELCHAIN", "chain of device " + device)
        .text(CHAIN_TABLE, table)
        .text(CHAIN_NAME, device);
  }

  private static NetlinkRequest change(int message, int flags, String name, String object) {
    return header(new NetlinkRequest(SUBSYSTEM << 8 | message, flags, name, object))
        .inBatch(SUBSYSTEM);
  }

  private static NetlinkRequest header(NetlinkRequest request) {
    return request.u8(FAMILY).u8(0).u16(0);
  }
}
