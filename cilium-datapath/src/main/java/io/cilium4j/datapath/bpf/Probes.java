// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.bpf_map_create_opts;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * Asks the running kernel what it has, by trying in ways that leave nothing behind. Versions are
 * not compared: distributions backport.
 *
 * <p>Not through libbpf's own probes: those of 1.1 read the verifier's messages, which have changed
 * since, and take a missing capability for support.
 */
public final class Probes {
  // Types of programs. A socket filter is what the least kernel and the least privilege allow.
  private static final int SOCKET_FILTER = 1;
  private static final int SCHED_CLS = 3;

  // Helpers by their numbers in enum bpf_func_id, which linux/bpf.h never reuses.
  private static final int HELPER_REDIRECT_PEER = 155;
  private static final int HELPER_KTIME_GET_COARSE_NS = 160;

  /** Create elements when needed; the only way that a trie can be made. */
  private static final int BPF_F_NO_PREALLOC = 1;

  /** No device has this index, so that nothing is attached where tcx exists. */
  private static final int NO_DEVICE = Integer.MAX_VALUE;

  // Instructions: opcode, registers, offset and immediate of a struct bpf_insn, in one long.
  private static final long R0_IS_0 = instruction(0xb7, 0, 0);
  private static final long R1_IS_1 = instruction(0xb7, 1, 1);
  private static final long R2_IS_0 = instruction(0xb7, 2, 0);
  private static final long EXIT = instruction(0x95, 0, 0);

  /** Conclusive answers only. Two threads may ask at once, and find the same. */
  private static final Map<Feature, Probe> KNOWN = new ConcurrentHashMap<>();

  private Probes() {}

  /** Whether the kernel has {@code feature}; a conclusive answer is kept. */
  public static Probe of(Feature feature) {
    Probe known = KNOWN.get(feature);
    if (known != null) {
      return known;
    }
    Probe found = probe(feature);
    if (!(found instanceof Probe.Inconclusive)) {
      KNOWN.put(feature, found);
    }
    return found;
  }

  /** Asks without looking at what is known. */
  private static Probe probe(Feature feature) {
    try {
      LibBpf.require();
      return verdict(feature, attempt(feature));
    } catch (BpfException e) {
      return new Probe.Inconclusive(e);
    }
  }

  /**
   * What an answer means: EINVAL (an unknown command, type or helper) and ENOSYS are the kernel's
   * words for what it does not know; everything else is about this process or this moment.
   */
  static Probe verdict(Feature feature, int result) {
    if (result >= 0) {
      return new Probe.Supported();
    }
    return switch (-result) {
      case Errno.EINVAL, Errno.ENOSYS, Errno.EOPNOTSUPP, Errno.ENOTSUPP ->
          new Probe.Unsupported(feature.since());
      default -> new Probe.Inconclusive(new BpfException("probe", -result, feature.toString()));
    };
  }

  /** Tries, answering 0 or more for success and a negative error number. */
  private static int attempt(Feature feature) {
    return switch (feature) {
      case BPF -> closed(load(SOCKET_FILTER, R0_IS_0, EXIT));
      case MAP_LRU_HASH -> closed(create(MapType.LRU_HASH, 4, 4, 1, 0));
      case MAP_LPM_TRIE -> closed(create(MapType.LPM_TRIE, 8, 4, 1, BPF_F_NO_PREALLOC));
      // A multiple of the page size, whatever that is.
      case MAP_RINGBUF -> closed(create(MapType.RINGBUF, 0, 0, 1 << 16, 0));
      case MAP_BATCH -> batch();
      case TCX_LINK -> tcx();
      case HELPER_REDIRECT_PEER ->
          closed(load(SCHED_CLS, R1_IS_1, R2_IS_0, call(HELPER_REDIRECT_PEER), EXIT));
      case HELPER_KTIME_GET_COARSE_NS ->
          closed(load(SCHED_CLS, call(HELPER_KTIME_GET_COARSE_NS), R0_IS_0, EXIT));
      case KFUNC_SKB_CT_LOOKUP -> isKernelFunction("bpf_skb_ct_lookup") ? 0 : -Errno.EOPNOTSUPP;
    };
  }

