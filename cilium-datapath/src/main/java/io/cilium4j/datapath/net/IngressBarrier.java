// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the node's stack deaf for devices: what comes in by them is seen by packet sockets and by
 * nobody else, whatever its addresses. It is an nftables chain a device, in a table of the
 * instance's name, and works in a user namespace too.
 *
 * <p>It outlives the process, as the devices do. A kernel without nftables is told of in the log,
 * once, and nothing is made.
 *
 * <p>Safe for use by several threads.
 */
public final class IngressBarrier implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(IngressBarrier.class);

  /** What a kernel says that lacks netfilter, nftables, the family of devices, or their chains. */
  private static final Set<Integer> ABSENT =
      Set.of(Errno.EINVAL, Errno.EPROTONOSUPPORT, Errno.EOPNOTSUPP, Errno.EAFNOSUPPORT);

  private final String table;

  /** Null where the kernel lacks what it takes; guarded by this. */
  private @Nullable NetlinkSocket socket;

  /** Opens the barrier of an instance in the calling thread's namespace; nothing is made yet. */
  public IngressBarrier(InstanceNames names) {
    this.table = names.pinFolder();
    try {
      this.socket = new NetlinkSocket(NetlinkSocket.NETLINK_NETFILTER);
    } catch (SystemCallException e) {
      giveUpIfAbsent(e);
    }
  }

  /**
   * Shuts a device; no change if it is shut.
   *
   * @return whether the kernel can
   * @throws NetlinkException if the device is gone, or the kernel refuses
   */
  public synchronized boolean shut(String device) {
    if (socket == null) {
      return false;
    }
    try {
      socket.execute(NftMessages.addTable(table));
      unless(socket, Errno.EEXIST, NftMessages.addDroppingChain(table, device));
      return true;
    } catch (NetlinkException e) {
      giveUpIfAbsent(e);
      return false;
    }
  }

  private void giveUpIfAbsent(SystemCallException e) {
    if (!ABSENT.contains(e.errno())) {
      throw e;
    }
    close();
    LOG.warn(
        "no nftables here: devices' settings alone keep pods' frames from the node error=\"{}\"",
        e.getMessage());
  }

  /** Lets the stack hear a device again; no error if it was not shut, or is gone. */
  public synchronized void open(String device) {
    if (socket != null) {
      unless(socket, Errno.ENOENT, NftMessages.deleteChain(table, device));
    }
  }

  /** Removes all of it. */
  public synchronized void remove() {
    if (socket != null) {
      unless(socket, Errno.ENOENT, NftMessages.deleteTable(table));
    }
  }

  /** Whether there is something of it. */
  synchronized boolean exists() {
    return socket != null && unless(socket, Errno.ENOENT, NftMessages.getTable(table));
  }

  /** Lets go of the kernel; what was made stays. */
  @Override
  public synchronized void close() {
    if (socket != null) {
      socket.close();
      socket = null;
    }
  }

  /** Carries out a request; false, and no error, if the kernel answers with {@code expected}. */
  private static boolean unless(NetlinkSocket socket, int expected, NetlinkRequest request) {
    try {
      socket.execute(request);
      return true;
    } catch (NetlinkException e) {
      if (e.errno() == expected) {
        return false;
      }
      throw e;
    }
  }
}
