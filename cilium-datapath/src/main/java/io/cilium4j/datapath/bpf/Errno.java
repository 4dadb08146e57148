// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import java.util.Map;

/** Error numbers of Linux (those alike on every architecture) and of libbpf, with their names. */
public final class Errno {
  /** Not permitted: a capability is missing. */
  public static final int EPERM = 1;

  /** No such entry, file or next key. */
  public static final int ENOENT = 2;

  /** No such object: a process, a route. */
  public static final int ESRCH = 3;

  /** Interrupted by a signal before anything happened. */
  public static final int EINTR = 4;

  /** The device cannot. */
  public static final int EIO = 5;

  /** No such device, or it is gone. */
  public static final int ENXIO = 6;

  /** More elements than the map holds, or an array too long. */
  public static final int E2BIG = 7;

  /** No such descriptor. */
  public static final int EBADF = 9;

  /** Try again: a resource is busy for a moment. */
  public static final int EAGAIN = 11;

  /** No memory; below kernel 5.11 also: the limit of locked memory is reached. */
  public static final int ENOMEM = 12;

  /** Denied: by the verifier, or by a security module. */
  public static final int EACCES = 13;

  /** Busy: already mounted, or in use. */
  public static final int EBUSY = 16;

  /** It is there already. */
  public static final int EEXIST = 17;

  /** No such device. */
  public static final int ENODEV = 19;

  /** An argument the kernel does not accept, or a command it does not know. */
  public static final int EINVAL = 22;

  /** The descriptor does not understand the question. */
  public static final int ENOTTY = 25;

  /** The buffer is too small, or the file system is full. */
  public static final int ENOSPC = 28;

  /** No such system call. */
  public static final int ENOSYS = 38;

  /** A message that cannot be read. */
  public static final int EBADMSG = 74;

  /** A message that is too long. */
  public static final int EMSGSIZE = 90;

  /** The kernel lacks this protocol. */
  public static final int EPROTONOSUPPORT = 93;

  /** Not supported, as user space is meant to see it. */
  public static final int EOPNOTSUPP = 95;

  /** The kernel lacks this family of addresses. */
  public static final int EAFNOSUPPORT = 97;

  /** The device does not have the address. */
  public static final int EADDRINUSE = 98;

  public static final int EADDRNOTAVAIL = 99;

  /** The device is down. */
  public static final int ENETUNREACH = 101;

  public static final int EHOSTUNREACH = 113;

  public static final int ENETDOWN = 100;

  /** No room in a queue. */
  public static final int ENOBUFS = 105;

  /** No answer in time. */
  public static final int ETIMEDOUT = 110;

  /** Cancelled; what a ring buffer's callback answers while the reader is closing. */
  public static final int ECANCELED = 125;

  /** Not supported, as the kernel names it inside; the batch commands let it out. */
  public static final int ENOTSUPP = 524;

  private static final Map<Integer, String> NAMES =
      Map.ofEntries(
          Map.entry(EPERM, "EPERM"),
          Map.entry(ENOENT, "ENOENT"),
          Map.entry(ESRCH, "ESRCH"),
          Map.entry(EINTR, "EINTR"),
          Map.entry(EIO, "EIO"),
          Map.entry(ENXIO, "ENXIO"),
          Map.entry(E2BIG, "E2BIG"),
          Map.entry(8, "ENOEXEC"),
          Map.entry(EBADF, "EBADF"),
          Map.entry(EAGAIN, "EAGAIN"),
          Map.entry(ENOMEM, "ENOMEM"),
          Map.entry(EACCES, "EACCES"),
          Map.entry(14, "EFAULT"),
          Map.entry(EBUSY, "EBUSY"),
          Map.entry(EEXIST, "EEXIST"),
          Map.entry(18, "EXDEV"),
          Map.entry(ENODEV, "ENODEV"),
          Map.entry(20, "ENOTDIR"),
          Map.entry(21, "EISDIR"),
          Map.entry(EINVAL, "EINVAL"),
          Map.entry(23, "ENFILE"),
          Map.entry(24, "EMFILE"),
          Map.entry(ENOTTY, "ENOTTY"),
          Map.entry(27, "EFBIG"),
          Map.entry(ENOSPC, "ENOSPC"),
          Map.entry(30, "EROFS"),
          Map.entry(33, "EDOM"),
          Map.entry(34, "ERANGE"),
          Map.entry(36, "ENAMETOOLONG"),
          Map.entry(ENOSYS, "ENOSYS"),
          Map.entry(40, "ELOOP"),
          Map.entry(61, "ENODATA"),
          Map.entry(67, "ENOLINK"),
          Map.entry(71, "EPROTO"),
          Map.entry(EBADMSG, "EBADMSG"),
          Map.entry(EMSGSIZE, "EMSGSIZE"),
          Map.entry(92, "ENOPROTOOPT"),
          Map.entry(EPROTONOSUPPORT, "EPROTONOSUPPORT"),
          Map.entry(94, "ESOCKTNOSUPPORT"),
          Map.entry(EOPNOTSUPP, "EOPNOTSUPP"),
          Map.entry(EAFNOSUPPORT, "EAFNOSUPPORT"),
          Map.entry(98, "EADDRINUSE"),
          Map.entry(EADDRNOTAVAIL, "EADDRNOTAVAIL"),
          Map.entry(ENETDOWN, "ENETDOWN"),
          Map.entry(101, "ENETUNREACH"),
          Map.entry(ENOBUFS, "ENOBUFS"),
          Map.entry(107, "ENOTCONN"),
          Map.entry(ETIMEDOUT, "ETIMEDOUT"),
          Map.entry(111, "ECONNREFUSED"),
          Map.entry(113, "EHOSTUNREACH"),
          Map.entry(116, "ESTALE"),
          Map.entry(ECANCELED, "ECANCELED"),
          Map.entry(ENOTSUPP, "ENOTSUPP"),
          Map.entry(4000, "LIBBPF_LIBELF"),
          Map.entry(4001, "LIBBPF_FORMAT"),
          Map.entry(4002, "LIBBPF_KVERSION"),
          Map.entry(4003, "LIBBPF_ENDIAN"),
          Map.entry(4004, "LIBBPF_INTERNAL"),
          Map.entry(4005, "LIBBPF_RELOC"),
          Map.entry(4006, "LIBBPF_LOAD"),
          Map.entry(4007, "LIBBPF_VERIFY"),
          Map.entry(4008, "LIBBPF_PROG2BIG"),
          Map.entry(4009, "LIBBPF_KVER"),
          Map.entry(4010, "LIBBPF_PROGTYPE"));

  private Errno() {}

  /** The name of {@code errno}, as {@code ENOENT}; a number without a name as {@code errno 77}. */
  public static String nameOf(int errno) {
    return NAMES.getOrDefault(errno, "errno " + errno);
  }
}
