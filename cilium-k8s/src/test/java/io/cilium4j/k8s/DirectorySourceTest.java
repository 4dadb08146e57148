// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s;

import static io.cilium4j.core.spi.FileWriters.Answer.NOBODY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Pod;
import io.cilium4j.core.RawResource;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.FileWriters;
import io.cilium4j.core.spi.FileWriters.Answer;
import io.cilium4j.core.spi.KubernetesSourceProvider;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.StateFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Real files, and time moved by hand. */
class DirectorySourceTest {
  /** How long the file system may take to tell of a change. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  @TempDir private Path base;

  private final ManualScheduler time = new ManualScheduler();
  private final Map<Path, FileWriters.Answer> writers = new HashMap<>();
  private final HeldMemory memory = new HeldMemory();
  private Path folder;
  private DirectorySource source;

  /** What outlives a source; can be damaged, or refuse to keep anything. */
  private static final class HeldMemory implements StateFile {
    private Optional<byte[]> kept = Optional.empty();
    private int writes;
    private boolean isFull;
    private boolean isLost;

    @Override
    public Optional<byte[]> read() throws IOException {
      if (isLost) {
        throw new IOException("damaged");
      }
      return kept;
    }

    @Override
    public void write(byte[] content) throws IOException {
      if (isFull) {
        throw new IOException("No space left on device");
      }
      writes++;
      kept = Optional.of(content);
    }

    @Override
    public void delete() {
      kept = Optional.empty();
    }

    @Override
    public void setAside() {
      delete();
    }

