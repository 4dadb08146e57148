// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.bpf.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The connected UDP sockets of one network namespace, by the kernel's {@code sock_diag}. One may be
 * disconnected: whoever waits at it gets {@code ECONNABORTED}, and nothing more goes where it was
 * connected to.
 *
 * <pre>
 *   request  family u8 | protocol u8 | extensions u8 | pad u8 | states u32 | id
 *   answer   family u8 | state u8 | timer u8 | retransmits u8 | id | …
 *   id       source port be16 | destination port be16 | source be32[4] | destination be32[4]
 *            | device u32 | cookie u32[2], the lower half first
 * </pre>
 *
 * <p>Safe for use by several threads; requests go one at a time.
 */
public final class DatagramSockets implements AutoCloseable {

  private static final int NETLINK_SOCK_DIAG = 4;
  private static final int SOCK_DIAG_BY_FAMILY = 20;
  private static final int SOCK_DESTROY = 21;

  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int UDP = 17;

  /** {@code 1 << TCP_ESTABLISHED}: of UDP a socket that is connected. */
  private static final int CONNECTED = 1 << 1;

  private static final int ID_OFFSET = 4;
  private static final int ID_BYTES = 48;
  private static final int DESTINATION_PORT = 2;
  private static final int DESTINATION = 20;
  private static final int COOKIE = 40;
  private static final int ADDRESS_BYTES = 16;

  /** What stands before an IPv4 address that an IPv6 socket speaks to. */
  private static final byte[] MAPPED = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1};

  private final NetlinkSocket socket;

  private DatagramSockets(NetlinkSocket socket) {
    this.socket = socket;
  }

  /** Opens the namespace of the calling thread. */
  public static DatagramSockets open() {
    return new DatagramSockets(new NetlinkSocket(NETLINK_SOCK_DIAG));
  }

  /** A connected socket. */
  public static final class Connected {
    private final int family;
    private final byte[] id;
    private final IpAddress peer;

    private Connected(int family, byte[] id) {
      this.family = family;
      this.id = id;
      byte[] address = Arrays.copyOfRange(id, DESTINATION, DESTINATION + ADDRESS_BYTES);
      boolean mapped = Arrays.equals(address, 0, MAPPED.length, MAPPED, 0, MAPPED.length);
      if (family == AF_INET) {
        peer = IpAddress.ofBytes(Arrays.copyOf(address, 4));
      } else if (mapped) {
        peer = IpAddress.ofBytes(Arrays.copyOfRange(address, MAPPED.length, ADDRESS_BYTES));
      } else {
        peer = IpAddress.ofBytes(address);
      }
    }

    /** Whom it speaks to. */
    public IpAddress peer() {
      return peer;
    }

    /** The port there. */
    public int peerPort() {
      return Short.toUnsignedInt(ByteBuffer.wrap(id).getShort(DESTINATION_PORT));
    }

    /** The number by which the kernel's programs know it ({@code bpf_get_socket_cookie}). */
    public long cookie() {
      ByteBuffer words = ByteBuffer.wrap(id).order(ByteOrder.nativeOrder());
      return Integer.toUnsignedLong(words.getInt(COOKIE))
          | (long) words.getInt(COOKIE + Integer.BYTES) << 32;
    }
  }

  /** All of both families. */
  public List<Connected> list() {
    List<Connected> all = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      int number = family == IpFamily.IPV4 ? AF_INET : AF_INET6;
      all.addAll(
          socket.dump(
              request(SOCK_DIAG_BY_FAMILY, "SOCK_DIAG", number, new byte[ID_BYTES]),
              DatagramSockets::decode));
    }
    return all;
  }

  /**
   * Disconnects a socket.
   *
   * @return false if it is gone already
   * @throws NetlinkException if the kernel cannot ({@code CONFIG_INET_DIAG_DESTROY})
   */
  public boolean disconnect(Connected connected) {
    try {
      socket.execute(request(SOCK_DESTROY, "SOCK_DESTROY", connected.family, connected.id));
      return true;
    } catch (NetlinkException e) {
      if (e.errno() == Errno.ENOENT) {
        return false;
      }
      throw e;
    }
  }

  private static NetlinkRequest request(int type, String name, int family, byte[] id) {
    NetlinkRequest request = new NetlinkRequest(type, 0, name, "UDP sockets");
    request.u8(family).u8(UDP).u8(0).u8(0).u32(CONNECTED);
    for (byte each : id) {
      request.u8(each);
    }
    return request;
  }

  private static @Nullable Connected decode(ByteBuffer message) {
    var id = new byte[ID_BYTES];
    message.get(ID_OFFSET, id);
    return new Connected(message.get(0), id);
  }

  @Override
  public void close() {
    socket.close();
  }
}
