// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A class of the tests in a process of its own, told by lines, which it answers by lines. */
final class JavaProcess implements AutoCloseable {
  private final Process process;
  private final BufferedReader out;

  /**
   * Starts one.
   *
   * @param main its class
   * @param shell what a shell does before, such as to set a limit
   */
  JavaProcess(Class<?> main, String shell, String... args) throws IOException {
    var java = new ArrayList<String>();
    java.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    java.add("--enable-native-access=ALL-UNNAMED");
    java.add("-cp");
    java.add(classPath());
    java.add(main.getName());
    java.addAll(List.of(args));
    var command = new ArrayList<>(List.of("sh", "-c", shell + " exec \"$@\"", "sh"));
    command.addAll(java);
    process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    out = process.inputReader(StandardCharsets.US_ASCII);
  }

  /** Where this process's classes are, wherever it has them from. */
  private static String classPath() {
    // Where tests are part of a module, their own folder is in neither path.
    String here = JavaProcess.class.getResource("JavaProcess.class").getPath();
    String tests = here.substring(0, here.indexOf("/io/cilium4j/"));
    return String.join(
        File.pathSeparator,
        tests,
        System.getProperty("jdk.module.path", ""),
        System.getProperty("java.class.path", ""));
  }

  void tell(String line) {
    try {
      process.getOutputStream().write((line + "\n").getBytes(StandardCharsets.US_ASCII));
      process.getOutputStream().flush();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String line() {
    try {
      String line = out.readLine();
      if (line == null) {
        throw new IllegalStateException("the process has ended");
      }
      return line;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** How many descriptors it has open. */
  int descriptors() {
    return new File("/proc/" + process.pid() + "/fd").list().length;
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
