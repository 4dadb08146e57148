// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * What the kernel answers to {@code BPF_OBJ_GET_INFO_BY_FD}. The offsets are those of {@code struct
 * bpf_map_info}, {@code bpf_prog_info} and {@code bpf_link_info} in linux/bpf.h; the kernel fills
 * as many bytes as it is given and as it knows.
 */
final class KernelInfo {

  /** Covers every member read here, of each of the three structs. */
  private static final int INFO_BYTES = 224;

  // The first two members of all three.
  private static final long TYPE = 0;
  private static final long ID = 4;
  // Of a map.
  private static final long MAP_KEY_BYTES = 8;
  private static final long MAP_VALUE_BYTES = 12;
  private static final long MAP_MAX_ENTRIES = 16;
  private static final long MAP_FLAGS = 20;
  private static final long MAP_NAME = 24;
  // Of a program, behind its tag, lengths, pointers and load time.
  private static final long PROGRAM_JITED_BYTES = 16;
  private static final long PROGRAM_NAME = 64;
  private static final long PROGRAM_VERIFIED = 216;
  // Of a link; behind the program stands a union by type, which begins with the device for tcx.
  private static final long LINK_PROGRAM_ID = 8;
  private static final long LINK_IFINDEX = 16;

  private KernelInfo() {}

  /** A map's shape and its number in the kernel. */
  record MapInfo(int id, MapSpec spec) {}

  /**
   * A program's number in the kernel, the first 15 characters of its name, and how large it is.
   *
   * @param verifiedInstructions 0 before kernel 5.16
   */
  record ProgramInfo(int id, String name, int verifiedInstructions, int jitedBytes) {}

  /** Of a map; {@code fd} of another kind of object gives numbers without a meaning. */
  static MapInfo ofMap(Fd fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = read(fd, arena);
      return new MapInfo(
          info.get(JAVA_INT, ID),
          new MapSpec(
              info.getString(MAP_NAME),
              MapType.of(info.get(JAVA_INT, TYPE)),
              info.get(JAVA_INT, MAP_KEY_BYTES),
              info.get(JAVA_INT, MAP_VALUE_BYTES),
              info.get(JAVA_INT, MAP_MAX_ENTRIES),
              info.get(JAVA_INT, MAP_FLAGS)));
    }
  }

  /** Of a program. */
  static ProgramInfo ofProgram(Fd fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = read(fd, arena);
      return new ProgramInfo(
          info.get(JAVA_INT, ID),
          info.getString(PROGRAM_NAME),
          info.get(JAVA_INT, PROGRAM_VERIFIED),
          info.get(JAVA_INT, PROGRAM_JITED_BYTES));
    }
  }

  /** Of a link. */
  static BpfLink.LinkInfo ofLink(Fd fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment info = read(fd, arena);
      return new BpfLink.LinkInfo(
          info.get(JAVA_INT, ID),
          info.get(JAVA_INT, LINK_PROGRAM_ID),
          info.get(JAVA_INT, LINK_IFINDEX));
    }
  }

  /**
   * Zeros beyond what the kernel knows; its pointers are left zero, so that it writes no arrays.
   */
  private static MemorySegment read(Fd fd, Arena arena) {
    MemorySegment info = arena.allocate(INFO_BYTES, 8);
    MemorySegment length = arena.allocateFrom(JAVA_INT, INFO_BYTES);
    LibBpf.check(
        Libbpf.bpf_obj_get_info_by_fd(fd.get(), info, length), "bpf_obj_get_info_by_fd", fd.what());
    return info;
  }
}
