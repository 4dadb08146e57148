// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Drops what comes from a network with the address of somebody inside, for whomever it is, and
 * tells of it: a table of nftables, before anything else that the node's stack does with a packet,
 * whose log ({@code nfnetlink_log}) this reads.
 *
 * <p>The table outlives the process, and what it drops then is told to nobody. It is written on a
 * thread of this object's own, some milliseconds after it was asked for. Where there is no {@code
 * nft}, or the kernel lacks what it takes, the log says so and nothing is done.
 *
 * <p>Safe for use by several threads.
 */
final class ForgedSources implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(ForgedSources.class);

  /** {@code NFNL_SUBSYS_ULOG}, and its messages. */
  private static final int SUBSYSTEM = 4;

  private static final int MESSAGE_PACKET = SUBSYSTEM << 8;
  private static final int MESSAGE_CONFIG = SUBSYSTEM << 8 | 1;
  private static final int NLMSG_ERROR = 2;

  /** Size of {@code nfgenmsg}. */
  private static final int HEADER_BYTES = 4;

  /** Attributes of a packet. */
  private static final int NFULA_PAYLOAD = 9;

  private static final int NFULA_SEQ = 12;

  /** Attributes of the configuration, and what they are set to. */
  private static final int CFG_COMMAND = 1;

  private static final byte[] BIND = {1};
  private static final int CFG_MODE = 2;

  /** Of each packet so many bytes (be32): its IP header; then a copy mode and a byte of padding. */
  private static final byte[] COPY_HEADERS = {0, 0, 0, 64, 2, 0};

  private static final int CFG_TIMEOUT = 4;

  /** In hundredths of a second: so long packets wait for others, to be told together. */
  private static final int TIMEOUT = 10;

  private static final int CFG_FLAGS = 6;

  /** Packets are numbered, so that it is seen how many were not told. */
  private static final byte[] NUMBERED = {0, 1};

  /** Of the 65,536 groups of the log those that nobody chooses by hand. */
  private static final int FIRST_GROUP = 0x8000;

  private static final Duration PATIENCE = Duration.ofHours(1);

  private record Wanted(Set<String> devices, Set<IpPrefix> inside) {}

  private final NftTable table;
  private final int group;
  private final SourceGuard.Listener listener;
  private final NetlinkGroups log;
  private final Thread thread;

  /** What is to be written; guarded by this. */
  private @Nullable Wanted wanted;

  private boolean isToBeMended;

  private int nextNumber;
  private volatile boolean closed;

  /**
   * Follows the log in the calling thread's namespace; no table is written yet.
   *
   * @param owner a number that no other instance of the namespace has
   * @throws SystemCallException if the kernel has no such sockets
   */
  ForgedSources(Nft nft, InstanceNames names, int owner, SourceGuard.Listener listener) {
    this.table = new NftTable(nft, "cilium4j_" + names.instance() + "_forged");
    this.group = FIRST_GROUP | (owner & (FIRST_GROUP - 1));
    this.listener = listener;
    this.log = new NetlinkGroups(NetlinkSocket.NETLINK_NETFILTER, 0);
    this.thread =
        Thread.ofPlatform().name(names.instance() + "-forged").daemon().unstarted(this::run);
    thread.start();
  }

  /** Has what comes in by these devices from these addresses be dropped from now on. */
  void drop(Collection<String> devices, Set<IpPrefix> inside) {
    synchronized (this) {
      wanted = new Wanted(new TreeSet<>(devices), new TreeSet<>(inside));
    }
    log.wakeUp();
  }

  /** Has the table be written again if somebody changed it. */
  void mend() {
    synchronized (this) {
      isToBeMended = true;
    }
    log.wakeUp();
  }

  /** Removes the table and ends; to be called in the namespace. */
  void remove() {
    close();
    try {
      table.remove();
    } catch (DatapathException e) {
      LOG.warn("the table of forged sources stays error=\"{}\"", e.getMessage());
    }
  }

  /** Ends; the table stays. */
  @Override
  public void close() {
    synchronized (this) {
      if (closed) {
        return;
      }
      closed = true;
    }
    log.wakeUp();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    log.close();
  }

  private void run() {
    try {
      log.ask(configuration(group));
    } catch (SystemCallException e) {
      LOG.warn("forged sources are dropped and not told error=\"{}\"", e.getMessage());
    }
    while (!closed) {
      try {
        log.await(PATIENCE);
        write();
        log.receive(this::read);
      } catch (RuntimeException e) {
        LOG.warn("forged sources are not told error=\"{}\"", e.getMessage());
      }
    }
  }

  /** Has the packets of a group of the log sent to the socket that asks. */
  static NetlinkRequest configuration(int group) {
    return new NetlinkRequest(MESSAGE_CONFIG, NetlinkRequest.ACK, "NFULNL_MSG_CONFIG", "log")
        .u8(0)
        .u8(0)
        .u8(group >>> Byte.SIZE)
        .u8(group)
        .bytes(CFG_COMMAND, BIND)
        .bytes(CFG_MODE, COPY_HEADERS)
        .be32(CFG_TIMEOUT, TIMEOUT)
        .bytes(CFG_FLAGS, NUMBERED);
  }

  private void write() {
    Wanted next;
    boolean mends;
    synchronized (this) {
      next = wanted;
      wanted = null;
      mends = isToBeMended;
      isToBeMended = false;
    }
    try {
      if (next != null) {
        table.apply(name -> script(name, next.devices, next.inside, group));
      }
      if (mends && table.mend()) {
        LOG.warn("the table of forged sources was changed, and is as it was");
      }
    } catch (DatapathException e) {
      synchronized (this) {
        if (wanted == null) {
          wanted = next; // When it is mended next.
        }
      }
      LOG.warn(
          "forged sources are not told, and not kept from the node itself error=\"{}\"",
          e.getMessage());
    }
  }

  private void read(int type, ByteBuffer payload) {
    if (type == NLMSG_ERROR) {
      int error = payload.getInt(0);
      if (error != 0) {
        LOG.warn("forged sources are not told error=\"log group {}: errno {}\"", group, -error);
      }
    } else if (type == MESSAGE_PACKET) {
      var attributes = NetlinkAttributes.read(payload.position(HEADER_BYTES));
      ByteBuffer packet = attributes.get(NFULA_PAYLOAD).orElse(null);
      if (packet != null) {
        int number = Integer.reverseBytes(attributes.u32(NFULA_SEQ, 0));
        long untold = Integer.toUnsignedLong(number - nextNumber);
        nextNumber = number + 1;
        listener.dropped(packet.order(ByteOrder.BIG_ENDIAN), untold);
      }
    }
  }

  /** What brings the table about, whether or not it is there. */
  static String script(String table, Set<String> devices, Set<IpPrefix> inside, int group) {
    String owner = NftTable.FAMILY + " " + table;
    String chain = owner + " prerouting";
    List<String> lines = new ArrayList<>();
    lines.add("add table " + owner);
    // Before connections are tracked, and before anybody's own raw rules.
    lines.add(
        "add chain "
            + chain
            + " { type filter hook prerouting priority raw - 10; policy accept; }");
    lines.add("flush chain " + chain);
    for (IpFamily family : IpFamily.values()) {
      String set = family == IpFamily.IPV4 ? "inside4" : "inside6";
      String type = family == IpFamily.IPV4 ? "ipv4_addr" : "ipv6_addr";
      lines.add("add set " + owner + " " + set + " { type " + type + "; flags interval; }");
      lines.add("flush set " + owner + " " + set);
      List<IpPrefix> own = inside.stream().filter(each -> each.family() == family).toList();
      if (!own.isEmpty() && !devices.isEmpty()) {
        lines.add("add element %s %s { %s }".formatted(owner, set, joined(own)));
        lines.add(
            "add rule %s iifname { \"%s\" } %s saddr @%s log group %d snaplen 64 drop"
                .formatted(
                    chain,
                    String.join("\", \"", devices),
                    family == IpFamily.IPV4 ? "ip" : "ip6",
                    set,
                    group));
      }
    }
    return String.join("\n", lines) + "\n";
  }

  private static String joined(List<IpPrefix> prefixes) {
    return prefixes.stream().map(IpPrefix::toString).collect(Collectors.joining(", "));
  }
}
