// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/**
 * A program's attachment to a hook, as an object that this process owns: when its last descriptor
 * is closed and no pin holds it, the kernel detaches the program. Safe for all threads.
 *
 * <p>Devices are looked up in the network namespace of the calling thread.
 */
public final class BpfLink implements AutoCloseable {
  /** Of {@code enum bpf_attach_type}. */
  private static final int BPF_SK_LOOKUP = 36;

  private static final int BPF_XDP = 37;
  private static final long LINK_OPTIONS_BYTES = 16;

  private final Fd fd;

  /**
   * What the kernel knows of a link.
   *
   * @param id the link's number
   * @param programId the program it runs now
   * @param ifindex the device of a tcx or an XDP link; 0 when the device is gone, which detaches
   *     the link; meaningless for a link to a cgroup
   */
  public record LinkInfo(int id, int programId, int ifindex) {}

  private BpfLink(Fd fd) {
    this.fd = fd;
  }

  /**
   * Attaches a tc program to a device, behind those already there. Kernel 6.6 and newer; elsewhere
   * {@link TcFilter}.
   */
  public static BpfLink attachTcx(BpfProgram program, int ifindex, Direction direction) {
    return create(program, ifindex, direction.tcxAttachType(), program.name() + "@if" + ifindex);
  }

  /**
   * Attaches an XDP program to a device, which has at most one; kernel 5.9 and newer.
   *
   * @throws BpfException with {@code EBUSY} or {@code EEXIST} if the device has one
   */
  public static BpfLink attachXdp(BpfProgram program, int ifindex, XdpMode mode) {
    String what = program.name() + "@if" + ifindex;
    try (Arena arena = Arena.ofConfined()) {
      // struct bpf_link_create_opts as far as it is used: its size, then the flags.
      MemorySegment options = arena.allocate(LINK_OPTIONS_BYTES, 8);
      options.set(ValueLayout.JAVA_LONG, 0, LINK_OPTIONS_BYTES);
      options.set(ValueLayout.JAVA_INT, Long.BYTES, mode.flags());
      return create(program, ifindex, BPF_XDP, options, what);
    }
  }

  /** Attaches a program to the sockets of all processes below the folder {@code cgroup}. */
  public static BpfLink attachCgroup(BpfProgram program, Path cgroup, CgroupHook hook) {
    String path = cgroup.toString();
    try (Fd folder = new Fd(LibC.open(path, LibC.O_RDONLY | LibC.O_CLOEXEC), path)) {
      return create(program, folder.get(), hook.attachType(), program.name() + '@' + path);
    }
  }

  /** Gives a program the say about new connections in the network namespace of a path. */
  public static BpfLink attachSocketLookup(BpfProgram program, Path netns) {
    String path = netns.toString();
    try (Fd namespace = new Fd(LibC.open(path, LibC.O_RDONLY | LibC.O_CLOEXEC), path)) {
      return create(program, namespace.get(), BPF_SK_LOOKUP, program.name() + '@' + path);
    }
  }

  private static BpfLink create(BpfProgram program, int target, int attachType, String what) {
    return create(program, target, attachType, MemorySegment.NULL, what);
  }

  private static BpfLink create(
      BpfProgram program, int target, int attachType, MemorySegment options, String what) {
    try (Fd held = program.duplicate()) {
      int link = Libbpf.bpf_link_create(held.get(), target, attachType, options);
      return new BpfLink(new Fd(LibBpf.check(link, "bpf_link_create", what), what));
    }
  }

  /** Opens the link pinned at {@code path}. */
  public static BpfLink openPinned(Path path) {
    return new BpfLink(Fd.ofPin(path.toString()));
  }

  /** What the kernel says of this link now. */
  public synchronized LinkInfo info() {
    return KernelInfo.ofLink(fd);
  }

  /** Puts {@code program} in the place of the present one; no packet passes without either. */
  public synchronized void update(BpfProgram program) {
    try (Fd held = program.duplicate()) {
      LibBpf.check(
          Libbpf.bpf_link_update(fd.get(), held.get(), MemorySegment.NULL),
          "bpf_link_update",
          fd.what());
    }
  }

  /** Pins the link at {@code path} in a bpf file system: it then outlives this process. */
  public synchronized void pin(Path path) {
    LibBpf.objectPin(fd.get(), path.toString());
  }

  /** Detaches the program now, also when the link is pinned; the handle stays to be closed. */
  public synchronized void detach() {
    LibBpf.check(Libbpf.bpf_link_detach(fd.get()), "bpf_link_detach", fd.what());
  }

  /** Gives up this handle, which detaches the program unless a pin or another handle holds it. */
  @Override
  public synchronized void close() {
    fd.close();
  }

  @Override
  public String toString() {
    return "BpfLink[" + fd.what() + ']';
  }
}
