// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the scripts run is a copy of what was built: a build leaves a running program's files alone.
 */
class SetupScriptTest {
  @TempDir private Path tree;

  @BeforeEach
  void makeTree() throws IOException {
    Files.createDirectories(tree.resolve(".mvn"));
    Files.createDirectories(tree.resolve("cilium-x/src"));
    Files.createDirectories(tree.resolve("examples/agent/daemon/src"));
    Files.createFile(tree.resolve("pom.xml"));
    Files.copy(
        Path.of("../../.mvn/setup.sh"),
        tree.resolve(".mvn/setup.sh"),
        StandardCopyOption.COPY_ATTRIBUTES);
  }

  private List<String> bash(String script) throws Exception {
    var process =
        new ProcessBuilder("bash", "-c", ". ./.mvn/setup.sh\n" + script)
            .directory(tree.toFile())
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    return output.lines().toList();
  }

  /** Builds as Maven does: wipes the module's folder and writes it anew. */
  private void build(String content) throws Exception {
    bash(
        """
        rm -rf examples/agent/daemon/target
        mkdir -p target examples/agent/daemon/target/lib
        touch target/.started
        echo %s >examples/agent/daemon/target/daemon-1-SNAPSHOT.jar
        echo %s >examples/agent/daemon/target/lib/core.jar
        mark_built examples/agent/daemon target/.started
        """
            .formatted(content, content));
  }

  private Path run() throws Exception {
    return Path.of(bash("find_jars examples/agent/daemon; echo \"$RUN\"").getLast());
  }

  @Test
  void build_programRuns_leavesItsJarsAlone() throws Exception {
    build("one");
    Path running = run();
    build("two");
    assertEquals("one\n", Files.readString(running.resolve("lib/core.jar")));
    Path next = run();
    assertNotEquals(running, next);
    assertEquals("two\n", Files.readString(next.resolve("lib/core.jar")));
    assertEquals("two\n", Files.readString(next.resolve("daemon-1-SNAPSHOT.jar")));
  }

  @Test
  void build_nobodyRuns_removesWhatIsOld() throws Exception {
    for (String content : List.of("one", "two", "three")) {
      build(content);
    }
    try (var folders = Files.list(tree.resolve("target/run"))) {
      assertEquals(2, folders.filter(Files::isDirectory).count());
    }
  }

  @Test
  void train_thenLaunch_runTheSameJvm() throws Exception {
    build("one");
    Path lib = run().resolve("lib");
    for (String jar : List.of("cilium-datapath-1", "x-native-epoll-1-linux-x86_64")) {
      Files.createFile(lib.resolve(jar + ".jar"));
    }
    makeJdk();

    bash(
        """
        export JAVA_HOME=$PWD/jdk
        train m Training examples/agent/daemon '-Xmx1m -XX:+UseSerialGC'
        echo kept >"$RUN/classes.aot"
        launch m Main examples/agent/daemon '-Xmx1m -XX:+UseSerialGC'
        """);

    List<String> flags =
        started().stream().map(line -> line.replaceAll(" -XX:AOTCache\\S*| -m .*", "")).toList();
    assertEquals(2, flags.size(), () -> String.join("\n", flags));
    // The JVM passes over a cache that was made with other flags, modules and paths than it runs
    // with.
    assertEquals(flags.getFirst(), flags.getLast());
    assertTrue(flags.getFirst().contains("--add-modules=io.netty.transport.epoll.linux.x86_64"));
  }

  @Test
  void agent_withAndWithoutHeap_hasALimit() throws Exception {
    Path cilium = Path.of("../../cilium");
    Files.copy(cilium, tree.resolve("cilium"), StandardCopyOption.COPY_ATTRIBUTES);
    build("one");
    makeJdk();

    bash(
        """
        export JAVA_HOME=$PWD/jdk
        ./cilium agent
        ./cilium agent --heap=512m
        CILIUM_HEAP=1g ./cilium agent
        ! ./cilium agent --heap plenty
        """);

    assertEquals(
        List.of("-Xmx256m", "-Xmx512m", "-Xmx1g"),
        started().stream()
            .filter(line -> line.contains("daemon.Main"))
            .map(line -> line.replaceAll(".*(-Xmx\\w+) .*", "$1"))
            .toList());
  }

  /** A JDK that notes how it was started. */
  private void makeJdk() throws IOException {
    Path bin = Files.createDirectories(tree.resolve("jdk/bin"));
    Files.writeString(tree.resolve("jdk/release"), "JAVA_VERSION=\"25\"\n");
    for (String name : List.of("java", "javac")) {
      Path program = bin.resolve(name);
      Files.writeString(program, "#!/bin/sh\necho \"$@\" >>\"$JAVA_HOME/log\"\n");
      Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }

  /** The arguments of each start of a JVM, in order. */
  private List<String> started() throws IOException {
    return Files.readAllLines(tree.resolve("jdk/log"));
  }

  @Test
  void build_commandAlone_needsNoDaemon() throws Exception {
    String pom = Files.readString(Path.of("pom.xml"));
    assertTrue(
        pom.indexOf("cilium-daemon") > pom.indexOf("<name>!maven.test.skip</name>"),
        "the tour's agent is a dependency of the tests alone");
  }
}
