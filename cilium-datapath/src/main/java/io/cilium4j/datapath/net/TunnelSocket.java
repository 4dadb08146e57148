// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import io.cilium4j.datapath.net.Segmenter.Segment;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The tunnel to other nodes, from user space: VXLAN (RFC 7348) by a UDP socket, for nodes whose
 * tunnel is this or the kernel's device. The key says whose a packet is.
 *
 * <pre>
 *   datagram   flags u8, 8 | 24 bits | key u24 | 8 bits | Ethernet frame
 * </pre>
 *
 * <p>What goes in is finished first: checksums are filled in, and merged segments cut up. The
 * kernel is given those of one frame at once (UDP_SEGMENT, Linux 4.18), one by one if it refuses.
 *
 * <p>For one thread at a time.
 */
public final class TunnelSocket implements AutoCloseable {

  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int SOCK_DGRAM = 2;
  private static final int SOL_SOCKET = 1;
  private static final int SO_SNDBUF = 7;
  private static final int SO_RCVBUF = 8;
  private static final int IPPROTO_IP = 0;
  private static final int IPPROTO_IPV6 = 41;
  private static final int IP_MTU_DISCOVER = 10;
  private static final int IPV6_MTU_DISCOVER = 23;
  private static final int IPV6_V6ONLY = 26;

  /** {@code IP_PMTUDISC_DONT}: as the kernel's device, outer packets may be fragmented. */
  private static final int MAY_BE_FRAGMENTED = 0;

  private static final int SOL_UDP = 17;
  private static final int UDP_NO_CHECK6_RX = 102;
  private static final int UDP_SEGMENT = 103;
  private static final int BUFFER_BYTES = 4 << 20;

  /** Datagrams of one call. */
  private static final int MAX_DATAGRAMS = 64;

  private static final int MAX_DATAGRAM_BYTES = 65_507;
  private static final int SLOT_BYTES = 65_536;

  /** {@code UDP_MAX_SEGMENTS} of older kernels. */
  private static final int MAX_SEGMENTS = 64;

  private static final int VXLAN_BYTES = 8;
  private static final int ETHERNET_BYTES = 14;
  private static final int HAS_KEY = 0x08;
  private static final int FLAGS_OF_KEY = HAS_KEY << 24;
  private static final int KEY = 4;

  /** {@code sockaddr_in6}, and where the parts of it and of {@code sockaddr_in} are. */
  private static final int ADDRESS_BYTES = 28;

  private static final int PORT = 2;
  private static final int ADDRESS_V4 = 4;
  private static final int ADDRESS_V6 = 8;

  /** {@code CMSG_SPACE} and {@code CMSG_LEN} of two bytes. */
  private static final int CONTROL_BYTES = 24;

  private static final long CONTROL_LENGTH = 18;

  private final Tunnel tunnel;
  private final int fd;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment slots = LibC.allocateLazily((long) SLOT_BYTES * MAX_DATAGRAMS, arena);
  private final MemorySegment names = arena.allocate((long) ADDRESS_BYTES * MAX_DATAGRAMS, 8);
  private final MemorySegment received = arena.allocate(FrameBatch.MMSGHDR, MAX_DATAGRAMS);
  private final MemorySegment datagram = arena.allocate(SLOT_BYTES);
  private final ByteBuffer out = datagram.asByteBuffer();
  private final MemorySegment iovec = arena.allocate(FrameBatch.IOVEC);
  private final MemorySegment name = arena.allocate(ADDRESS_BYTES, 8);
  private final MemorySegment control = arena.allocate(CONTROL_BYTES, 8);
  private final MemorySegment sent = arena.allocate(FrameBatch.MMSGHDR);
  private final MemorySegment errnoSlot = LibC.errnoSlot(arena);
  private final IpAddress[] senders = new IpAddress[MAX_DATAGRAMS];
  private final int[] keys = new int[MAX_DATAGRAMS];

  /** Whether the kernel takes segments together. */
  private boolean segments = true;

  private TunnelSocket(Tunnel tunnel, int fd) {
    this.tunnel = tunnel;
    this.fd = fd;
    Arrays.fill(senders, IpAddress.parse("::"));
    MemorySegment iovecs = arena.allocate(FrameBatch.IOVEC, MAX_DATAGRAMS);
    for (int i = 0; i < MAX_DATAGRAMS; i++) {
      FrameBatch.point(received, iovecs, i, slots.asSlice((long) i * SLOT_BYTES, SLOT_BYTES));
      received.set(
          ValueLayout.ADDRESS,
          message(i, "msg_name"),
          names.asSlice((long) i * ADDRESS_BYTES, ADDRESS_BYTES));
    }
    FrameBatch.point(sent, iovec, 0, datagram);
    sent.set(ValueLayout.ADDRESS, message(0, "msg_name"), name);
    sent.set(ValueLayout.ADDRESS, message(0, "msg_control"), control);
    control.set(ValueLayout.JAVA_LONG, 0, CONTROL_LENGTH);
    control.set(ValueLayout.JAVA_INT, 8, SOL_UDP);
    control.set(ValueLayout.JAVA_INT, 12, UDP_SEGMENT);
  }

