// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;

/**
 * A netlink socket that listens: the kernel sends it a message for each change in the multicast
 * groups that it joined, or for whatever else it was {@linkplain #ask asked} to tell. To join the
 * groups of routes needs no privilege.
 *
 * <p>One thread waits and receives; another may wake it up. Closed when no thread does either.
 */
final class NetlinkGroups implements AutoCloseable {

  /** A notification holds one object, and a device's with all it has stays below 8 KiB. */
  private static final int BUFFER_BYTES = 32_768;

  private static final int AF_NETLINK = 16;

  /** Where {@code sockaddr_nl} has the groups, one bit each. */
  private static final int GROUPS_OFFSET = 8;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment buffer = arena.allocate(BUFFER_BYTES, 8);
  private final ByteBuffer view = buffer.asByteBuffer().order(ByteOrder.nativeOrder());
  private final int fd;
  private final Poller poller;

  /** Is given each message: its type and what stands behind the header. */
  @FunctionalInterface
  interface Receiver {
    void accept(int type, ByteBuffer payload);
  }

  /** Opens a route socket in the calling thread's namespace. */
  NetlinkGroups(int groups) {
    this(NetlinkSocket.NETLINK_ROUTE, groups);
  }

  /** Opens a socket in the calling thread's namespace. */
  NetlinkGroups(int protocol, int groups) {
    fd = LibC.socket(AF_NETLINK, LibC.SOCK_RAW | LibC.SOCK_CLOEXEC, protocol);
    try {
      MemorySegment address = arena.allocate(12, 4);
      address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_NETLINK);
      address.set(ValueLayout.JAVA_INT, GROUPS_OFFSET, groups);
      LibC.bind(fd, address, "netlink groups");
      poller = new Poller();
      poller.add(fd, 0);
    } catch (RuntimeException | Error e) {
      LibC.close(fd);
      throw e;
    }
  }

  /** Sends a request; that it failed comes as a message. */
  void ask(NetlinkRequest request) {
    try (Arena own = Arena.ofConfined()) {
      LibC.send(fd, own.allocateFrom(ValueLayout.JAVA_BYTE, request.encode(0, 0)), 0);
    }
  }

  /** Waits until there is a message, {@link #wakeUp} is called, or the time is over. */
  void await(Duration timeout) {
    poller.poll(timeout);
  }

  /** Ends the wait of the other thread, or its next one. */
  void wakeUp() {
    poller.wakeUp();
  }

  /**
   * Hands over all messages that wait.
   *
   * @return false if the kernel had no room for some: what they said is lost
   * @throws IllegalArgumentException if one of them is malformed; those behind it stay to be read
   */
  boolean receive(Receiver receiver) {
    boolean isWhole = true;
    while (true) {
      try {
        long length = LibC.recv(fd, buffer, LibC.MSG_TRUNC | LibC.MSG_DONTWAIT);
        if (length > BUFFER_BYTES) {
          isWhole = false;
        } else {
          read((int) length, receiver);
        }
      } catch (SystemCallException e) {
        switch (e.errno()) {
          case Errno.EAGAIN -> {
            return isWhole;
          }
          case Errno.ENOBUFS -> isWhole = false;
          default -> throw e;
        }
      }
    }
  }

  private void read(int end, Receiver receiver) {
    int position = 0;
    while (end - position >= NetlinkRequest.HEADER_BYTES) {
      int length = view.getInt(position);
      if (length < NetlinkRequest.HEADER_BYTES || length > end - position) {
        throw new IllegalArgumentException("netlink message of " + length + " bytes");
      }
      receiver.accept(
          Short.toUnsignedInt(view.getShort(position + 4)),
          view.slice(position + NetlinkRequest.HEADER_BYTES, length - NetlinkRequest.HEADER_BYTES)
              .order(ByteOrder.nativeOrder()));
      position += NetlinkAttributes.align(length);
    }
  }

  @Override
  public void close() {
    poller.close();
    LibC.close(fd);
    arena.close();
  }
}
