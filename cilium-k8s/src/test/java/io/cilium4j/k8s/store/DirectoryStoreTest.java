// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The folder itself: what may lie in it, who may use it, and what happens when it is away. */
class DirectoryStoreTest {
  /** Only a failing test waits this long. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final ClusterNode NODE = new ClusterNode("node-1", List.of(), List.of());
  private static final Labels LABELS = Labels.parse("k8s:a=1");

  @TempDir private Path parent;
  private Path folder;
  private ClusterStore store;

  @BeforeEach
  void openStore() throws IOException {
    folder = Files.createDirectory(parent.resolve("store"));
    store = open();
  }

  @AfterEach
  void closeStore() {
    store.close();
  }

  private ClusterStore open() {
    return new DirectoryStoreProvider().open(Map.of("path", folder.toString()));
  }

  private static <K, V> Snapshot<K, V> await(Table<K, V> table, Predicate<Snapshot<K, V>> what)
      throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<K, V> watch = table.watch()) {
      while (true) {
        Snapshot<K, V> now = watch.take(Duration.ofNanos(end - System.nanoTime())).snapshot();
        if (what.test(now)) {
          return now;
        }
        assertTrue(System.nanoTime() < end, () -> "not in time: " + now.stream().toList());
      }
    }
  }

  private static Deadline soon() {
    return Deadline.in(Duration.ofSeconds(10));
  }

  private Path node(String name) {
    return folder.resolve("ciliumnodes").resolve(name + ".json");
  }

  // ---- who may use it ----

  @Test
  void create_anObject_isAFileThatOnlyItsOwnerReads() throws IOException {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    assertEquals(
        "rw-------", PosixFilePermissions.toString(Files.getPosixFilePermissions(node("node-1"))));
    for (String name : new String[] {"ciliumnodes", "ciliumendpoints", ".locks", ".new"}) {
      assertEquals(
          "rwx------",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve(name))));
    }
    String text = Files.readString(node("node-1"));
    assertTrue(text.contains("\"apiVersion\" : \"cilium.io/v2\""), text);
    assertTrue(text.contains("\"kind\" : \"CiliumNode\""), text);
    try (Stream<Path> left = Files.list(folder.resolve(".new"))) {
      assertEquals(List.of(), left.toList());
    }
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.ValueSource(strings = {"rwxrwx---", "rwxr-xrwx"})
  void open_othersMayWrite_isRefused(String mode) throws IOException {
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString(mode));
    var refusal = assertThrows(ClusterStoreException.class, this::open);
    assertEquals(
        "cluster store " + folder + ": others may write it (" + mode + "); wanted: chmod go-w",
        refusal.getMessage());
  }

  @Test
  void open_notWritable_isOneLine() {
    // Not even root makes folders here.
    var refusal =
        assertThrows(
            ClusterStoreException.class,
            () -> new DirectoryStoreProvider().open(Map.of("path", "/sys/kernel")));
    String line = String.valueOf(refusal.getMessage());
    assertTrue(line.startsWith("cluster store /sys/kernel: ") && line.lines().count() == 1, line);
  }

  @Test
  void open_aFile_isRefused() throws IOException {
    Path file = Files.createFile(parent.resolve("file"));
    var refusal =
        assertThrows(
            ClusterStoreException.class,
            () -> new DirectoryStoreProvider().open(Map.of("path", file.toString())));
    assertEquals("cluster store " + file + ": not a folder", refusal.getMessage());
  }

  @Test
  void open_wrongOptions_isRefused() {
    var provider = new DirectoryStoreProvider();
    assertThrows(ClusterStoreException.class, () -> provider.open(Map.of()));
    assertThrows(
        ClusterStoreException.class,
        () -> provider.open(Map.of("path", folder.toString(), "mode", "0777")));
  }

  @Test
  void open_noFolderYet_waitsForIt() throws Exception {
    Path later = parent.resolve("later");
    try (ClusterStore waiting =
        new DirectoryStoreProvider().open(Map.of("path", later.toString()))) {
      await(
          waiting.problems(),
          rows ->
              rows.get(later.toString())
                  .filter(("cluster store " + later + ": no such folder")::equals)
                  .isPresent());
      assertFalse(waiting.nodes().table().isInitialised());
      assertThrows(ClusterStoreException.class, () -> waiting.nodes().create(NODE, soon()));
      Files.createDirectory(later);
      assertTrue(waiting.nodes().table().awaitInitialised(PATIENCE));
      assertTrue(waiting.nodes().create(NODE, soon()).isPresent());
    }
  }

  // ---- what lies in it ----

  static Stream<Arguments> hostile() {
    String kind = "{\"apiVersion\":\"cilium.io/v2\",\"kind\":\"CiliumNode\",";
    return Stream.of(
        Arguments.of("", "not a JSON object"),
        Arguments.of("not json", "not JSON"),
        Arguments.of("[1]", "not a JSON object"),
        Arguments.of(kind + "\"kind\":\"Pod\"}", "not JSON"),
        Arguments.of("{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}", "kind \"Pod\" of \"v1\""),
        Arguments.of(kind + "\"metadata\":{\"name\":\"other\"}}", "holds other"),
        Arguments.of(kind + "\"metadata\":{\"name\":\"../x\"}}", "node \"../x\""),
        Arguments.of(kind + "\"metadata\":7}", "metadata.name: wanted"),
        Arguments.of(kind + "\"metadata\":{\"name\":\"node-1\"},\"spec\":[]}", "wanted an object"),
        Arguments.of(
            kind + "\"metadata\":{\"name\":\"node-1\"},\"spec\":{\"ipam\":{\"podCIDRs\":[\"x\"]}}}",
            "prefix \"x\""),
        Arguments.of("[".repeat(5_000), "not JSON"),
        Arguments.of("\"" + "x".repeat(ObjectFile.MAX_BYTES) + "\"", "larger than"));
  }

  @ParameterizedTest
  @MethodSource("hostile")
  void look_fileCannotBeRead_theLastGoodRowStays(String text, String problem) throws Exception {
    Stored<ClusterNode> good = store.nodes().create(NODE, soon()).orElseThrow();
    byte[] before = Files.readAllBytes(node("node-1"));
    Files.writeString(node("node-1"), text);
    await(
        store.problems(),
        rows ->
            rows.get("ciliumnodes/node-1.json").filter(line -> line.contains(problem)).isPresent());
    assertEquals(Optional.of(good), store.nodes().table().get("node-1"));
    if (!text.isEmpty()) {
      assertThrows(ClusterStoreException.class, () -> store.nodes().read("node-1"));
      assertThrows(ClusterStoreException.class, () -> store.nodes().list());
    }
    Files.write(node("node-1"), before);
    await(store.problems(), rows -> rows.isEmpty());
    assertEquals(Optional.of(good), store.nodes().table().get("node-1"));
  }

  @Test
  void look_aLink_isNotFollowed() throws Exception {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    Files.move(node("node-1"), parent.resolve("elsewhere"));
    Files.createSymbolicLink(node("node-1"), parent.resolve("elsewhere"));
    await(
        store.problems(),
        rows ->
            rows.get("ciliumnodes/node-1.json").filter("not a regular file"::equals).isPresent());
    assertThrows(ClusterStoreException.class, () -> store.nodes().read("node-1"));
  }

  @Test
  void create_overAnEmptyFile_isDone() throws Exception {
    await(store.nodes().table(), Snapshot::isInitialised);
    Files.createFile(node("node-1"));
    assertTrue(store.nodes().create(NODE, soon()).isPresent());
    assertEquals(NODE, store.nodes().list().getFirst().value());
  }

  @Test
  void look_fileDeletedByHand_theRowGoes() throws Exception {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    Files.delete(node("node-1"));
    await(store.nodes().table(), Snapshot::isEmpty);
  }

  @Test
  void replace_unknownFields_stay() throws Exception {
    Stored<ClusterNode> created = store.nodes().create(NODE, soon()).orElseThrow();
    String text = Files.readString(node("node-1"));
    Files.writeString(
        node("node-1"), text.replace("\"spec\" : {", "\"spec\" : {\"instance-id\" : \"i-7\","));
    Stored<ClusterNode> edited = store.nodes().read("node-1").orElseThrow();
    assertFalse(edited.version().equals(created.version()), "a change by hand is another version");
    var _ =
        store
            .nodes()
            .replace(edited, NODE.withPodCidrs(List.of(IpPrefix.parse("10.1.0.0/24"))), soon())
            .orElseThrow();
    assertTrue(Files.readString(node("node-1")).contains("\"instance-id\" : \"i-7\""));
  }

  @Test
  void read_aNameThatLeavesTheFolder_isRefused() {
    for (String key : new String[] {"../store-id", "a/../../b", "", ".", "a/b/c", "A"}) {
      assertThrows(IllegalArgumentException.class, () -> store.nodes().read(key), key);
    }
  }

  // ---- when it is away ----

  @Test
  void look_folderAway_whatIsKnownStaysAndAllIsCaughtUpWith() throws Exception {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    try (ClusterStore other = open()) {
      await(other.nodes().table(), rows -> rows.contains("node-1"));
      Path away = parent.resolve("away");
      Files.move(folder, away);
      await(store.problems(), rows -> rows.contains(folder.toString()));
      await(other.problems(), rows -> rows.contains(folder.toString()));
      assertTrue(store.nodes().table().snapshot().contains("node-1"));
      assertThrows(ClusterStoreException.class, () -> store.nodes().read("node-1"));
      assertThrows(ClusterStoreException.class, () -> store.nodes().list());
      var late = new ClusterNode("late", List.of(), List.of());
      assertThrows(ClusterStoreException.class, () -> store.nodes().create(late, soon()));

      // An empty folder in its place, as a disk that is not mounted leaves it.
      Files.createDirectory(folder);
      await(
          store.problems(),
          rows -> rows.get(folder.toString()).filter(l -> l.contains("empty")).isPresent());
      assertTrue(store.nodes().table().snapshot().contains("node-1"));
      Files.delete(folder);

      // Changed meanwhile.
      Files.delete(away.resolve("ciliumnodes").resolve("node-1.json"));
      Files.move(away, folder);
      await(store.nodes().table(), Snapshot::isEmpty);
      await(store.problems(), Snapshot::isEmpty);
      assertTrue(store.nodes().create(late, soon()).isPresent());
      await(other.nodes().table(), rows -> rows.contains("late") && !rows.contains("node-1"));
    }
  }

  @Test
  void look_anotherStoreInItsPlace_isNotTakenForIt() throws Exception {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    Files.move(folder, parent.resolve("away"));
    Files.createDirectory(folder);
    open().close();
    await(
        store.problems(),
        rows -> rows.get(folder.toString()).filter(l -> l.contains("another store")).isPresent());
    assertTrue(store.nodes().table().snapshot().contains("node-1"));
    assertThrows(ClusterStoreException.class, () -> store.nodes().list());
  }

  @Test
  void look_copyInItsPlace_isFollowedByItsSigns() throws Exception {
    var _ = store.nodes().create(NODE, soon()).orElseThrow();
    Path away = parent.resolve("away");
    Files.move(folder, away);
    copy(away, folder);
    try (ClusterStore other = open()) {
      await(other.nodes().table(), rows -> rows.contains("node-1"));
      var late = new ClusterNode("late", List.of(), List.of());
      assertTrue(other.nodes().create(late, soon()).isPresent());
      await(store.nodes().table(), rows -> rows.contains("late"));
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    List<Path> all;
    try (Stream<Path> found = Files.walk(from)) {
      all = found.toList();
    }
    for (Path each : all) {
      Files.copy(each, to.resolve(from.relativize(each).toString()));
    }
    Files.setPosixFilePermissions(to, PosixFilePermissions.fromString("rwx------"));
  }

  // ---- size ----

  @Test
  void open_thousandNodesAndTwentyThousandEndpoints_areThereWithinSeconds() throws Exception {
    await(store.nodes().table(), Snapshot::isInitialised);
    write(1_000, "ciliumnodes", DirectoryStoreTest::bigNode, new NodeCodec());
    write(20_000, "ciliumendpoints", DirectoryStoreTest::bigEndpoint, new EndpointCodec());
    write(500, "ciliumidentities", DirectoryStoreTest::bigIdentity, new IdentityCodec());
    long begin = System.nanoTime();
    try (ClusterStore late = open()) {
      assertTrue(late.endpoints().table().awaitInitialised(PATIENCE));
      long millis = (System.nanoTime() - begin) / 1_000_000;
      assertEquals(20_000, late.endpoints().table().snapshot().size());
      assertEquals(1_000, late.nodes().table().snapshot().size());
      assertEquals(500, late.identities().table().snapshot().size());
      System.out.println("1,000 nodes and 20,000 endpoints loaded in " + millis + " ms");
      assertTrue(millis < 15_000, millis + " ms");
    }
    // The first store hears of more at once than the kernel keeps signs of.
    await(store.endpoints().table(), rows -> rows.size() == 20_000);
    assertEquals(List.of(), store.problems().snapshot().stream().toList());
  }

  private interface Maker<T> {
    T make(int number);
  }

  private <T extends io.cilium4j.core.cluster.ClusterObject> void write(
      int many, String kind, Maker<T> maker, ObjectCodec<T> codec) throws IOException {
    for (int i = 0; i < many; i++) {
      T value = maker.make(i);
      var document = Json.object();
      document.put("apiVersion", codec.apiVersion());
      document.put("kind", codec.kind());
      codec.write(value, document);
      Path draft = Files.write(parent.resolve("draft"), Json.write(document));
      Files.move(draft, folder.resolve(kind).resolve(ObjectFiles.fileName(value.key())));
    }
  }

  private static ClusterNode bigNode(int i) {
    return new ClusterNode(
        "node-" + i,
        List.of(
            new ClusterNode.Address(
                ClusterNode.AddressType.INTERNAL_IP, IpAddress.ofV4(0xc0a80000 + i))),
        List.of(IpPrefix.parse("10." + (i >> 8) + "." + (i & 255) + ".0/24")));
  }

  private static Labels labels(int i) {
    return Labels.parse(
        "k8s:app=app-" + i % 500,
        "k8s:io.kubernetes.pod.namespace=ns-" + i % 50,
        "k8s:io.cilium.k8s.policy.cluster=default",
        "k8s:io.cilium.k8s.policy.serviceaccount=default");
  }

  private static PublishedEndpoint bigEndpoint(int i) {
    return new PublishedEndpoint(
        "ns-" + i % 50,
        "app-" + i % 500 + "-" + i,
        1 + i % 200,
        Optional.of(new Identity(1_000 + i % 500, labels(i))),
        List.of(
            IpAddress.ofV4(0x0a000000 + i),
            new IpAddress(io.cilium4j.core.IpFamily.IPV6, 0xfd00L << 48, i)),
        Optional.of(IpAddress.ofV4(0xc0a80000 + i % 1_000)),
        Map.of("web", new Endpoint.NamedPort(6, 8080)),
        EndpointState.READY);
  }

  private static ClusterIdentity bigIdentity(int i) {
    return new ClusterIdentity(1_000 + i, labels(i));
  }

  @Test
  void create_identity_isInTheFormOfTheField() throws IOException {
    var _ =
        store
            .identities()
            .create(
                new ClusterIdentity(
                    300,
                    LABELS.with(io.cilium4j.core.Label.k8s("io.kubernetes.pod.namespace", "x"))),
                soon())
            .orElseThrow();
    String text =
        Files.readString(folder.resolve("ciliumidentities/300.json"), StandardCharsets.UTF_8);
    assertTrue(text.contains("\"security-labels\" : {"), text);
    assertTrue(text.contains("\"k8s:a\" : \"1\""), text);
    assertTrue(text.contains("\"io.kubernetes.pod.namespace\" : \"x\""), text);
  }
}
