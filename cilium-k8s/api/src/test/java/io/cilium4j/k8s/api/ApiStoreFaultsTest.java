// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.KubernetesApiServer;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import io.cilium4j.k8s.store.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server that goes away, a wire that breaks, rights that are missing. */
class ApiStoreFaultsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Resource IDENTITIES =
      new Resource("cilium.io", "v2", "ciliumidentities", "CiliumIdentity", false);

  @TempDir private Path folder;
  private KubernetesApiServer server;
  private Wire wire;
  private final List<AutoCloseable> open = new ArrayList<>();

  @BeforeEach
  void openAll() throws IOException {
    server = Servers.shared();
    Servers.empty(server, List.of(IDENTITIES));
    wire = new Wire(server.address());
  }

  @AfterEach
  void closeAll() throws Exception {
    for (AutoCloseable each : open) {
      each.close();
    }
    wire.close();
  }

  private ClusterStore open(Map<String, String> more) {
    var options = new TreeMap<>(Servers.options(server));
    options.putAll(more);
    ClusterStore store = new ApiStoreProvider().open(options);
    open.add(store);
    return store;
  }

  private static ClusterIdentity identity(int number) {
    return new ClusterIdentity(number, Labels.parse("k8s:n=" + number));
  }

  private static <K, V> Snapshot<K, V> await(
      Table<K, V> table, String what, Predicate<Snapshot<K, V>> condition)
      throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    try (Watch<K, V> watch = table.watch()) {
      while (true) {
        long left = end - System.nanoTime();
        Snapshot<K, V> now = watch.take(Duration.ofNanos(Math.max(0, left))).snapshot();
        if (condition.test(now)) {
          return now;
        }
        assertTrue(left > 0, () -> what + ": not in time; " + now.stream().toList());
      }
    }
  }

  @Test
  void table_wireIsCutWhileObjectsGo_staysAndIsRightAfterwards() throws Exception {
    ClusterStore far = open(Map.of(ApiOptions.SERVERS, wire.address()));
    ClusterStore near = open(Map.of());
    Stored<ClusterIdentity> one = near.identities().create(identity(300), Servers.soon()).get();
    await(far.identities().table(), "one", rows -> rows.contains("300"));
    wire.cut();
    assertTrue(near.identities().delete(one, Servers.soon()));
    var _ = near.identities().create(identity(301), Servers.soon()).orElseThrow();
    await(far.problems(), "a problem", rows -> rows.size() == 1);
    assertTrue(far.problems().get("ciliumidentities").orElseThrow().contains(wire.address()));
    assertTrue(far.identities().table().snapshot().contains("300"), "what is known stays");
    assertThrows(ClusterStoreException.class, () -> far.identities().list());
    wire.mend();
    await(
        far.identities().table(),
        "the other",
        rows -> rows.contains("301") && !rows.contains("300"));
    await(far.problems(), "no problem", rows -> rows.size() == 0);
  }

  @Test
  void write_wireFallsSilent_failsByItsDeadlineAndTheNextConnectsAnew() throws Exception {
    ClusterStore far = open(Map.of(ApiOptions.SERVERS, wire.address()));
    var _ = far.identities().create(identity(300), Servers.soon()).orElseThrow();
    wire.fallSilent();
    long begin = System.nanoTime();
    var e =
        assertThrows(
            ClusterStoreException.class,
            () -> far.identities().create(identity(301), Deadline.in(Duration.ofSeconds(1))));
    long tookMillis = (System.nanoTime() - begin) / 1_000_000;
    assertTrue(tookMillis < 5_000, "took " + tookMillis + " ms");
    assertTrue(String.valueOf(e.getMessage()).contains("no answer within"), e.getMessage());
    wire.mend();
    var _ = far.identities().create(identity(302), Servers.soon()).orElseThrow();
    assertEquals(2, far.identities().list().size());
  }

  @Test
  void table_serverIsKilledAndStartedAgain_isFollowedAgain() throws Exception {
    ClusterStore store = open(Map.of());
    var _ = store.identities().create(identity(300), Servers.soon()).orElseThrow();
    await(store.identities().table(), "one", rows -> rows.contains("300"));
    server.kill();
    try {
      await(store.problems(), "a problem", rows -> rows.size() > 0);
      assertTrue(store.identities().table().snapshot().contains("300"));
    } finally {
      server.restart();
    }
    ClusterStore other = open(Map.of());
    var _ = other.identities().create(identity(301), Servers.soon()).orElseThrow();
    await(store.identities().table(), "the new one", rows -> rows.contains("301"));
    await(store.problems(), "no problem", rows -> rows.size() == 0);
  }

  @Test
  void open_nobodyIsThere_waitsForIt() throws Exception {
    wire.cut();
    ClusterStore far = open(Map.of(ApiOptions.SERVERS, wire.address()));
    assertFalse(far.identities().table().isInitialised());
    await(far.problems(), "a problem", rows -> rows.size() == 1);
    wire.mend();
    assertTrue(far.identities().table().awaitInitialised(PATIENCE));
  }

  @Test
  void servers_firstIsGone_nextIsAsked() throws Exception {
    wire.cut();
    ClusterStore store = open(Map.of(ApiOptions.SERVERS, wire.address() + "," + server.address()));
    assertTrue(store.identities().table().awaitInitialised(PATIENCE));
  }

  @Test
  void certificate_ofAnotherAuthority_isOneClearLine() throws Exception {
    String config =
        Files.readString(server.kubeconfig())
            .replace("insecure-skip-tls-verify: true", "certificate-authority: ca.crt");
    Files.writeString(folder.resolve("ca.crt"), PemTest.text("rsa.crt"));
    Path file = Files.writeString(folder.resolve("config"), config);
    ClusterStore store = open(Map.of(ApiOptions.KUBECONFIG, file.toString()));
    var e = assertThrows(ClusterStoreException.class, () -> store.identities().list());
    assertEquals(
        "ciliumidentities: "
            + server.address()
            + ": its certificate is signed by nobody that is trusted here",
        e.getMessage());
  }

  @Test
  void token_wrong_isOneClearLine() throws Exception {
    Path file =
        Files.writeString(
            folder.resolve("config"),
            Files.readString(server.kubeconfig()).replace("admintoken", "expired"));
    ClusterStore store = open(Map.of(ApiOptions.KUBECONFIG, file.toString()));
    var e = assertThrows(ClusterStoreException.class, () -> store.identities().list());
    assertEquals("ciliumidentities: " + server.address() + ": 401: Unauthorized", e.getMessage());
  }

  /** A kubeconfig of an account that may do these things with identities. */
  private Path account(ApiClient admin, String... verbs) throws IOException {
    for (String[] each :
        new String[][] {
          {
            "/api/v1/namespaces/kube-system/serviceaccounts",
            "{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{\"name\":\"agent\"}}"
          },
          {
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            "{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\",\"metadata\":{\"name\":\"agent\"},"
                + "\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"agent\"},"
                + "\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"agent\",\"namespace\":\"kube-system\"}]}"
          }
        }) {
      try {
        var _ = admin.post(each[0], each[1].getBytes(StandardCharsets.UTF_8), Servers.soon());
      } catch (ApiException e) {
        assertTrue(e.isConflict(), e.getMessage());
      }
    }
    grant(admin, verbs);
    byte[] answer =
        admin.post(
            "/api/v1/namespaces/kube-system/serviceaccounts/agent/token",
            "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenRequest\",\"spec\":{}}"
                .getBytes(StandardCharsets.UTF_8),
            Servers.soon());
    String token = Json.text(Json.parse(answer), "status.token").orElseThrow();
    return Files.writeString(
        folder.resolve("agent"),
        Files.readString(server.kubeconfig()).replace("admintoken", token));
  }

  private static void grant(ApiClient admin, String... verbs) throws IOException {
    Servers.put(
        admin,
        new Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false),
        """
        apiVersion: rbac.authorization.k8s.io/v1
        kind: ClusterRole
        metadata: {name: agent}
        rules: [{apiGroups: [cilium.io], resources: [ciliumidentities], verbs: [%s]}]
        """
            .formatted(String.join(", ", verbs)));
  }

  @Test
  void rights_eachMissingInTurn_isOneClearLineAndTriedAgain() throws Exception {
    try (ApiClient admin = Servers.client(server)) {
      Path config = account(admin, "none");
      ClusterStore store = open(Map.of(ApiOptions.KUBECONFIG, config.toString()));
      var _ = store.identities().table();
      await(
          store.problems(),
          "list forbidden",
          rows ->
              rows.get("ciliumidentities")
                  .filter(line -> line.contains("cannot list"))
                  .isPresent());
      grant(admin, "list");
      assertTrue(store.identities().table().awaitInitialised(PATIENCE));
      await(
          store.problems(),
          "watch forbidden",
          rows ->
              rows.get("ciliumidentities")
                  .filter(line -> line.contains("cannot watch"))
                  .isPresent());
      grant(admin, "list", "watch");
      await(store.problems(), "no problem", rows -> rows.size() == 0);
      assertForbidden("create", () -> store.identities().create(identity(300), Servers.soon()));
      grant(admin, "list", "watch", "create");
      Stored<ClusterIdentity> made =
          allowed(() -> store.identities().create(identity(300), Servers.soon())).get();
      assertForbidden("get", () -> store.identities().read("300"));
      grant(admin, "list", "watch", "create", "get");
      assertEquals(made, allowed(() -> store.identities().read("300")).get());
      assertForbidden(
          "patch",
          () -> store.identities().replace(made, made.value().withUnused(true), Servers.soon()));
      assertForbidden("delete", () -> store.identities().delete(made, Servers.soon()));
    }
  }

  private static void assertForbidden(String verb, Callable<?> call) {
    var e = assertThrows(ClusterStoreException.class, call::call);
    String line = String.valueOf(e.getMessage());
    assertTrue(line.contains(": 403: ") && line.contains("cannot " + verb), line);
    assertEquals(1, line.lines().count());
  }

  /** The server learns of a new right a moment later. */
  private static <R> R allowed(Callable<R> call) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      try {
        return call.call();
      } catch (ClusterStoreException e) {
        assertTrue(System.nanoTime() - end < 0, e.getMessage());
      }
    }
  }
}
