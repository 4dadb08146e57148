// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The few system calls that this package needs beside libbpf: descriptors, one wait, one mount.
 * Each answers as the kernel does, the result or a negative error number, and never throws.
 */
final class Sys {
  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int O_RDONLY_DIRECTORY_CLOEXEC = 0x90000;
  private static final int EFD_CLOEXEC_NONBLOCK = 0x80800;
  private static final short POLLIN = 1;

  /** {@code struct pollfd}: descriptor, events asked for, events seen. */
  private static final long POLLFD_BYTES = 8;

  private static final MethodHandle OPEN =
      handle("open", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT), 2);
  private static final MethodHandle CLOSE =
      handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT), -1);
  private static final MethodHandle FCNTL =
      handle("fcntl", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT), 2);
  private static final MethodHandle EVENTFD =
      handle("eventfd", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT), -1);
  private static final MethodHandle WRITE =
      handle("write", FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG), -1);
  private static final MethodHandle POLL =
      handle("poll", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT), -1);
  private static final MethodHandle MOUNT =
      handle(
          "mount",
          FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS),
          -1);

  private Sys() {}

  /** A handle whose first argument is the segment that receives errno. */
  private static MethodHandle handle(String name, FunctionDescriptor function, int firstVariadic) {
    MemorySegment symbol = LINKER.defaultLookup().findOrThrow(name);
    Linker.Option errno = Linker.Option.captureCallState("errno");
    return firstVariadic < 0
        ? LINKER.downcallHandle(symbol, function, errno)
        : LINKER.downcallHandle(
            symbol, function, errno, Linker.Option.firstVariadicArg(firstVariadic));
  }

  /** A call whose C result is -1 on failure, given where errno goes. */
  private interface Call {
    long apply(MemorySegment state) throws Throwable;
  }

  private static int call(Arena arena, Call call) {
    MemorySegment state = arena.allocate(STATE);
    try {
      long result = call.apply(state);
      return result == -1 ? -(int) ERRNO.get(state, 0L) : Math.toIntExact(result);
    } catch (Throwable e) {
      throw new AssertionError("a downcall threw", e); // a downcall itself throws nothing
    }
  }

  /** The error number that a captured call left in {@code state}. */
  static int errno(MemorySegment state) {
    return (int) ERRNO.get(state, 0L);
  }

  static MemorySegment allocateState(Arena arena) {
    return arena.allocate(STATE);
  }

  /** A descriptor of the folder {@code path}, which an attach to a cgroup needs. */
  static int openDirectory(String path) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment name = arena.allocateFrom(path);
      return call(arena, s -> (int) OPEN.invokeExact(s, name, O_RDONLY_DIRECTORY_CLOEXEC));
    }
  }

  static int close(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      return call(arena, s -> (int) CLOSE.invokeExact(s, fd));
    }
  }

  /** A second descriptor of the same object, closed on exec. */
  static int duplicate(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      return call(arena, s -> (int) FCNTL.invokeExact(s, fd, F_DUPFD_CLOEXEC, 3));
    }
  }

  /** A counter to wake a {@link #awaitReadable} of another thread with. */
  static int eventFd() {
    try (Arena arena = Arena.ofConfined()) {
      return call(arena, s -> (int) EVENTFD.invokeExact(s, 0, EFD_CLOEXEC_NONBLOCK));
    }
  }

  /** Adds one to an {@link #eventFd}. */
  static int signal(int eventFd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment one = arena.allocateFrom(JAVA_LONG, 1L);
      return call(arena, s -> (long) WRITE.invokeExact(s, eventFd, one, 8L));
    }
  }

  /** Waits without a limit until one of two descriptors is readable. */
  static int awaitReadable(int first, int second) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment fds = arena.allocate(2 * POLLFD_BYTES, 4);
      fds.set(JAVA_INT, 0, first);
      fds.set(JAVA_SHORT, 4, POLLIN);
      fds.set(JAVA_INT, POLLFD_BYTES, second);
      fds.set(JAVA_SHORT, POLLFD_BYTES + 4, POLLIN);
      return call(arena, s -> (int) POLL.invokeExact(s, fds, 2L, -1));
    }
  }

  static int mount(String source, String target, String type, long flags, String options) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = arena.allocateFrom(source);
      MemorySegment to = arena.allocateFrom(target);
      MemorySegment kind = arena.allocateFrom(type);
      MemorySegment data = arena.allocateFrom(options);
      return call(arena, s -> (int) MOUNT.invokeExact(s, from, to, kind, flags, data));
    }
  }
}
