// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * How many files of each kind this process has open: sockets, pipes, maps, and files by their
 * paths. Fewer are no matter: the JVM closes what earlier tests left to it whenever it collects.
 */
public final class OpenFiles {

  private final Map<String, Integer> before;

  private OpenFiles(Map<String, Integer> before) {
    this.before = before;
  }

  /** What is open now. */
  public static OpenFiles now() {
    return new OpenFiles(count());
  }

  /**
   * Fails where more is open of any kind than there was, and stays open: a thread may be about to
   * close something.
   */
  public void assertNoMore() {
    long end = System.nanoTime() + 10_000_000_000L;
    Map<String, Integer> more = more();
    while (!more.isEmpty() && System.nanoTime() < end) {
      more = more();
    }
    assertEquals(Map.of(), more);
  }

  private Map<String, Integer> more() {
    Map<String, Integer> more = count();
    before.forEach((kind, number) ->
        more.computeIfPresent(kind, (_, now) -> now > number ? now - number : null));
    return more;
  }

  private static Map<String, Integer> count() {
    Map<String, Integer> open = new TreeMap<>();
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      for (Path each : (Iterable<Path>) all::iterator) {
        count(open, each);
      }
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return open;
  }

  private static void count(Map<String, Integer> open, Path descriptor) throws IOException {
    try {
      String target = Files.readSymbolicLink(descriptor).toString();
      // The folder that is being read, and where the JVM has found a class.
      if (!target.endsWith("/fd") && !target.endsWith(".jar")) {
        open.merge(target.replaceFirst(":\\[\\d+]$", ""), 1, Integer::sum);
      }
    } catch (NoSuchFileException _) {
      // It was closed meanwhile.
    }
  }
}
