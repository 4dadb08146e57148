// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The agent's classes as its start needs them, made once for all tests of a build: hundreds of
 * agents are started, and each takes half the time of the processor with it. Where it cannot be
 * made, as of classes that are in no jar, agents start without it.
 */
final class ClassCache {

  /** The module whose programs it is good for, as the JVM has it. */
  static final String MODULE = "io.cilium4j.daemon";

  private static final int PATIENCE_SECONDS = 180;

  private ClassCache() {}

  /**
   * The flag that has an agent use it; none where there is no cache.
   *
   * @param flags the JVM's flags that agents have, for which alone it is good
   * @param modules the module path of agents
   */
  static List<String> flag(List<String> flags, String modules) throws IOException {
    Path file = Path.of("target", "agent.aot").toAbsolutePath();
    try (var _ = Claim.of("classes")) {
      if (!isNewerThan(file, modules)) {
        make(file, flags, modules);
      }
    }
    // An empty one says that none can be made.
    return Files.size(file) == 0 ? List.of() : List.of("-XX:AOTCache=" + file);
  }

  private static boolean isNewerThan(Path file, String modules) {
    long made = file.toFile().lastModified();
    return Stream.of(modules.split(File.pathSeparator))
        .allMatch(each -> new File(each).lastModified() < made);
  }

  private static void make(Path file, List<String> flags, String modules) throws IOException {
    Path unfinished = file.resolveSibling("agent.aot.new");
    Files.deleteIfExists(unfinished);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.add("-XX:AOTCacheOutput=" + unfinished);
    command.addAll(List.of("-p", modules));
    command.addAll(List.of("-m", MODULE + "/io.cilium4j.daemon.Training"));
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(Path.of("target", "agent.aot.log").toFile())
            .start();
    try {
      if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly().onExit().join();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      throw new IOException("interrupted", e);
    }
    if (Files.notExists(unfinished)) {
      Files.createFile(unfinished);
    }
    Files.move(unfinished, file, StandardCopyOption.REPLACE_EXISTING);
  }
}