  /** Whether the kernel, or its module for connection tracking, lends programs a function. */
  private static boolean isKernelFunction(String name) {
    return Stream.of("vmlinux", "nf_conntrack")
        .map(part -> Path.of("/sys/kernel/btf", part))
        .anyMatch(types -> Files.exists(types) && names(types, name));
  }

  /** Whether a file of types has this name among its texts, each of which ends with a zero. */
  private static boolean names(Path types, String name) {
    try (Arena arena = Arena.ofConfined();
        FileChannel file = FileChannel.open(types)) {
      MemorySegment all = arena.allocate(file.size());
      ByteBuffer buffer = all.asByteBuffer();
      int count = 0;
      while (count >= 0 && buffer.hasRemaining()) {
        count = file.read(buffer);
      }
      MemorySegment wanted = arena.allocateFrom("\0" + name, StandardCharsets.US_ASCII);
      return LibC.contains(all.asSlice(0, buffer.position()), wanted);
    } catch (IOException e) {
      throw new BpfException("read", Errno.EIO, types + ": " + e.getMessage());
    }
  }

  /** A kernel with tcx looks for the device and does not find it; others refuse the link type. */
  private static int tcx() {
    int program = load(SCHED_CLS, R0_IS_0, EXIT);
    if (program < 0) {
      return inconclusive(program);
    }
    try (Fd held = new Fd(program, "probe")) {
      int type = Direction.INGRESS.tcxAttachType();
      int link = Libbpf.bpf_link_create(held.get(), NO_DEVICE, type, MemorySegment.NULL);
      return link == -Errno.ENODEV ? 0 : closed(link);
    }
  }

  /** A kernel without batches does not know the command; with them, one element goes in. */
  private static int batch() {
    int map = create(MapType.HASH, 4, 4, 1, 0);
    if (map < 0) {
      return inconclusive(map);
    }
    try (Fd held = new Fd(map, "probe");
        Arena arena = Arena.ofConfined()) {
      MemorySegment element = arena.allocate(JAVA_INT);
      return MapCalls.KERNEL.updateBatch(
          held.get(), element, element, arena.allocateFrom(JAVA_INT, 1));
    }
  }

  /** What a step before the probed one answers must not pass for an answer about the feature. */
  private static int inconclusive(int result) {
    throw new BpfException("probe", -result, "prerequisite");
  }

  /** Creates a map; a descriptor or a negative error number. */
  private static int create(MapType type, int keyBytes, int valueBytes, int entries, int flags) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment options = arena.allocate(bpf_map_create_opts.layout());
      bpf_map_create_opts.sz(options, options.byteSize());
      bpf_map_create_opts.map_flags(options, flags);
      return Libbpf.bpf_map_create(
          type.number(), arena.allocateFrom("probe"), keyBytes, valueBytes, entries, options);
    }
  }

  /** Loads a program; a descriptor or a negative error number. */
  private static int load(int programType, long... instructions) {
    try (Arena arena = Arena.ofConfined()) {
      return Libbpf.bpf_prog_load(
          programType,
          arena.allocateFrom("probe"),
          arena.allocateFrom("GPL"),
          arena.allocateFrom(JAVA_LONG, instructions),
          instructions.length,
          MemorySegment.NULL);
    }
  }

  /** What was created served to see that it can be. */
  private static int closed(int fd) {
    if (fd >= 0) {
      LibC.close(fd);
    }
    return fd;
  }

  /** A call of a helper, whose arguments stand in the registers 1 to 5. */
  private static long call(int helper) {
    return instruction(0x85, 0, helper);
  }

  /** One struct bpf_insn as a little-endian machine reads it from memory. */
  private static long instruction(int opcode, int register, int immediate) {
    return opcode | (long) register << 8 | (long) immediate << 32;
  }
}
