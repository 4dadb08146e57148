// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.bpf_object_open_opts;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * The way to libbpf. {@link #require} stands before the first use of any generated class, because
 * those fail while they initialise where the library is missing, and stay broken.
 *
 * <p>Since libbpf 1.0 a function that answers an int answers a negative error number, which {@link
 * #check} turns into an exception. One that answers a pointer answers null and leaves the reason in
 * errno, which Java loses unless the call captures it: those few are called from here.
 */
final class LibBpf {
  /** By its version's name: the plain name belongs to the development package. */
  private static final String LIBRARY = "libbpf.so.1";

  private LibBpf() {}

  /** Looks libbpf up when first asked, and keeps the answer: a library does not come and go. */
  private static final class Availability {
    static final Optional<String> PROBLEM = findProblem(LIBRARY);

    static {
      if (PROBLEM.isEmpty()) {
        LibbpfLog.install();
      }
    }
  }

  /** The calls that answer a pointer; a class of its own so that it initialises after the probe. */
  private static final class PointerCalls {
    static final SymbolLookup LOOKUP = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
    static final MethodHandle OPEN_MEM =
        capturing(
            "bpf_object__open_mem", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, ADDRESS));
    static final MethodHandle RING_BUFFER_NEW =
        capturing(
            "ring_buffer__new",
            FunctionDescriptor.of(ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS));

    /** A handle whose first argument is the memory that receives errno. */
    static MethodHandle capturing(String name, FunctionDescriptor function) {
      return Linker.nativeLinker()
          .downcallHandle(
              LOOKUP.findOrThrow(name), function, Linker.Option.captureCallState("errno"));
    }
  }

  /** Fails with what to install when libbpf is not there. */
  static void require() {
    if (Availability.PROBLEM.isPresent()) {
      throw new BpfException("dlopen", 0, LIBRARY, Availability.PROBLEM.get());
    }
  }

  /** Why {@code library} cannot be used; empty when it can. */
  static Optional<String> findProblem(String library) {
    SymbolLookup lookup;
    try {
      lookup = SymbolLookup.libraryLookup(library, Arena.global());
    } catch (IllegalArgumentException missing) {
      return Optional.of("libbpf 1.1 or newer is not installed: apt install libbpf1");
    }
    // 1.1 is the version that the bindings were generated from; this function came with it.
    return lookup.find("bpf_link_get_fd_by_id_opts").isPresent()
        ? Optional.empty()
        : Optional.of("libbpf is older than 1.1: apt install libbpf1");
  }

  /** Answers {@code result} unless it is a negative error number; that throws. */
  static int check(int result, String call, String object) {
    if (result < 0) {
      throw new BpfException(call, -result, object);
    }
    return result;
  }

  /** The number of CPUs this kernel may ever have, which is the length of a per-CPU value. */
  static int possibleCpus() {
    require();
    return check(Libbpf.libbpf_num_possible_cpus(), "libbpf_num_possible_cpus", "cpu/possible");
  }

  /** A new descriptor of what is pinned at {@code path}. */
  static int objectGet(String path) {
    require();
    try (Arena arena = Arena.ofConfined()) {
      return check(Libbpf.bpf_obj_get(arena.allocateFrom(path)), "bpf_obj_get", path);
    }
  }

  /** Pins {@code fd} at {@code path}, which must not exist (EEXIST). */
  static void objectPin(int fd, String path) {
    try (Arena arena = Arena.ofConfined()) {
      check(Libbpf.bpf_obj_pin(fd, arena.allocateFrom(path)), "bpf_obj_pin", path);
    }
  }

  /** Opens an object file held in memory; libbpf copies what it needs of it. */
  static MemorySegment openObject(byte[] elf, String name) {
    require();
    try (Arena arena = Arena.ofConfined();
        LibbpfLog log = LibbpfLog.capture()) {
      // 8: libelf reads the headers in place.
      MemorySegment bytes = arena.allocate(Math.max(1, elf.length), 8);
      MemorySegment.copy(elf, 0, bytes, JAVA_BYTE, 0, elf.length);
      MemorySegment options = arena.allocate(bpf_object_open_opts.layout());
      bpf_object_open_opts.sz(options, options.byteSize());
      bpf_object_open_opts.object_name(options, arena.allocateFrom(name));
      MemorySegment state = LibC.errnoSlot(arena);
      MemorySegment object =
          (MemorySegment)
              PointerCalls.OPEN_MEM.invokeExact(state, bytes, (long) elf.length, options);
      if (object.address() == 0) {
        throw new BpfException("bpf_object__open_mem", LibC.errno(state), name, log.summary());
      }
      return object;
    } catch (BpfException e) {
      throw e;
    } catch (Throwable e) { // declared by every handle, thrown by none
      throw new AssertionError("a downcall threw", e);
    }
  }

  /** A reader of the ring buffer {@code mapFd} that hands records to {@code callback}. */
  static MemorySegment newRingBuffer(int mapFd, MemorySegment callback, String name) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = LibC.errnoSlot(arena);
      MemorySegment ring =
          (MemorySegment)
              PointerCalls.RING_BUFFER_NEW.invokeExact(
                  state, mapFd, callback, MemorySegment.NULL, MemorySegment.NULL);
      if (ring.address() == 0) {
        throw new BpfException("ring_buffer__new", LibC.errno(state), name);
      }
      return ring;
    } catch (BpfException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a downcall threw", e);
    }
  }
}
