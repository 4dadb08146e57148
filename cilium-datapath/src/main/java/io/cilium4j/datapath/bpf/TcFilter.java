// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.bpf_tc_hook;
import io.cilium4j.datapath.bpf.generated.bpf_tc_opts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A program as a filter of a device's clsact qdisc: the way to attach where the kernel has no tcx
 * links. Unlike a link it belongs to the device and not to a process, so there is nothing to close:
 * it stays until {@link #detach}, or until the device goes.
 *
 * <p>The clsact qdisc may be someone else's, or come to be used by someone else: it is created
 * where it is missing and never removed. Of the filters only the one in our {@link Slot} is
 * touched.
 */
public final class TcFilter {

  /** {@code BPF_TC_F_REPLACE}: take the place of the filter in this slot. */
  private static final int REPLACE = 1;

  private final int ifindex;
  private final Direction direction;
  private final Slot slot;

  /**
   * A filter's name among those of a device and direction.
   *
   * @param priority 1 to 65535; a lower one runs earlier
   * @param handle 1 or more, tells filters of one priority apart
   */
  public record Slot(int priority, int handle) {

    /** Where ours stand unless configured: first, under a handle that reads C14 in a listing. */
    public static final Slot DEFAULT = new Slot(1, 0xc14);

    public Slot {
      if (priority < 1 || priority > 0xffff || handle < 1) {
        throw new IllegalArgumentException("no slot: priority " + priority + " handle " + handle);
      }
    }
  }

  private TcFilter(int ifindex, Direction direction, Slot slot) {
    this.ifindex = ifindex;
    this.direction = direction;
    this.slot = slot;
  }

  /** Attaches {@code program} in a slot that must be free (EEXIST otherwise). */
  public static TcFilter attach(BpfProgram program, int ifindex, Direction direction, Slot slot) {
    LibBpf.require();
    TcFilter filter = new TcFilter(ifindex, direction, slot);
    try (Arena arena = Arena.ofConfined()) {
      // Creates clsact for both directions; EEXIST is the usual answer for the second of ours.
      int created = Libbpf.bpf_tc_hook_create(filter.hook(arena));
      if (created != -Errno.EEXIST) {
        LibBpf.check(created, "bpf_tc_hook_create", filter.toString());
      }
    }
    filter.set(program, 0);
    return filter;
  }

  /** The filter in {@code slot}, which the caller knows to be its own. */
  public static Optional<TcFilter> find(int ifindex, Direction direction, Slot slot) {
    LibBpf.require();
    TcFilter filter = new TcFilter(ifindex, direction, slot);
    return filter.programId().isPresent() ? Optional.of(filter) : Optional.empty();
  }

  /** Puts {@code program} in the place of the present one; no packet passes without either. */
  public void replace(BpfProgram program) {
    set(program, REPLACE);
  }

  /** The number of the program in the slot; empty when the slot, clsact or device is gone. */
  public Optional<Integer> programId() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment options = options(arena);
      int result = Libbpf.bpf_tc_query(hook(arena), options);
      // A device without clsact answers EINVAL, because the parent that we name does not exist.
      if (result == -Errno.ENOENT || result == -Errno.ENODEV || result == -Errno.EINVAL) {
        return Optional.empty();
      }
      LibBpf.check(result, "bpf_tc_query", toString());
      return Optional.of(bpf_tc_opts.prog_id(options));
    }
  }

  /** Removes the filter and leaves clsact; {@code false} when there was none. */
  public boolean detach() {
    try (Arena arena = Arena.ofConfined()) {
      int result = Libbpf.bpf_tc_detach(hook(arena), options(arena));
      if (result == -Errno.ENOENT || result == -Errno.ENODEV || result == -Errno.EINVAL) {
        return false;
      }
      LibBpf.check(result, "bpf_tc_detach", toString());
      return true;
    }
  }

  /** libbpf asks for an exclusive creation unless told to replace. */
  private void set(BpfProgram program, int flags) {
    try (Arena arena = Arena.ofConfined();
        Fd held = program.duplicate()) {
      MemorySegment options = options(arena);
      bpf_tc_opts.prog_fd(options, held.get());
      bpf_tc_opts.flags(options, flags);
      LibBpf.check(Libbpf.bpf_tc_attach(hook(arena), options), "bpf_tc_attach", toString());
    }
  }

  /** The place: a device and a direction. */
  private MemorySegment hook(Arena arena) {
    MemorySegment hook = arena.allocate(bpf_tc_hook.layout());
    bpf_tc_hook.sz(hook, hook.byteSize());
    bpf_tc_hook.ifindex(hook, ifindex);
    bpf_tc_hook.attach_point(hook, direction.tcAttachPoint());
    return hook;
  }

  /** The slot; each call fills in what it finds, so that none may be used twice. */
  private MemorySegment options(Arena arena) {
    MemorySegment options = arena.allocate(bpf_tc_opts.layout());
    bpf_tc_opts.sz(options, options.byteSize());
    bpf_tc_opts.handle(options, slot.handle());
    bpf_tc_opts.priority(options, slot.priority());
    return options;
  }

  @Override
  public String toString() {
    return "if%d/%s/%d:%x".formatted(ifindex, direction, slot.priority(), slot.handle());
  }
}
