// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Programs outside of the build, made from {@code src/it/consumer} and the packaged jars: on the
 * class path, on the module path, and linked into a run-time image. Each runs in a JVM of its own.
 */
class ArtifactsIT {

  /** Our jars, and all that they run with. */
  private static final Path LIB = Path.of("target/lib").toAbsolutePath();

  private static final Path SOURCES = Path.of("src/it/consumer").toAbsolutePath();

  private static final Set<String> PROGRAMS =
      Set.of("AgentProgram.java", "PolicyProgram.java", "ProxyProgram.java");

  private static final String FOUND =
      """
      datapath [ebpf, memory]
      flow-sink [file, log]
      ipam [cluster-pool, kubernetes, multi-pool, static]
      identity-backend [crd, memory]
      source [directory]
      running on memory
      enforced PROGRAM
      """;

  @TempDir private Path folder;

  @Test
  void services_ofEveryJar_areThoseOfItsModule() {
    int providers = 0;
    for (ModuleReference jar : ModuleFinder.of(LIB).findAll()) {
      ModuleDescriptor module = jar.descriptor();
      if (module.name().startsWith("io.cilium4j.")) {
        Map<String, Set<String>> ofModule = new TreeMap<>();
        module
            .provides()
            .forEach(each -> ofModule.put(each.service(), new TreeSet<>(each.providers())));
        assertEquals(ofModule, services(jar), module.name());
        providers += ofModule.size();
      }
    }
    assertTrue(providers >= 4, "providers found: " + providers);
  }

  @Test
  void licences_ofEveryJar_areInIt() throws IOException {
    int jars = 0;
    for (ModuleReference jar : ModuleFinder.of(LIB).findAll()) {
      String name = jar.descriptor().name();
      if (name.startsWith("io.cilium4j.")) {
        jars++;
        try (var reader = jar.open()) {
          assertTrue(reader.find("META-INF/LICENSE").isPresent(), name);
          if (name.equals("io.cilium4j.datapath")) {
            assertTrue(reader.find("META-INF/licenses/LICENSE.GPL-2.0").isPresent());
            assertTrue(reader.find("META-INF/licenses/LICENSE.BSD-2-Clause").isPresent());
          }
          if (name.equals("io.cilium4j.core")) {
            assertTrue(reader.find("META-INF/licenses/RE2J").isPresent());
          }
        }
      }
    }
    assertTrue(jars >= 8, "jars found: " + jars);
  }

  @Test
  void agent_onTheClassPath_findsEveryImplementationAndRuns() throws Exception {
    compile(PROGRAMS, "-cp", LIB + "/*");

    assertEquals(
        FOUND,
        java(
            "-cp",
            folder.resolve("classes") + File.pathSeparator + LIB + "/*",
            "consumer.AgentProgram",
            folder.toString()));
  }

  @Test
  void agent_onTheModulePath_findsEveryImplementationAndRuns() throws Exception {
    compileModule();

    assertEquals(
        FOUND,
        java(
            "-p",
            folder.resolve("classes") + File.pathSeparator + LIB,
            "-m",
            "consumer/consumer.AgentProgram",
            folder.toString()));
  }

  @Test
  void proxy_onTheClassPath_findsItsNativeCode() throws Exception {
    compile(PROGRAMS, "-cp", LIB + "/*");

    assertEquals(
        "unavailable: \n",
        java(
            "-cp",
            folder.resolve("classes") + File.pathSeparator + LIB + "/*",
            "consumer.ProxyProgram"));
  }

  /** A module of a processor is one that no descriptor can require. */
  @Test
  void proxy_onTheModulePath_saysWhichModuleItNeeds() throws Exception {
    compileModule();
    String path = folder.resolve("classes") + File.pathSeparator + LIB;

    String said = java("-p", path, "-m", "consumer/consumer.ProxyProgram");

    Matcher flag = Pattern.compile("--add-modules=[a-z0-9_.]+").matcher(said);
    assertTrue(flag.find(), said);
    assertEquals(
        "unavailable: \n", java(flag.group(), "-p", path, "-m", "consumer/consumer.ProxyProgram"));
  }

  @Test
  void policyEngine_linkedIntoAnImage_runsWithoutAnythingElse() throws Exception {
    Files.createDirectories(folder.resolve("src/consumer"));
    Files.writeString(
        folder.resolve("src/module-info.java"), "module linked { requires io.cilium4j.policy; }");
    Files.copy(
        SOURCES.resolve("consumer/PolicyProgram.java"),
        folder.resolve("src/consumer/PolicyProgram.java"));
    run(
        "javac",
        "-p",
        LIB.toString(),
        "-d",
        folder.resolve("classes").toString(),
        folder.resolve("src/module-info.java").toString(),
        folder.resolve("src/consumer/PolicyProgram.java").toString());

    Path image = folder.resolve("image");
    run(
        "jlink",
        "-p",
        folder.resolve("classes") + File.pathSeparator + LIB,
        "--add-modules",
        "linked",
        "--output",
        image.toString());

    assertEquals(
        "passes [80/TCP]\n",
        runAt(image.resolve("bin/java"), "-m", "linked/consumer.PolicyProgram"));
  }

  /** The providers that a program on the class path finds in a jar, by service. */
  private static Map<String, Set<String>> services(ModuleReference jar) {
    Map<String, Set<String>> services = new TreeMap<>();
    String folder = "META-INF/services/";
    try (var reader = jar.open();
        Stream<String> names = reader.list()) {
      for (String name : names.filter(each -> each.startsWith(folder)).toList()) {
        if (name.length() > folder.length()) {
          String text = new String(reader.open(name).orElseThrow().readAllBytes(), UTF_8);
          services.put(name.substring(folder.length()), text.lines().collect(Collectors.toSet()));
        }
      }
    } catch (IOException e) {
      throw new IllegalStateException(jar.location() + ": " + e.getMessage(), e);
    }
    return services;
  }

  private void compileModule() throws Exception {
    Set<String> names = new TreeSet<>(PROGRAMS);
    names.add("module-info.java");
    compile(names, "-p", LIB.toString());
  }

  private void compile(Set<String> names, String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of(options));
    command.addAll(List.of("-d", folder.resolve("classes").toString()));
    try (Stream<Path> files = Files.walk(SOURCES)) {
      files
          .filter(file -> names.contains(file.getFileName().toString()))
          .forEach(file -> command.add(file.toString()));
    }
    run("javac", command.toArray(String[]::new));
  }

  private String java(String... arguments) throws Exception {
    return run("java", arguments);
  }

  private String run(String tool, String... arguments) throws Exception {
    return runAt(Path.of(System.getProperty("java.home"), "bin", tool), arguments);
  }

  /** What the tool prints; fails with that and what it says of the error where there is one. */
  private String runAt(Path tool, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of(tool.toString()));
    command.addAll(List.of(arguments));
    Path out = Files.createTempFile(folder, "out", "");
    Path err = Files.createTempFile(folder, "err", "");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    process.getOutputStream().close();
    int exit = process.waitFor();
    String printed = Files.readString(out);
    assertEquals(0, exit, () -> command + "\n" + printed + "\n" + text(err));
    assertFalse(text(err).contains("no such implementation"), text(err));
    return printed;
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return String.valueOf(e.getMessage());
    }
  }
}
