// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Pod;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.ManualScheduler;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real files, and time moved by hand. */
class DirectorySourceTest {
  /** How long the file system may take to tell of a change. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @TempDir private Path base;

  private final ManualScheduler time = new ManualScheduler();
  private Path folder;
  private DirectorySource source;

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(base.resolve("manifests"));
    source = new DirectorySource(folder, "default", time);
  }

  @AfterEach
  void stop() {
    source.stop();
  }

  @Test
  void look_fileIsNoYaml_keepsWhatItLastSaid() throws Exception {
    write("a.yaml", pod("one", "v: first"));
    source.start();
    write("a.yaml", pod("one", "v: second") + "\n---\nkind: [unclosed");
    lookAgain();
    assertEquals(Optional.of("first"), label("one", "v"));
    String problem = problems().get("a.yaml");
    assertTrue(problem != null && problem.startsWith("line "), String.valueOf(problem));
    write("a.yaml", pod("one", "v: third"));
    lookAgain();
    assertEquals(Optional.of("third"), label("one", "v"));
    assertEquals(Map.of(), problems());
  }

  @Test
  void look_oneDocumentIsWrong_keepsThatObjectAndTakesTheOthers() throws Exception {
    write("a.yaml", pod("one", "v: a1") + "---\n" + pod("two", "v: a1"));
    source.start();
    write("a.yaml", pod("one", "v: not/a/value") + "---\n" + pod("two", "v: a2"));
    lookAgain();
    assertEquals(Optional.of("a1"), label("one", "v"));
    assertEquals(Optional.of("a2"), label("two", "v"));
    assertEquals(
        Map.of(
            "a.yaml document 1 Pod/default/one",
            "metadata.labels[v]: wanted a label's value, not \"not/a/value\""),
        problems());
  }

  @Test
  void look_documentGone_removesTheObject() throws Exception {
    write("a.yaml", pod("one", "v: a") + "---\n---\n" + pod("two", "v: a"));
    source.start();
    assertEquals(2, source.pods().snapshot().size());
    write("a.yaml", pod("two", "v: a"));
    lookAgain();
    assertFalse(source.pods().snapshot().contains(key("one")));
    Files.delete(folder.resolve("a.yaml"));
    lookAgain();
    assertTrue(source.pods().snapshot().isEmpty());
  }

  @Test
  void look_documentWithoutAName_removesNothingOfTheFile() throws Exception {
    write("a.yaml", pod("one", "v: a") + "---\n" + pod("two", "v: a"));
    source.start();
    write("a.yaml", pod("one", "v: a") + "---\n" + pod("two", "v: a").replace("name: two", "x: y"));
    lookAgain();
    assertTrue(source.pods().snapshot().contains(key("two")));
    assertEquals(Map.of("a.yaml document 2", "metadata.name: missing"), problems());
  }

  @Test
  void look_twoFilesDefineOneObject_theFirstCountsUntilItGoes() throws Exception {
    write("b.yaml", pod("one", "v: from-b"));
    write("a.yaml", pod("one", "v: from-a"));
    source.start();
    assertEquals(Optional.of("from-a"), label("one", "v"));
    assertEquals(
        Map.of("b.yaml Pod/default/one", "defined in a.yaml too, which counts"), problems());
    Files.delete(folder.resolve("a.yaml"));
    lookAgain();
    assertEquals(Optional.of("from-b"), label("one", "v"));
    assertEquals(Map.of(), problems());
  }

  @Test
  void look_oneFileDefinesAnObjectTwice_isAProblem() throws Exception {
    write("a.yaml", pod("one", "v: first") + "---\n" + pod("one", "v: second"));
    source.start();
    assertEquals(Optional.of("first"), label("one", "v"));
    assertEquals(
        Map.of("a.yaml document 2 Pod/default/one", "defined twice in this file; the first counts"),
        problems());
  }

  @Test
  void look_linksAndOddFiles_areReadOnlyInsideTheFolder() throws Exception {
    Files.writeString(base.resolve("outside.yaml"), pod("outside", "v: a"));
    Files.createSymbolicLink(folder.resolve("out.yaml"), base.resolve("outside.yaml"));
    Files.createDirectory(folder.resolve("..data"));
    Files.writeString(folder.resolve("..data/inside.yaml"), pod("inside", "v: a"));
    Files.createSymbolicLink(folder.resolve("in.yaml"), Path.of("..data", "inside.yaml"));
    Files.createSymbolicLink(folder.resolve("nowhere.yaml"), Path.of("nowhere"));
    Files.createDirectory(folder.resolve("folder.yaml"));
    Files.write(folder.resolve("latin1.yaml"), new byte[] {'a', ':', ' ', (byte) 0xe4});
    write("large.yaml", "#".repeat(DirectoryScanner.MAX_FILE_BYTES + 1));
    write(".hidden.yaml", pod("hidden", "v: a"));
    write("notes.txt", pod("notes", "v: a"));
    write("list.json", "{\"kind\": \"List\", \"items\": []}");
    source.start();
    assertEquals(1, source.pods().snapshot().size());
    assertTrue(source.pods().snapshot().contains(key("inside")));
    assertEquals(
        Map.of(
            "out.yaml", "a link that leads out of the folder",
            "nowhere.yaml", "no such file",
            "folder.yaml", "not a regular file",
            "latin1.yaml", "not UTF-8",
            "large.yaml", "larger than 1048576 bytes"),
        problems());
  }

  @Test
  void look_folderAwayForAWhile_keepsEverything() throws Exception {
    write("a.yaml", pod("one", "v: a"));
    source.start();
    Path elsewhere = base.resolve("elsewhere");
    Files.move(folder, elsewhere);
    lookAgain();
    assertTrue(source.pods().snapshot().contains(key("one")));
    assertEquals(1, problems().size());
    Files.move(elsewhere, folder);
    lookAgain();
    assertEquals(Map.of(), problems());
  }

  @Test
  void sign_oneChange_isReadOnceItIsQuiet() throws Exception {
    source.start();
    write("a.yaml", pod("one", "v: a"));
    source.sign("a.yaml");
    time.advance(DirectorySource.QUIET.dividedBy(2));
    assertTrue(source.pods().snapshot().isEmpty());
    source.sign("a.yaml");
    time.advance(DirectorySource.QUIET.dividedBy(2));
    assertTrue(source.pods().snapshot().isEmpty(), "the second sign began the wait anew");
    beQuietUntil(() -> source.pods().snapshot().contains(key("one")));
  }

  /** The file system's own signs of a change come at their own time, and begin the wait anew. */
  private void beQuietUntil(BooleanSupplier isRead) {
    long end = System.nanoTime() + PATIENCE.toNanos();
    do {
      assertTrue(System.nanoTime() - end < 0, "it is not read");
      time.advance(DirectorySource.QUIET);
    } while (!isRead.getAsBoolean());
  }

