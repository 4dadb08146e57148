// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import io.cilium4j.datapath.bpf.generated.libbpf_print_fn_t;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What libbpf says. It has one print hook a process, called on the thread that called libbpf: so a
 * thread that is capturing keeps its own lines for the exception it may throw, and every other line
 * goes to the log at debug and trace. Nothing reaches standard error.
 */
final class LibbpfLog implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LibbpfLog.class);

  /** The level of what went wrong; the levels above it tell what libbpf is doing. */
  private static final int LIBBPF_WARN = 0;

  // libbpf wraps the verifier's log so, in a warning of its own, when a program is refused. It
  // loads a second time to get it: a load that succeeds pays nothing for the log.
  private static final String LOG_BEGIN = "-- BEGIN PROG LOAD LOG --\n";
  private static final String LOG_END = "-- END PROG LOAD LOG --";

  /** The capture of each thread that is inside one. */
  private static final ThreadLocal<@Nullable LibbpfLog> CAPTURING = new ThreadLocal<>();

  // vasprintf and not vsnprintf: a va_list can be walked only once, and the verifier's log is
  // longer than any buffer one would set aside.
  private static final MethodHandle VASPRINTF =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("vasprintf"),
              FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS, ADDRESS));
  private static final MethodHandle FREE =
      Linker.nativeLinker()
          .downcallHandle(
              Linker.nativeLinker().defaultLookup().findOrThrow("free"),
              FunctionDescriptor.ofVoid(ADDRESS));

  private final List<String> warnings = new ArrayList<>();
  private final StringBuilder verifierLog = new StringBuilder();

  private LibbpfLog() {}

  /** Sets the process-wide hook; called once, by {@link LibBpf}. */
  static void install() {
    Libbpf.libbpf_set_print(libbpf_print_fn_t.allocate(LibbpfLog::print, Arena.global()));
  }

  /** Keeps what libbpf says on this thread until closed. Captures do not nest. */
  static LibbpfLog capture() {
    LibbpfLog log = new LibbpfLog();
    CAPTURING.set(log);
    return log;
  }

  /** The warnings on one line, without the verifier's log. */
  String summary() {
    return String.join("; ", warnings);
  }

  /** What the verifier wrote; empty when it did not run or was content. */
  String verifierLog() {
    return verifierLog.toString();
  }

  /** Ends the capture; what was kept stays readable. */
  @Override
  public void close() {
    CAPTURING.remove();
  }

  /** The hook. An exception that left an upcall would end the JVM: nothing may leave here. */
  private static int print(int level, MemorySegment format, MemorySegment arguments) {
    try {
      String line = format(format, arguments).stripTrailing();
      LibbpfLog capturing = CAPTURING.get();
      if (capturing != null && level == LIBBPF_WARN) {
        capturing.add(line);
      } else if (level == LIBBPF_WARN) {
        LOG.debug("libbpf says={}", line);
      } else {
        LOG.trace("libbpf says={}", line);
      }
    } catch (Throwable lost) {
      // a line of libbpf's is not worth the process
    }
    return 0;
  }

  /** Sorts a line of libbpf's into the verifier's log, which is many, and the rest. */
  private void add(String line) {
    int begin = line.indexOf(LOG_BEGIN);
    if (begin < 0) {
      warnings.add(line.replace('\n', ' '));
      return;
    }
    int end = line.indexOf(LOG_END, begin);
    verifierLog.append(line, begin + LOG_BEGIN.length(), end < 0 ? line.length() : end);
  }

  /**
   * What printf would print. The argument list is passed on as it came in: on all our machines it
   * arrives as a pointer.
   */
  private static String format(MemorySegment format, MemorySegment arguments) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(ADDRESS);
      int length = (int) VASPRINTF.invokeExact(out, format, arguments);
      if (length < 0) {
        return "";
      }
      MemorySegment text = out.get(ADDRESS, 0).reinterpret(length + 1L);
      try {
        return text.getString(0, StandardCharsets.UTF_8);
      } finally {
        FREE.invokeExact(text);
      }
    }
  }
}
