// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * The program {@code nft}, which changes the kernel's nftables: one run is one transaction, which
 * takes effect whole or not at all.
 *
 * <p>It runs in the network namespace of the thread that calls, which is therefore a platform
 * thread. Safe for use by several threads.
 */
public final class Nft {

  /** Where it is on systems on whose {@code PATH} it is not. */
  private static final List<String> FOLDERS = List.of("/usr/sbin", "/sbin");

  /** A transaction of thousands of elements takes a tenth of a second. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Path program;

  /** Runs this program. */
  public Nft(Path program) {
    this.program = program;
  }

  /** The program, if it is installed. */
  public static Optional<Nft> find() {
    String path = Optional.ofNullable(System.getenv("PATH")).orElse("");
    return Stream.concat(Stream.of(path.split(":")), FOLDERS.stream())
        .filter(folder -> folder.startsWith("/"))
        .map(folder -> Path.of(folder, "nft"))
        .filter(Files::isExecutable)
        .findFirst()
        .map(Nft::new);
  }

  /**
   * Carries out a script.
   *
   * @throws DatapathException if the kernel or the program refuses it; nothing has changed then
   */
  public void apply(String script) {
    run(script, "-f", "-");
  }

  /**
   * Has the program and the kernel check a script; changes nothing.
   *
   * @throws DatapathException if either refuses it
   */
  public void check(String script) {
    run(script, "-c", "-f", "-");
  }

  /** A table as text, without what changes by itself; empty if it cannot be read. */
  public Optional<String> list(String family, String table) {
    try {
      return Optional.of(run("", "-s", "list", "table", family, table));
    } catch (DatapathException _) {
      return Optional.empty(); // Mostly there is none; who then writes it learns what else it is.
    }
  }

  /** A map of a table as text; empty if it cannot be read. */
  public Optional<String> listMap(String family, String table, String map) {
    try {
      return Optional.of(run("", "-s", "list", "map", family, table, map));
    } catch (DatapathException _) {
      return Optional.empty(); // As above.
    }
  }

  private String run(String input, String... arguments) {
    List<String> command = new ArrayList<>(List.of(program.toString()));
    command.addAll(List.of(arguments));
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      try {
        return answer(process, input);
      } finally {
        process.destroyForcibly();
      }
    } catch (IOException e) {
      throw new DatapathException(program + ": " + e.getMessage(), e);
    }
  }

  private String answer(Process process, String input) throws IOException {
    // On a thread of its own, so that a program that hangs does not keep the caller.
    var output = new CompletableFuture<String>();
    Thread.ofPlatform()
        .daemon()
        .name("nft-output")
        .start(() -> {
          try (var text = process.inputReader(StandardCharsets.UTF_8)) {
            output.complete(text.readAllAsString());
          } catch (IOException | UncheckedIOException e) {
            output.completeExceptionally(e);
          }
        });
    try (var script = process.outputWriter(StandardCharsets.UTF_8)) {
      script.write(input);
    } catch (IOException _) {
      // It ended before it read all; what it said is in its output.
    }
    try {
      if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new DatapathException(program + ": no end after " + PATIENCE.toSeconds() + " s");
      }
      String text = output.get();
      if (process.exitValue() != 0) {
        throw new DatapathException(program + ": " + firstLine(text));
      }
      return text;
    } catch (ExecutionException e) {
      throw new DatapathException(program + ": " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DatapathException(program + ": interrupted", e);
    }
  }

  /** The error; the lines behind it repeat the script. */
  private static String firstLine(String text) {
    return text.lines().filter(line -> !line.isBlank()).findFirst().orElse("it failed").strip();
  }
}
