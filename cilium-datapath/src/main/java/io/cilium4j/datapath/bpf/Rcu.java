// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.Map;

/**
 * Waits until every program that runs now has ended. A program runs within one RCU read section, so
 * what no new run can find may be deleted after this wait.
 *
 * <p>By membarrier(2) with {@code MEMBARRIER_CMD_GLOBAL} (kernel 4.3), which waits for an RCU grace
 * period: some tens of milliseconds, in which the caller sleeps.
 */
public final class Rcu {

  private static final int MEMBARRIER_CMD_GLOBAL = 1;

  /** The C library has no function for it; the number depends on the architecture. */
  private static final Map<String, Long> SYS_MEMBARRIER =
      Map.of("amd64", 324L, "x86_64", 324L, "aarch64", 283L);

  private static final MethodHandle SYSCALL =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("syscall"),
              FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT),
              Linker.Option.firstVariadicArg(1),
              Linker.Option.captureCallState("errno"));

  private Rcu() {}

  /** Returns when every program that ran when it was called has ended. */
  public static void synchronize() {
    String architecture = System.getProperty("os.arch", "");
    Long number = SYS_MEMBARRIER.get(architecture);
    if (number == null) {
      throw new BpfException("membarrier", 0, architecture, "no number for this architecture");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = LibC.errnoSlot(arena);
      long result = (long) SYSCALL.invokeExact(state, (long) number, MEMBARRIER_CMD_GLOBAL, 0, 0);
      if (result < 0) {
        throw new BpfException("membarrier", LibC.errno(state), "MEMBARRIER_CMD_GLOBAL");
      }
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("a downcall threw", e); // a downcall itself throws nothing
    }
  }
}