  @Test
  void sign_neverQuiet_isReadAllTheSame() throws Exception {
    source.start();
    write("a.yaml", pod("one", "v: a"));
    Duration step = DirectorySource.QUIET.dividedBy(2);
    long steps = DirectorySource.PATIENCE.dividedBy(step) + 2;
    for (int i = 0; i < steps; i++) {
      source.sign("");
      time.advance(step);
    }
    assertTrue(source.pods().snapshot().contains(key("one")));
  }

  @Test
  void sign_sameSizeAndTime_isReadAgain() throws Exception {
    write("a.yaml", pod("one", "v: a1"));
    source.start();
    var modified = Files.getLastModifiedTime(folder.resolve("a.yaml"));
    write("a.yaml", pod("one", "v: a2"));
    Files.setLastModifiedTime(folder.resolve("a.yaml"), modified);
    source.sign("a.yaml");
    beQuietUntil(() -> label("one", "v").equals(Optional.of("a2")));
  }

  @Test
  void sign_linkLeadsElsewhere_isReadAnew() throws Exception {
    // As a mounted ConfigMap changes: one link is swapped, the manifests are links through it.
    for (String version : List.of("v1", "v2")) {
      Files.createDirectory(folder.resolve("..." + version));
      Files.writeString(folder.resolve("..." + version + "/a.yaml"), pod("one", "v: " + version));
    }
    Path data = folder.resolve("..data");
    Files.createSymbolicLink(data, Path.of("...v1"));
    Files.createSymbolicLink(folder.resolve("a.yaml"), Path.of("..data", "a.yaml"));
    source.start();
    assertEquals(Optional.of("v1"), label("one", "v"));
    Files.delete(data);
    Files.createSymbolicLink(data, Path.of("...v2"));
    source.sign("");
    time.advance(DirectorySource.QUIET);
    assertEquals(Optional.of("v2"), label("one", "v"));
  }

  @Test
  void stop_laterChanges_areNotRead() throws Exception {
    source.start();
    source.stop();
    write("a.yaml", pod("one", "v: a"));
    source.sign("a.yaml");
    time.advance(DirectorySource.RECHECK);
    assertTrue(source.pods().snapshot().isEmpty());
  }

  @Test
  void start_noFolder_saysSo() {
    var missing = new DirectorySource(base.resolve("missing"), "default", time);
    var e = assertThrows(IOException.class, missing::start);
    assertTrue(String.valueOf(e.getMessage()).endsWith("missing: not a folder"));
    assertFalse(missing.pods().isInitialised());
  }

  @Test
  void open_wrongOptions_areRefused() {
    for (Map<String, String> options : List.of(Map.of("x", "y"), Map.<String, String>of())) {
      var config = new KubernetesSourceProvider.Config("default", time, options);
      assertThrows(
          IllegalArgumentException.class, () -> new DirectorySourceProvider().open(config));
    }
  }

  private void lookAgain() {
    // Twice: a sign of the kernel's that comes while the time moves puts the first look off.
    time.advance(DirectorySource.RECHECK);
    time.advance(DirectorySource.RECHECK);
  }

  private void write(String file, String text) throws IOException {
    Files.writeString(folder.resolve(file), text);
  }

  private static String pod(String name, String labels) {
    return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", labels: {" + labels + "}}\n";
  }

  private static ResourceKey key(String pod) {
    return new ResourceKey("Pod", "default", pod);
  }

  private Optional<String> label(String pod, String key) {
    return source.pods().get(key(pod)).map(Pod::labels).flatMap(l -> l.value("k8s", key));
  }

  private Map<String, String> problems() {
    var problems = new TreeMap<String, String>();
    source.problems().snapshot().forEach(row -> problems.put(row.key(), row.value()));
    return problems;
  }
}
