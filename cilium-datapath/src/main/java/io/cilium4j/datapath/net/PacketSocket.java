// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Sends and receives the Ethernet frames of one device, from user space; {@code AF_PACKET}.
 *
 * <p>A socket sees what <em>comes in</em> by the device, not what leaves it. On the host's end of a
 * veth that is what the endpoint sent, and what is sent here is what the endpoint receives. The
 * frames are copies: the kernel's own stack sees them as well, so a device that is forwarded in
 * user space stands in a namespace, or has settings, in which the stack does nothing with them.
 *
 * <p>Frames between veths are not finished: their checksums are partial, and one frame may be many
 * TCP segments (GSO). The socket passes that on beside the frame, see {@link FrameBatch}.
 *
 * <p>Any thread may use a socket, each with its own batch. Close it when no thread uses it any
 * more.
 */
public final class PacketSocket implements AutoCloseable {

  private static final int AF_PACKET = 17;

  /** {@code ETH_P_ALL} in the order of the network. */
  private static final short ETH_P_ALL_BE =
      (short) (ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? 0x0300 : 0x0003);

  private static final int SOL_PACKET = 263;
  private static final int PACKET_AUXDATA = 8;
  private static final int PACKET_VNET_HDR = 15;
  private static final int PACKET_IGNORE_OUTGOING = 23;

  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDBUFFORCE = 32;
  private static final int SO_RCVBUFFORCE = 33;
  private static final int SO_SNDBUF = 7;
  private static final int SO_RCVBUF = 8;

  /** What may wait in the kernel in each direction: 64 frames of 64 KiB. */
  private static final int BUFFER_BYTES = 64 * 65_536;

  /** {@code sockaddr_ll}: family u16, protocol u16 of the network, index i32, and 12 bytes more. */
  private static final int ADDRESS_BYTES = 20;

  private final int ifindex;
  private volatile int fd;

  private PacketSocket(int ifindex, int fd) {
    this.ifindex = ifindex;
    this.fd = fd;
  }

  /** Opens a device of the calling thread's namespace; it need not be up yet. */
  public static PacketSocket open(int ifindex) {
    // Protocol 0 until it is bound: else it would receive the frames of all devices meanwhile.
    int fd = LibC.socket(AF_PACKET, LibC.SOCK_RAW | LibC.SOCK_CLOEXEC, 0);
    try (Arena arena = Arena.ofConfined()) {
      LibC.setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
      LibC.setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, 1);
      LibC.setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
      enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
      enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
      MemorySegment address = arena.allocate(ADDRESS_BYTES, 4);
      address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_PACKET);
      address.set(ValueLayout.JAVA_SHORT, 2, ETH_P_ALL_BE);
      address.set(ValueLayout.JAVA_INT, 4, ifindex);
      LibC.bind(fd, address, "packet socket to device " + ifindex);
      return new PacketSocket(ifindex, fd);
    } catch (RuntimeException | Error e) {
      LibC.close(fd);
      throw e;
    }
  }

  /** Opens a device of another namespace. */
  public static PacketSocket open(Netns netns, int ifindex) {
    return netns.call(() -> open(ifindex));
  }

  /** Index of the device, in its namespace. */
  public int ifindex() {
    return ifindex;
  }

  /**
   * Receives what is there, without waiting: frames 0 to the result, the last not included. A
   * device that went down or away gives 0.
   */
  public int receive(FrameBatch batch) {
    while (true) {
      int result = batch.receive(descriptor());
      if (result >= 0) {
        return result;
      }
      switch (-result) {
        case Errno.EAGAIN, Errno.ENETDOWN -> {
          return 0;
        }
        case Errno.EINTR, Errno.EINVAL -> {
          // EINVAL: a frame of a segmentation that this kernel cannot describe, now dropped.
        }
        default -> throw failed("recvmmsg", -result);
      }
    }
  }

  /**
   * Sends frames {@code from} to {@code to}, the last not included, without waiting. A frame that
   * the kernel does not take (queue full, device down, too long) is dropped, as on a wire.
   *
   * @return how many were taken
   */
  public int send(FrameBatch batch, int from, int to) {
    int taken = 0;
    int next = from;
    while (next < to) {
      int result = batch.send(descriptor(), next, to);
      if (result > 0) {
        taken += result;
        next += result;
      } else {
        switch (-result) {
          case Errno.EINTR -> {}
          case Errno.EAGAIN, Errno.ENOBUFS, Errno.EMSGSIZE, Errno.EINVAL -> next++;
          case Errno.ENETDOWN, Errno.ENXIO, Errno.ENODEV -> {
            return taken;
          }
          default -> throw failed("sendmmsg", -result);
        }
      }
    }
    return taken;
  }

  @Override
  public synchronized void close() {
    if (fd >= 0) {
      int open = fd;
      fd = -1;
      LibC.close(open);
    }
  }

  /** The descriptor, for waiting. */
  int descriptor() {
    int open = fd;
    if (open < 0) {
      throw new IllegalStateException("packet socket of device " + ifindex + " is closed");
    }
    return open;
  }

  private SystemCallException failed(String call, int errno) {
    return new SystemCallException(call, "on packet socket of device " + ifindex, errno);
  }

  /** Beyond the system's limit only the host's CAP_NET_ADMIN can go; else up to that limit. */
  private static void enlarge(int fd, int forced, int limited) {
    try {
      LibC.setsockopt(fd, SOL_SOCKET, forced, BUFFER_BYTES);
    } catch (SystemCallException e) {
      if (e.errno() != Errno.EPERM) {
        throw e;
      }
      LibC.setsockopt(fd, SOL_SOCKET, limited, BUFFER_BYTES);
    }
  }
}
