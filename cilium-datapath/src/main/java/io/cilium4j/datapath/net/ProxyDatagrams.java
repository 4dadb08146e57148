// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.FlowSource.Subscription;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.ProxyPlace.Address;
import io.cilium4j.core.spi.ProxyPlace.DatagramReceiver;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A UDP socket of the proxy's namespace that takes datagrams for any address and port, and tells
 * which: {@code IP_TRANSPARENT} and {@code IP_RECVORIGDSTADDR} (ip(7)), and their twins of IPv6.
 *
 * <pre>
 *   name      family u16 | port be16 | address be32                  sockaddr_in
 *             family u16 | port be16 | flow be32 | address be32[4]   sockaddr_in6
 *   control   length u64 | level i32 | type i32 | name               of the address that was asked
 * </pre>
 *
 * <p>One thread reads and hands on. Safe for use by several threads.
 */
public final class ProxyDatagrams implements Subscription {
  private static final Logger LOG = LoggerFactory.getLogger(ProxyDatagrams.class);

  private static final int AF_INET = 2;
  private static final int AF_INET6 = 10;
  private static final int SOCK_DGRAM = 2;
  private static final int SOL_IP = 0;
  private static final int IP_TRANSPARENT = 19;
  private static final int IP_RECVORIGDSTADDR = 20;
  private static final int SOL_IPV6 = 41;
  private static final int IPV6_V6ONLY = 26;
  private static final int IPV6_RECVORIGDSTADDR = 74;
  private static final int IPV6_TRANSPARENT = 75;

  /** Datagrams of one call; more stay in the kernel's queue, which drops beyond its size. */
  private static final int MAX_DATAGRAMS = 32;

  private static final int SLOT_BYTES = ProxyPlace.MAX_DATAGRAM_BYTES;

  /** {@code sockaddr_in6}, and where the parts of it and of {@code sockaddr_in} are. */
  private static final int NAME_BYTES = 28;

  private static final int PORT = 2;
  private static final int ADDRESS_V4 = 4;
  private static final int ADDRESS_V6 = 8;

  /** A control message's header, and the whole with the larger address, rounded up to words. */
  private static final int CONTROL_HEADER = 16;

  private static final int CONTROL_BYTES = CONTROL_HEADER + 32;

  private static final ValueLayout.OfShort BE16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  /** How long is waited for datagrams at once: closing wakes the thread up. */
  private static final Duration WAIT = Duration.ofMinutes(1);

  private final IpFamily family;
  private final int fd;
  private final Poller poller = new Poller();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment slots = arena.allocate((long) SLOT_BYTES * MAX_DATAGRAMS);
  private final MemorySegment names = arena.allocate((long) NAME_BYTES * MAX_DATAGRAMS, 8);
  private final MemorySegment controls = arena.allocate((long) CONTROL_BYTES * MAX_DATAGRAMS, 8);
  private final MemorySegment vector = arena.allocate(FrameBatch.MMSGHDR, MAX_DATAGRAMS);
  private final MemorySegment errnoSlot = LibC.errnoSlot(arena);
  private volatile boolean closed;
  private @Nullable Thread reader;

  private ProxyDatagrams(IpFamily family, int fd) {
    this.family = family;
    this.fd = fd;
    MemorySegment iovecs = arena.allocate(FrameBatch.IOVEC, MAX_DATAGRAMS);
    for (int i = 0; i < MAX_DATAGRAMS; i++) {
      FrameBatch.point(vector, iovecs, i, slots.asSlice((long) i * SLOT_BYTES, SLOT_BYTES));
      vector.set(ValueLayout.ADDRESS, message(i, "msg_name"), names.asSlice(nameAt(i), NAME_BYTES));
      vector.set(
          ValueLayout.ADDRESS,
          message(i, "msg_control"),
          controls.asSlice(controlAt(i), CONTROL_BYTES));
    }
  }

  private static long nameAt(int index) {
    return (long) index * NAME_BYTES;
  }

  private static long controlAt(int index) {
    return (long) index * CONTROL_BYTES;
  }

  private static long message(int index, String field) {
    return index * FrameBatch.MMSGHDR.byteSize() + FrameBatch.offset(field);
  }

