// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.LibC;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The right to an instance's devices, routes and pins in one network namespace: one process has it
 * at a time, whatever its state folder. It is the name of a UNIX socket of the abstract namespace,
 * which the kernel keeps for each network namespace, refuses to a second owner and drops when the
 * process ends, however it ends. A second name beside it says whose it is.
 */
public final class InstanceClaim implements AutoCloseable {
  private static final int AF_UNIX = 1;
  private static final int SOCK_DGRAM = 2;

  /** Longest name of an abstract socket, in bytes, without the zero byte that it begins with. */
  private static final int MAX_NAME_BYTES = 107;

  /** Where the kernel lists the sockets of a network namespace; abstract names begin with an @. */
  private static final Path SOCKETS = Path.of("/proc/thread-self/net/unix");

  private final int lock;
  private final int note;

  private InstanceClaim(int lock, int note) {
    this.lock = lock;
    this.note = note;
  }

  /**
   * Takes the instance, in the calling thread's network namespace.
   *
   * @throws DatapathException if another datapath has it, in this process or another; the message
   *     names its process and folder
   */
  public static InstanceClaim take(Config config) {
    String name = "cilium4j/" + config.instance();
    int lock = socket();
    try {
      bind(lock, name);
    } catch (SystemCallException e) {
      LibC.close(lock);
      if (e.errno() == Errno.EADDRINUSE) {
        throw new DatapathException(
            "instance "
                + config.instance()
                + " is running already"
                + holder(name).map(holder -> ", " + holder).orElse("")
                + "; give this agent another instance name",
            e);
      }
      throw e;
    }
    return new InstanceClaim(lock, note(name, config));
  }

  /** For the message of whoever is kept out; -1 where there is no such name to be had. */
  private static int note(String name, Config config) {
    String process = name + " process " + ProcessHandle.current().pid();
    String whole = process + ", state " + config.runFolder().toAbsolutePath();
    int note = socket();
    try {
      bind(note, whole.getBytes(StandardCharsets.UTF_8).length > MAX_NAME_BYTES ? process : whole);
      return note;
    } catch (SystemCallException _) {
      LibC.close(note);
      return -1;
    }
  }

  private static Optional<String> holder(String name) {
    String marker = "@" + name + " ";
    try (Stream<String> lines = Files.lines(SOCKETS)) {
      return lines
          .filter(line -> line.contains(marker))
          .map(line -> line.substring(line.indexOf(marker) + marker.length()))
          .findFirst();
    } catch (IOException | RuntimeException _) {
      return Optional.empty(); // The refusal stands without it.
    }
  }

  private static int socket() {
    return LibC.socket(AF_UNIX, SOCK_DGRAM | LibC.SOCK_CLOEXEC, 0);
  }

  /** {@code struct sockaddr_un}: the family, a zero byte, and the name without an end. */
  private static void bind(int fd, String name) {
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment address = arena.allocate(3L + bytes.length, 2);
      address.set(ValueLayout.JAVA_SHORT, 0, (short) AF_UNIX);
      MemorySegment.copy(bytes, 0, address, ValueLayout.JAVA_BYTE, 3, bytes.length);
      LibC.bind(fd, address, name);
    }
  }

  @Override
  public void close() {
    LibC.close(lock);
    if (note >= 0) {
      LibC.close(note);
    }
  }
}
