// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** Calls of libc that wait until descriptors can be read, and counters that can be waited for. */
public final class PollCalls {
  public static final int EPOLL_CTL_ADD = 1;
  public static final int EPOLL_CTL_DEL = 2;
  public static final int EPOLLIN = 1;
  public static final int EFD_NONBLOCK = 0x800;
  public static final int EFD_CLOEXEC = 0x80000;

  private static final short POLLIN = 1;

  /** {@code struct pollfd}: the descriptor, the events asked for, the events seen. */
  private static final long POLLFD_BYTES = 8;

  private static final MethodHandle POLL =
      LibC.link("poll", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle EVENTFD = LibC.link("eventfd", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle EPOLL_CREATE1 = LibC.link("epoll_create1", JAVA_INT, JAVA_INT);
  private static final MethodHandle EPOLL_CTL =
      LibC.link("epoll_ctl", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS);
  private static final MethodHandle EPOLL_WAIT =
      LibC.link("epoll_wait", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);

  private PollCalls() {}

  /** What {@link #poll} needs to wait until one of {@code fds} can be read. */
  static MemorySegment pollIn(Arena arena, int... fds) {
    MemorySegment descriptors = arena.allocate(POLLFD_BYTES * fds.length, 4);
    for (int i = 0; i < fds.length; i++) {
      descriptors.set(JAVA_INT, i * POLLFD_BYTES, fds[i]);
      descriptors.set(JAVA_SHORT, i * POLLFD_BYTES + 4, POLLIN);
    }
    return descriptors;
  }

  /** Waits, without end when the time is negative; how many can be read, or -errno. */
  static int poll(MemorySegment errnoSlot, MemorySegment descriptors, int timeoutMillis) {
    try {
      long count = descriptors.byteSize() / POLLFD_BYTES;
      int n = (int) POLL.invokeExact(errnoSlot, descriptors, count, timeoutMillis);
      return n < 0 ? -LibC.errno(errnoSlot) : n;
    } catch (Throwable t) {
      throw LibC.rethrow(t);
    }
  }

  /** Makes a counter that can be waited for. */
  public static int eventfd(int initial, int flags) {
    return (int)
        LibC.call("eventfd", "counter", (_, e) -> (int) EVENTFD.invokeExact(e, initial, flags));
  }

  /** Makes an epoll instance, close-on-exec. */
  public static int epollCreate() {
    return (int)
        LibC.call(
            "epoll_create1",
            "instance",
            (_, e) -> (int) EPOLL_CREATE1.invokeExact(e, LibC.O_CLOEXEC));
  }

  /** Adds a descriptor to an epoll instance, or takes it out. */
  public static void epollCtl(int epoll, int operation, int fd, MemorySegment event) {
    LibC.call(
        "epoll_ctl",
        "descriptor " + fd,
        (_, e) -> (int) EPOLL_CTL.invokeExact(e, epoll, operation, fd, event));
  }

  /** Waits for events; how many there are, or -errno. */
  public static int epollWait(
      MemorySegment errnoSlot, int epoll, MemorySegment events, int max, int timeoutMillis) {
    try {
      int n = (int) EPOLL_WAIT.invokeExact(errnoSlot, epoll, events, max, timeoutMillis);
      return n < 0 ? -LibC.errno(errnoSlot) : n;
    } catch (Throwable t) {
      throw LibC.rethrow(t);
    }
  }
}