  /** Makes the socket in the calling thread's namespace, bound to a port that is free. */
  public static ProxyDatagrams open(IpFamily family) {
    boolean v4 = family == IpFamily.IPV4;
    int fd = LibC.socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | LibC.SOCK_CLOEXEC, 0);
    try (Arena own = Arena.ofConfined()) {
      if (v4) {
        LibC.setsockopt(fd, SOL_IP, IP_TRANSPARENT, 1);
        LibC.setsockopt(fd, SOL_IP, IP_RECVORIGDSTADDR, 1);
      } else {
        LibC.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, 1);
        LibC.setsockopt(fd, SOL_IPV6, IPV6_TRANSPARENT, 1);
        LibC.setsockopt(fd, SOL_IPV6, IPV6_RECVORIGDSTADDR, 1);
      }
      MemorySegment anywhere = own.allocate(v4 ? 16 : NAME_BYTES, 8);
      anywhere.set(ValueLayout.JAVA_SHORT, 0, (short) (v4 ? AF_INET : AF_INET6));
      LibC.bind(fd, anywhere, "UDP, any address and port");
      return new ProxyDatagrams(family, fd);
    } catch (RuntimeException | Error e) {
      LibC.close(fd);
      throw e;
    }
  }

  /** The socket's descriptor. */
  public int descriptor() {
    return fd;
  }

  /** Begins to hand on; once. */
  public synchronized void start(DatagramReceiver receiver) {
    poller.add(fd, 0);
    reader =
        Thread.ofPlatform()
            .daemon()
            .name("proxy-udp-" + family)
            .start(() -> {
              while (!closed) {
                if (poller.poll(WAIT) > 0 && !closed) {
                  receive(receiver);
                }
              }
            });
  }

  private void receive(DatagramReceiver receiver) {
    for (int i = 0; i < MAX_DATAGRAMS; i++) {
      vector.set(ValueLayout.JAVA_INT, message(i, "msg_namelen"), NAME_BYTES);
      vector.set(ValueLayout.JAVA_LONG, message(i, "msg_controllen"), CONTROL_BYTES);
    }
    int count = LibC.recvmmsg(errnoSlot, fd, vector, MAX_DATAGRAMS, LibC.MSG_DONTWAIT);
    if (count < 0 && count != -Errno.EAGAIN && count != -Errno.EINTR) {
      LOG.debug("datagrams lost family={} errno={}", family, -count);
    }
    for (int i = 0; i < count; i++) {
      Address server = server(i);
      boolean whole =
          (vector.get(ValueLayout.JAVA_INT, message(i, "msg_flags")) & LibC.MSG_TRUNC) == 0;
      if (server != null && whole) {
        int length = vector.get(ValueLayout.JAVA_INT, message(i, "msg_len"));
        byte[] datagram =
            slots.asSlice((long) i * SLOT_BYTES, length).toArray(ValueLayout.JAVA_BYTE);
        receiver.accept(address(names, nameAt(i)), server, datagram);
      }
    }
  }

  /** Where a datagram was to go; null where the kernel does not tell. */
  private @Nullable Address server(int index) {
    long at = controlAt(index);
    boolean v4 = family == IpFamily.IPV4;
    long length = vector.get(ValueLayout.JAVA_LONG, message(index, "msg_controllen"));
    int level = v4 ? SOL_IP : SOL_IPV6;
    int type = v4 ? IP_RECVORIGDSTADDR : IPV6_RECVORIGDSTADDR;
    if (length < CONTROL_HEADER + (v4 ? 16 : NAME_BYTES)
        || controls.get(ValueLayout.JAVA_INT, at + 8) != level
        || controls.get(ValueLayout.JAVA_INT, at + 12) != type) {
      return null;
    }
    return address(controls, at + CONTROL_HEADER);
  }

  private Address address(MemorySegment memory, long at) {
    boolean v4 = family == IpFamily.IPV4;
    var bytes = new byte[v4 ? 4 : 16];
    MemorySegment.copy(
        memory, ValueLayout.JAVA_BYTE, at + (v4 ? ADDRESS_V4 : ADDRESS_V6), bytes, 0, bytes.length);
    return new Address(IpAddress.ofBytes(bytes), Short.toUnsignedInt(memory.get(BE16, at + PORT)));
  }

  /** Ends the thread, and closes the socket: what comes from now on is refused. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    poller.wakeUp();
    boolean interrupted = false;
    while (reader != null && reader.isAlive()) {
      try {
        reader.join();
      } catch (InterruptedException _) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    LibC.close(fd);
    poller.close();
    arena.close();
  }
}