    @Override
    public Optional<String> aside() {
      return Optional.empty();
    }
  }

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(base.resolve("manifests"));
    source = source(folder);
  }

  private DirectorySource source(Path of) {
    var config = new KubernetesSourceProvider.Config(time, Map.of(), memory);
    return new DirectorySource(of, config, file -> writers.getOrDefault(file, NOBODY));
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
            "folder.yaml", "a folder within the folder: not read",
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
    var missing = source(base.resolve("missing"));
    var e = assertThrows(IOException.class, missing::start);
    assertTrue(String.valueOf(e.getMessage()).endsWith("missing: no such folder"));
    assertFalse(missing.pods().isInitialised());
  }

  @Test
  void open_wrongOptions_areRefused() {
    for (Map<String, String> options : List.of(Map.of("x", "y"), Map.<String, String>of())) {
      var config = new KubernetesSourceProvider.Config(time, options);
      assertThrows(
          IllegalArgumentException.class, () -> new DirectorySourceProvider().open(config));
    }
  }

  // ---- over a restart ----

  /** Everything that can make a file unreadable, and the folder itself. */
  enum Trouble {
    BROKEN_YAML,
    ENDS_INSIDE,
    TOO_LARGE,
    NOT_UTF8,
    LINK_LEADS_OUT,
    LINK_LEADS_NOWHERE,
    A_FOLDER,
    NO_NAME,
    WRONG_KIND,
    OLD_VERSION,
    TOO_MANY_FILES,
    OPEN_FOR_WRITING
  }

  private void make(Trouble trouble) throws IOException {
    Path file = folder.resolve("a.yaml");
    switch (trouble) {
      case BROKEN_YAML -> write("a.yaml", policy() + "---\nkind: [unclosed");
      case ENDS_INSIDE -> write("a.yaml", policy() + "  ingress:\n");
      case TOO_LARGE -> write("a.yaml", "#".repeat(DirectoryScanner.MAX_FILE_BYTES + 1));
      case NOT_UTF8 -> Files.write(file, new byte[] {'a', ':', ' ', (byte) 0xe4});
      case LINK_LEADS_OUT -> {
        Files.writeString(base.resolve("outside.yaml"), policy());
        Files.delete(file);
        Files.createSymbolicLink(file, base.resolve("outside.yaml"));
      }
      case LINK_LEADS_NOWHERE -> {
        Files.delete(file);
        Files.createSymbolicLink(file, Path.of("nowhere"));
      }
      case A_FOLDER -> {
        Files.delete(file);
        Files.createDirectory(file);
      }
      case NO_NAME -> write("a.yaml", policy().replace("name: p", "x: y"));
      case WRONG_KIND -> write("a.yaml", policy().replace("NetworkPolicy", "NetworkPolcy"));
      case OLD_VERSION ->
          write("a.yaml", policy().replace("networking.k8s.io/v1", "extensions/v1beta1"));
      case TOO_MANY_FILES -> {
        for (int i = 0; i <= DirectoryScanner.MAX_FILES; i++) {
          Files.createFile(folder.resolve(i + ".yaml"));
        }
      }
      case OPEN_FOR_WRITING -> {
        write("a.yaml", "# not yet");
        writers.put(file.toRealPath(), Answer.SOMEBODY);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Trouble.class)
  void start_objectCannotBeRead_staysAsItWasBefore(Trouble trouble) throws Exception {
    write("a.yaml", policy() + "---\n" + pod("one", "v: a"));
    write("b.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {n: x}}\n");
    source.start();
    RawResource before = source.resources().get(POLICY).orElseThrow();
    source.stop();
    make(trouble);
    source = source(folder);
    source.start();
    assertTrue(source.resources().isInitialised(), "what is known counts at once");
    assertEquals(Optional.of(before), source.resources().get(POLICY));
    time.advance(DirectorySource.STUCK.plus(DirectorySource.RECHECK));
    assertEquals(Optional.of(before), source.resources().get(POLICY));
    if (trouble != Trouble.NO_NAME
        && trouble != Trouble.WRONG_KIND
        && trouble != Trouble.OLD_VERSION) {
      assertEquals(Optional.of("a"), label("one", "v"));
      assertEquals(
          Optional.of("x"), source.namespaces().get("default").map(each -> each.labels().get("n")));
    }
    assertEquals(1, problems().size(), problems().toString());
  }

  @Test
  void start_fileGoneMeanwhile_removesItsObjects() throws Exception {
    write("a.yaml", policy());
    source.start();
    source.stop();
    Files.delete(folder.resolve("a.yaml"));
    source = source(folder);
    source.start();
    assertEquals(Optional.empty(), source.resources().get(POLICY));
    assertTrue(source.resources().isInitialised());
  }

  @Test
  void start_fileRenamedAndBroken_keepsItsObjects() throws Exception {
    write("a.yaml", policy());
    source.start();
    source.stop();
    Files.delete(folder.resolve("a.yaml"));
    write("b.yaml", policy() + "---\nkind: [unclosed");
    source = source(folder);
    source.start();
    assertTrue(source.resources().get(POLICY).isPresent());
    assertEquals(Set.of("a.yaml", "b.yaml"), problems().keySet());
    write("b.yaml", policy().replace("name: p", "name: q"));
    lookAgain();
    assertEquals(Optional.empty(), source.resources().get(POLICY));
    assertEquals(Map.of(), problems());
  }

  @Test
  void start_memoryLost_waitsUntilEverythingCanBeRead() throws Exception {
    write("a.yaml", policy());
    write("b.yaml", "kind: [unclosed");
    memory.isLost = true;
    source.start();
    assertFalse(source.resources().isInitialised(), "b.yaml may be what is in force");
    assertTrue(problems().getOrDefault("last good manifests", "").startsWith("lost (damaged)"));
    write("b.yaml", pod("one", "v: a"));
    lookAgain();
    assertTrue(source.resources().isInitialised());
    assertEquals(Map.of(), problems());
  }

  @Test
  void start_memoryLostAndAnObjectDefinedTwice_waitsForNothing() throws Exception {
    write("a.yaml", policy());
    write("b.yaml", policy() + "---\n" + policy());
    memory.isLost = true;
    source.start();
    assertTrue(source.resources().isInitialised());
    assertTrue(source.resources().get(POLICY).isPresent());
    assertEquals(Set.of("b.yaml " + POLICY, "b.yaml document 2 " + POLICY), problems().keySet());
  }

  @Test
  void start_firstEver_oneFileWrong_takesTheOthers() throws Exception {
    write("a.yaml", policy());
    write("b.yaml", "kind: [unclosed");
    source.start();
    assertTrue(source.resources().isInitialised());
    assertTrue(source.resources().get(POLICY).isPresent());
    assertEquals(Set.of("b.yaml"), problems().keySet());
  }

  @Test
  void start_firstEver_folderCannotBeListed_waits() throws Exception {
    make(Trouble.TOO_MANY_FILES);
    source.start();
    assertFalse(source.resources().isInitialised());
    assertEquals(
        Map.of(folder.toString(), "folder cannot be listed: more than 10000 manifests"),
        problems());
    Files.delete(folder.resolve("0.yaml"));
    lookAgain();
    assertTrue(source.resources().isInitialised());
  }

  @Test
  void start_nothingNewAndDiskFull_isNoProblem() throws Exception {
    write("a.yaml", policy());
    source.start();
    source.stop();
    assertEquals(1, memory.writes);
    memory.isFull = true;
    source = source(folder);
    source.start();
    assertEquals(Map.of(), problems());
    write("a.yaml", policy().replace("{}", "{matchLabels: {a: b}}"));
    lookAgain();
    assertTrue(policyText().contains("matchLabels"));
    assertTrue(problems().getOrDefault("last good manifests", "").startsWith("not kept (No space"));
  }

  // ---- files that are being written ----

  @Test
  void look_somebodyWrites_isReadOnceItIsClosed() throws Exception {
    write("a.yaml", policy());
    source.start();
    Path file = folder.resolve("a.yaml").toRealPath();
    writers.put(file, Answer.SOMEBODY);
    write("a.yaml", policy().replace("{}", "{matchLabels: {half: written}}"));
    for (int i = 0; i < 60; i++) {
      time.advance(DirectorySource.UNFINISHED_RECHECK);
    }
    assertFalse(policyText().contains("half"));
    assertEquals(
        Map.of("a.yaml", "somebody has it open to write to it: it is taken once it is closed"),
        problems());
    write("a.yaml", policy().replace("{}", "{matchLabels: {all: written}}"));
    writers.put(file, NOBODY);
    lookAgain();
    assertTrue(policyText().contains("all"));
    assertEquals(Map.of(), problems());
  }

  @Test
  void look_nobodyCanTellWhoWrites_isReadOnceItRests() throws Exception {
    source.start();
    Path file = folder.resolve("a.yaml");
    write("a.yaml", policy());
    writers.put(file.toRealPath(), Answer.UNKNOWN);
    source.sign("a.yaml");
    time.advance(DirectorySource.PATIENCE);
    assertEquals(Optional.empty(), source.resources().get(POLICY));
    time.advance(DirectorySource.RECHECK.plus(DirectoryScanner.REST));
    assertTrue(source.resources().get(POLICY).isPresent());
  }

  private static final ResourceKey POLICY = new ResourceKey("NetworkPolicy", "default", "p");

  private static String policy() {
    return """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: p}
    spec:
      podSelector: {}
    """;
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
    return source.pods().get(key(pod)).map(Pod::labels).map(l -> l.get(key));
  }

  private String policyText() {
    return source.resources().get(POLICY).orElseThrow().object().toString();
  }

  private Map<String, String> problems() {
    var problems = new TreeMap<String, String>();
    source.problems().snapshot().forEach(row -> problems.put(row.key(), row.value()));
    return problems;
  }
}
