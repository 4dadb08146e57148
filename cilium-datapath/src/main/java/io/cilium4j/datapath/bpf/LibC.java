// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * The calls into the C library that this module needs and the JDK does not offer. It is the seam of
 * this module alone: public because packages of the module share it, no API for others.
 *
 * <p>There are two kinds of method. The plain ones throw {@link SystemCallException} and take care
 * of {@code EINTR}. Those that take an {@code errnoSlot} are for paths that carry packets: they
 * allocate nothing, throw nothing, and give {@code -errno} as the kernel itself does.
 *
 * <p>{@code errno} belongs to the thread, and the JVM may make calls of its own between ours and a
 * later look: so the linker saves it into the slot right behind the call.
 *
 * <p>A call that waits ({@link #recv}, {@link PollCalls#epollWait}) holds its thread, a virtual
 * thread's carrier too; none of them is ended by an interrupt, so each has a timeout or a wake-up.
 *
 * <p>{@link #setns} and {@link #unshare} change the calling <em>thread</em>, and the JDK may run
 * anything on it later: only threads that end in that namespace may call them. A virtual thread
 * must never do so, since it would change its carrier.
 */
public final class LibC {

  /** Flags and numbers of {@code asm-generic}, the same on x86-64 and arm64. */
  public static final int O_RDONLY = 0;

  public static final int O_CLOEXEC = 0x80000;
  public static final int CLONE_NEWNET = 0x4000_0000;
  public static final long MS_BIND = 0x1000;
  public static final long MS_REC = 0x4000;
  public static final long MS_SHARED = 0x10_0000;
  public static final int MNT_DETACH = 2;
  public static final int SOCK_RAW = 3;
  public static final int SOCK_CLOEXEC = 0x80000;
  public static final int MSG_DONTWAIT = 0x40;
  public static final int MSG_TRUNC = 0x20;

  /** Readable and writable memory of this process alone, which no file stands behind. */
  private static final int PROT_READ_WRITE = 3;

  private static final int MAP_SHARED = 1;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x22;

  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int F_SETSIG = 10;
  private static final int F_SETLEASE = 1024;
  private static final int F_RDLCK = 0;
  private static final int F_UNLCK = 2;

  /**
   * A signal that a process ignores unless it asks for it, alike on all processors that we know.
   */
  private static final int SIGURG = 23;

  /** Size of {@code sockaddr_in6}, the larger of the addresses. */
  private static final int SOCKADDR_BYTES = 28;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      CALL_STATE.varHandle(PathElement.groupElement("errno")).withInvokeExactBehavior();

  private static final MethodHandle OPEN =
      link("open", JAVA_INT, Linker.Option.firstVariadicArg(2), ADDRESS, JAVA_INT);
  private static final MethodHandle CLOSE = link("close", JAVA_INT, JAVA_INT);
  private static final MethodHandle READ = link("read", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle WRITE = link("write", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
  private static final MethodHandle IOCTL =
      link("ioctl", JAVA_INT, Linker.Option.firstVariadicArg(2), JAVA_INT, JAVA_LONG);
  private static final MethodHandle SETNS = link("setns", JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle UNSHARE = link("unshare", JAVA_INT, JAVA_INT);
  private static final MethodHandle MOUNT =
      link("mount", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS);
  private static final MethodHandle MMAP =
      link("mmap", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG);
  private static final MethodHandle MEMMEM =
      LINKER.downcallHandle(
          symbol("memmem"), FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG));
  private static final MethodHandle MUNMAP = link("munmap", JAVA_INT, JAVA_LONG, JAVA_LONG);
  private static final MethodHandle FCNTL =
      link("fcntl", JAVA_INT, Linker.Option.firstVariadicArg(2), JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle UMOUNT2 = link("umount2", JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle SOCKET = link("socket", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
  private static final MethodHandle BIND = link("bind", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle GETSOCKNAME =
      link("getsockname", JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle SETSOCKOPT =
      link("setsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT);
  private static final MethodHandle GETSOCKOPT =
      link("getsockopt", JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS);
  private static final MethodHandle SEND =
      link("send", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle RECV =
      link("recv", JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT);
  private static final MethodHandle SENDMMSG =
      link("sendmmsg", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT);
  private static final MethodHandle RECVMMSG =
      link("recvmmsg", JAVA_INT, JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, ADDRESS);

  private LibC() {}

  /** Opens a file that exists, close-on-exec if the flags say so, and gives its descriptor. */
  public static int open(String path, int flags) {
    return (int)
        call(
            "open", path, (arena, e) -> (int) OPEN.invokeExact(e, arena.allocateFrom(path), flags));
  }

  /** Closes a descriptor; the descriptor is gone even when this throws. */
  public static void close(int fd) {
    // Linux frees the descriptor before it can be interrupted: a second try could hit a stranger.
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = errnoSlot(arena);
      if ((int) CLOSE.invokeExact(slot, fd) < 0 && errno(slot) != Errno.EINTR) {
        throw new SystemCallException("close", "descriptor " + fd, errno(slot));
      }
    } catch (Throwable t) {
      throw rethrow(t);
    }
  }

  /**
   * Memory all of zeros that lives as long as the arena. A page of it costs nothing before it is
   * used, as those of {@link Arena#allocate} do at once.
   */
  public static MemorySegment allocateLazily(long bytes, Arena arena) {
    return map(bytes, MAP_PRIVATE_ANONYMOUS, -1, bytes + " bytes", arena);
  }

  /** The first bytes of what a descriptor stands for, shared with all that map it. */
  static MemorySegment mapShared(long bytes, int fd, String shown, Arena arena) {
    return map(bytes, MAP_SHARED, fd, shown, arena);
  }

  /** Readable and writable memory that lives as long as the arena. */
  private static MemorySegment map(long bytes, int flags, int fd, String shown, Arena arena) {
    long address =
        call(
            "mmap",
            shown,
            (_, e) -> (long) MMAP.invokeExact(e, 0L, bytes, PROT_READ_WRITE, flags, fd, 0L));
    return MemorySegment.ofAddress(address)
        .reinterpret(
            bytes,
            arena,
            memory ->
                call(
                    "munmap",
                    shown,
                    (_, e) -> (int) MUNMAP.invokeExact(e, memory.address(), bytes)));
  }

  /** Whether some bytes stand in others: a loop of Java's is slow the only time that it runs. */
  static boolean contains(MemorySegment all, MemorySegment part) {
    try {
      MemorySegment found =
          (MemorySegment) MEMMEM.invokeExact(all, all.byteSize(), part, part.byteSize());
      return !found.equals(MemorySegment.NULL);
    } catch (Throwable e) {
      throw new IllegalStateException("memmem cannot be called", e);
    }
  }

  /** A second descriptor of the same object, close-on-exec. */
  static int duplicate(int fd, String shown) {
    return (int) call("fcntl", shown, (_, e) -> (int) FCNTL.invokeExact(e, fd, F_DUPFD_CLOEXEC, 3));
  }

  /**
   * Whether somebody has an open file open for writing, in whatever process or container: the
   * kernel grants a read lease only where nobody has. The lease is given back at once; the signal
   * for somebody who opens the file in between is one that does no harm.
   *
   * @throws SystemCallException if that cannot be told, of this file system or for want of
   *     permission: leases are the owner's and root's
   */
  public static boolean isOpenForWriting(int fd, String shown) {
    call("fcntl", shown, (_, e) -> (int) FCNTL.invokeExact(e, fd, F_SETSIG, SIGURG));
    try {
      call("fcntl", shown, (_, e) -> (int) FCNTL.invokeExact(e, fd, F_SETLEASE, F_RDLCK));
    } catch (SystemCallException e) {
      if (e.errno() == Errno.EAGAIN) {
        return true;
      }
      throw e;
    }
    call("fcntl", shown, (_, e) -> (int) FCNTL.invokeExact(e, fd, F_SETLEASE, F_UNLCK));
    return false;
  }

  /** Reads at most the segment's size; -errno on failure. */
  public static long read(MemorySegment errnoSlot, int fd, MemorySegment buffer) {
    try {
      long n = (long) READ.invokeExact(errnoSlot, fd, buffer, buffer.byteSize());
      return n < 0 ? -errno(errnoSlot) : n;
    } catch (Throwable t) {
      throw rethrow(t);
    }
  }

  /** Writes a segment with one call and gives how many bytes were taken. */
  public static long write(int fd, MemorySegment bytes) {
    return call(
        "write",
        "descriptor " + fd,
        (_, e) -> (long) WRITE.invokeExact(e, fd, bytes, bytes.byteSize()));
  }

  /** Asks a descriptor's driver a question that has no argument. */
  public static int ioctl(int fd, long request, String shown) {
    return (int) call("ioctl", shown, (_, e) -> (int) IOCTL.invokeExact(e, fd, request));
  }

  /** Moves the calling thread into the namespace that a descriptor stands for. */
  public static void setns(int fd, int kind, String shown) {
    call("setns", shown, (_, e) -> (int) SETNS.invokeExact(e, fd, kind));
  }

  /** Gives the calling thread new namespaces of the kinds in {@code flags}. */
  public static void unshare(int flags) {
    call(
        "unshare",
        "0x" + Integer.toHexString(flags),
        (_, e) -> (int) UNSHARE.invokeExact(e, flags));
  }

  /** Mounts; with {@link #MS_BIND} or a change of propagation the file system type is ignored. */
  public static void mount(String source, String target, String type, long flags) {
    mount(source, target, type, flags, "");
  }

  /** Mounts with options that the file system understands. */
  public static void mount(String source, String target, String type, long flags, String options) {
    call(
        "mount",
        target,
        (arena, e) ->
            (int)
                MOUNT.invokeExact(
                    e,
                    arena.allocateFrom(source),
                    arena.allocateFrom(target),
                    arena.allocateFrom(type),
                    flags,
                    arena.allocateFrom(options)));
  }

  /** Unmounts what was mounted last at a path. */
  public static void umount(String target, int flags) {
    call(
        "umount2",
        target,
        (arena, e) -> (int) UMOUNT2.invokeExact(e, arena.allocateFrom(target), flags));
  }

  /** Makes a socket in the calling thread's network namespace. */
  public static int socket(int domain, int type, int protocol) {
    return (int)
        call(
            "socket",
            "family " + domain + " protocol " + protocol,
            (_, e) -> (int) SOCKET.invokeExact(e, domain, type, protocol));
  }

  /** Binds a socket to an address laid out as the family wants it. */
  public static void bind(int fd, MemorySegment address, String shown) {
    call("bind", shown, (_, e) -> (int) BIND.invokeExact(e, fd, address, (int) address.byteSize()));
  }

  /** The port that a socket of IPv4 or IPv6 is bound to. */
  public static int boundPort(int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(SOCKADDR_BYTES, 8);
      MemorySegment size = arena.allocateFrom(JAVA_INT, SOCKADDR_BYTES);
      call(
          "getsockname",
          "descriptor " + fd,
          (_, e) -> (int) GETSOCKNAME.invokeExact(e, fd, address, size));
      // Of both families behind the family, in the byte order of the network.
      return Short.toUnsignedInt(address.asByteBuffer().getShort(2));
    }
  }

  /** Sets a socket option to a structure. */
  public static void setsockopt(int fd, int level, int option, MemorySegment value) {
    call(
        "setsockopt",
        "level " + level + " option " + option,
        (_, e) ->
            (int) SETSOCKOPT.invokeExact(e, fd, level, option, value, (int) value.byteSize()));
  }

  /** Sets a socket option to a number. */
  public static void setsockopt(int fd, int level, int option, int value) {
    try (Arena arena = Arena.ofConfined()) {
      setsockopt(fd, level, option, arena.allocateFrom(JAVA_INT, value));
    }
  }

  /** Reads a socket option into a structure of its size. */
  public static void getsockopt(int fd, int level, int option, MemorySegment value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocateFrom(JAVA_INT, (int) value.byteSize());
      call(
          "getsockopt",
          "level " + level + " option " + option,
          (_, e) -> (int) GETSOCKOPT.invokeExact(e, fd, level, option, value, size));
    }
  }

  /** Sends one message and gives how many of its bytes were taken. */
  public static long send(int fd, MemorySegment bytes, int flags) {
    return call(
        "send",
        "descriptor " + fd,
        (_, e) -> (long) SEND.invokeExact(e, fd, bytes, bytes.byteSize(), flags));
  }

  /** Receives one message; with {@link #MSG_TRUNC} the result is its whole length. */
  public static long recv(int fd, MemorySegment buffer, int flags) {
    return call(
        "recv",
        "descriptor " + fd,
        (_, e) -> (long) RECV.invokeExact(e, fd, buffer, buffer.byteSize(), flags));
  }

  /** Sends up to {@code count} messages of a vector of {@code mmsghdr}; how many, or -errno. */
  public static int sendmmsg(
      MemorySegment errnoSlot, int fd, MemorySegment vector, int count, int flags) {
    try {
      int n = (int) SENDMMSG.invokeExact(errnoSlot, fd, vector, count, flags);
      return n < 0 ? -errno(errnoSlot) : n;
    } catch (Throwable t) {
      throw rethrow(t);
    }
  }

  /**
   * Receives up to {@code count} messages into a vector of {@code mmsghdr}; how many, or -errno.
   */
  public static int recvmmsg(
      MemorySegment errnoSlot, int fd, MemorySegment vector, int count, int flags) {
    try {
      int n = (int) RECVMMSG.invokeExact(errnoSlot, fd, vector, count, flags, MemorySegment.NULL);
      return n < 0 ? -errno(errnoSlot) : n;
    } catch (Throwable t) {
      throw rethrow(t);
    }
  }

  /** Room for the error number of calls that one thread makes one after the other. */
  public static MemorySegment errnoSlot(Arena arena) {
    return arena.allocate(CALL_STATE);
  }

  /** The error number that the last call with this slot left, if it failed. */
  static int errno(MemorySegment slot) {
    return (int) ERRNO.get(slot, 0L);
  }

  /** One call, given room for its strings and its error number; below 0 means failure. */
  @FunctionalInterface
  interface Downcall {
    long invoke(Arena arena, MemorySegment errnoSlot) throws Throwable;
  }

  /** Makes a call, again if a signal cut it short, and turns failure into an exception. */
  static long call(String name, String argument, Downcall downcall) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment slot = errnoSlot(arena);
      while (true) {
        long result = downcall.invoke(arena, slot);
        if (result >= 0) {
          return result;
        }
        int errno = errno(slot);
        if (errno != Errno.EINTR) {
          throw new SystemCallException(name, argument, errno);
        }
      }
    } catch (Throwable t) {
      throw rethrow(t);
    }
  }

  /** Method handles declare Throwable, but a C function throws nothing that is checked. */
  static RuntimeException rethrow(Throwable t) {
    switch (t) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new AssertionError("a C function threw a checked exception", t);
    }
  }

  static MethodHandle link(String name, MemoryLayout result, MemoryLayout... parameters) {
    return LINKER.downcallHandle(
        symbol(name),
        FunctionDescriptor.of(result, parameters),
        Linker.Option.captureCallState("errno"));
  }

  /** Variadic functions take their arguments in other places on some processors. */
  static MethodHandle link(
      String name, MemoryLayout result, Linker.Option variadic, MemoryLayout... parameters) {
    return LINKER.downcallHandle(
        symbol(name),
        FunctionDescriptor.of(result, parameters),
        Linker.Option.captureCallState("errno"),
        variadic);
  }

  private static MemorySegment symbol(String name) {
    return LINKER
        .defaultLookup()
        .find(name)
        .orElseThrow(() -> new IllegalStateException("the C library has no " + name));
  }
}