  /**
   * Listens in the calling thread's namespace.
   *
   * @throws io.cilium4j.core.spi.DatapathException if another device or socket has the port
   */
  public static TunnelSocket open(Tunnel tunnel) {
    boolean v4 = tunnel.underlay() == IpFamily.IPV4;
    int fd = LibC.socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | LibC.SOCK_CLOEXEC, 0);
    try (Arena own = Arena.ofConfined()) {
      LibC.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
      LibC.setsockopt(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
      if (v4) {
        LibC.setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, MAY_BE_FRAGMENTED);
      } else {
        LibC.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        LibC.setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, MAY_BE_FRAGMENTED);
        // The kernel's device sends none: the inner packet has its own.
        LibC.setsockopt(fd, SOL_UDP, UDP_NO_CHECK6_RX, 1);
      }
      MemorySegment everywhere = own.allocate(v4 ? 16 : ADDRESS_BYTES, 8);
      everywhere.set(ValueLayout.JAVA_SHORT, 0, (short) (v4 ? AF_INET : AF_INET6));
      putPort(everywhere, tunnel.port());
      LibC.bind(fd, everywhere, "UDP port " + tunnel.port());
      return new TunnelSocket(tunnel, fd);
    } catch (RuntimeException | Error e) {
      LibC.close(fd);
      if (e instanceof SystemCallException failed && failed.errno() == Errno.EADDRINUSE) {
        throw TunnelDevice.portTaken(tunnel.port(), failed);
      }
      throw e;
    }
  }

  private static void putPort(MemorySegment address, int port) {
    address.set(ValueLayout.JAVA_BYTE, PORT, (byte) (port >>> 8));
    address.set(ValueLayout.JAVA_BYTE, PORT + 1, (byte) port);
  }

  private static long message(int index, String field) {
    return index * FrameBatch.MMSGHDR.byteSize() + FrameBatch.offset(field);
  }

  int descriptor() {
    return fd;
  }

  /**
   * Receives what is there, without waiting: frames 0 to the result, the last not included; of
   * length 0 where a datagram holds none.
   *
   * @param batch with room for at least 64
   */
  public int receive(FrameBatch batch) {
    for (int i = 0; i < MAX_DATAGRAMS; i++) {
      received.set(ValueLayout.JAVA_INT, message(i, "msg_namelen"), ADDRESS_BYTES);
    }
    int count = LibC.recvmmsg(errnoSlot, fd, received, MAX_DATAGRAMS, LibC.MSG_DONTWAIT);
    for (int i = 0; i < count; i++) {
      long at = (long) i * SLOT_BYTES;
      int bytes = received.get(ValueLayout.JAVA_INT, message(i, "msg_len")) - VXLAN_BYTES;
      boolean whole = bytes >= ETHERNET_BYTES && bytes <= FrameBatch.MAX_FRAME_BYTES;
      boolean keyed = whole && (slots.get(ValueLayout.JAVA_BYTE, at) & HAS_KEY) != 0;
      batch.put(i, slots, at + VXLAN_BYTES, keyed ? bytes : 0);
      keys[i] = u8(at + KEY) << 16 | u8(at + KEY + 1) << 8 | u8(at + KEY + 2);
      readSender(i);
    }
    return Math.max(count, 0);
  }

  private int u8(long at) {
    return slots.get(ValueLayout.JAVA_BYTE, at) & 0xff;
  }

  private void readSender(int index) {
    long at = (long) index * ADDRESS_BYTES;
    boolean v4 = tunnel.underlay() == IpFamily.IPV4;
    var bytes = new byte[v4 ? 4 : 16];
    MemorySegment.copy(
        names, ValueLayout.JAVA_BYTE, at + (v4 ? ADDRESS_V4 : ADDRESS_V6), bytes, 0, bytes.length);
    senders[index] = IpAddress.ofBytes(bytes);
  }

  /** The address that a received frame came from. */
  public IpAddress sender(int index) {
    return senders[index];
  }

  /** The key of a received frame: its sender's identity. */
  public int key(int index) {
    return keys[index];
  }

  /**
   * Sends a frame of a batch to a node, without waiting.
   *
   * @param frames the batch's memory, in network byte order
   * @return whether the kernel took all of it
   */
  public boolean send(FrameBatch batch, ByteBuffer frames, int index, IpAddress node, int key) {
    setAddress(node);
    int start = (int) batch.offset(index);
    int length = batch.length(index);
    out.clear();
    if (batch.kind(index) == FrameKind.MERGED) {
      return sendSegments(batch, frames, index, key);
    }
    if (length + VXLAN_BYTES > MAX_DATAGRAM_BYTES) {
      return false;
    }
    begin(key);
    append(frames, start, length);
    if (batch.hasPartialChecksum(index)) {
      Segmenter.complete(out, VXLAN_BYTES, length, batch.transport(index), batch.checksumAt(index));
    }
    return flush(0);
  }

  private void setAddress(IpAddress node) {
    byte[] bytes = node.bytes();
    boolean v4 = bytes.length == 4;
    name.fill((byte) 0);
    name.set(ValueLayout.JAVA_SHORT, 0, (short) (v4 ? AF_INET : AF_INET6));
    putPort(name, tunnel.port());
    MemorySegment.copy(
        bytes, 0, name, ValueLayout.JAVA_BYTE, v4 ? ADDRESS_V4 : ADDRESS_V6, bytes.length);
    sent.set(ValueLayout.JAVA_INT, message(0, "msg_namelen"), v4 ? 16 : ADDRESS_BYTES);
  }

  private void begin(int key) {
    out.putInt(FLAGS_OF_KEY).putInt(key << 8);
  }

  private void append(ByteBuffer from, int at, int bytes) {
    out.put(out.position(), from, at, bytes);
    out.position(out.position() + bytes);
  }

  private boolean sendSegments(FrameBatch batch, ByteBuffer frames, int index, int key) {
    int type = batch.segmentType(index);
    boolean tcp = type == FrameBatch.GSO_TCP_IPV4 || type == FrameBatch.GSO_TCP_IPV6;
    int start = (int) batch.offset(index);
    int headers = batch.headerBytes(index);
    int size = batch.segmentBytes(index);
    int data = batch.length(index) - headers;
    int whole = VXLAN_BYTES + headers + size;
    if ((!tcp && type != FrameBatch.GSO_UDP) || size == 0 || whole > MAX_DATAGRAM_BYTES) {
      return false;
    }
    boolean taken = true;
    int inDatagram = 0;
    int number = 0;
    for (int before = 0; before < data; before += size) {
      int bytes = Math.min(size, data - before);
      begin(key);
      int at = out.position();
      append(frames, start, headers);
      append(frames, start + headers + before, bytes);
      boolean last = before + bytes == data;
      Segmenter.finish(
          out, at, new Segment(batch.transport(index), headers + bytes, number, before, last, tcp));
      number++;
      inDatagram++;
      boolean full =
          !segments || inDatagram == MAX_SEGMENTS || out.position() + whole > MAX_DATAGRAM_BYTES;
      if (last || full) {
        taken &= flush(inDatagram > 1 ? whole : 0);
        out.clear();
        inDatagram = 0;
      }
    }
    return taken;
  }

  /**
   * Sends what stands in {@link #out}.
   *
   * @param segmentBytes the size of each datagram in it but the last; 0 if it is one
   */
  private boolean flush(int segmentBytes) {
    int error = send(0, out.position(), segmentBytes);
    if (error == 0 || segmentBytes == 0) {
      return error == 0;
    }
    if (error != Errno.EIO && error != Errno.EINVAL && error != Errno.EMSGSIZE) {
      return false;
    }
    // A device that sums up nothing (before Linux 6.11), or that takes less than a segment.
    segments = error == Errno.EMSGSIZE;
    boolean taken = true;
    for (int at = 0; at < out.position(); at += segmentBytes) {
      taken &= send(at, Math.min(segmentBytes, out.position() - at), 0) == 0;
    }
    return taken;
  }

  /** 0 or an errno. */
  private int send(int from, int bytes, int segmentBytes) {
    iovec.set(ValueLayout.ADDRESS, 0, datagram.asSlice(from));
    iovec.set(ValueLayout.JAVA_LONG, 8, bytes);
    control.set(ValueLayout.JAVA_SHORT, 16, (short) segmentBytes);
    sent.set(
        ValueLayout.JAVA_LONG, message(0, "msg_controllen"), segmentBytes == 0 ? 0 : CONTROL_BYTES);
    while (true) {
      int result = LibC.sendmmsg(errnoSlot, fd, sent, 1, LibC.MSG_DONTWAIT);
      if (result != -Errno.EINTR) {
        return result < 0 ? -result : 0;
      }
    }
  }

  @Override
  public void close() {
    LibC.close(fd);
    arena.close();
  }
}
