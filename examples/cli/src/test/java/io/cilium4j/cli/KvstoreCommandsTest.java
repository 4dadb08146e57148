// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Keys of a real etcd, where the machine has one; with {@code etcd.tests=required} it must. */
class KvstoreCommandsTest extends CommandTest {
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  @SuppressWarnings("NullAway.Init")
  private Process etcd;

  @SuppressWarnings("NullAway.Init")
  private String store;

  @BeforeEach
  void startEtcd() throws Exception {
    boolean isThere =
        Stream.of(System.getenv("PATH").split(":", -1))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, "etcd")));
    assumeTrue(
        isThere || "required".equals(System.getProperty("etcd.tests")), "no etcd is installed");
    String client = "http://127.0.0.1:" + freePort();
    String peer = "http://127.0.0.1:" + freePort();
    etcd =
        new ProcessBuilder(
                List.of(
                    "etcd",
                    "--data-dir=" + folder.resolve("etcd"),
                    "--listen-client-urls=" + client,
                    "--advertise-client-urls=" + client,
                    "--listen-peer-urls=" + peer,
                    "--initial-advertise-peer-urls=" + peer,
                    "--initial-cluster=default=" + peer))
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("etcd.log").toFile())
            .start();
    store = "--kvstore-opt=etcd.address=" + client;
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (run("kvstore", "get", "--recursive", "x", store) != 0) {
      assertTrue(etcd.isAlive() && System.nanoTime() < end, this::err);
    }
  }

  private static int freePort() throws IOException {
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  @AfterEach
  void stopEtcd() throws InterruptedException {
    if (etcd != null) {
      etcd.destroyForcibly().waitFor();
    }
  }

  @Test
  void keys_writtenReadAndRemoved_areThoseOfTheStore() {
    assertEquals(0, run("kvstore", "set", "--key", "cilium/a", "--value", "1", store), this::err);
    assertEquals(0, run("kvstore", "set", "cilium/b", "--value", "zwei ✓", store), this::err);
    assertEquals(0, run("kvstore", "set", "ciliun", "--value", "behind", store), this::err);
    assertEquals(0, run("kvstore", "get", "cilium/b", store), this::err);
    assertEquals("cilium/b => zwei ✓\n", out());
    assertEquals(0, run("kvstore", "get", "--recursive", "cilium", store), this::err);
    assertEquals("cilium/a => 1\ncilium/b => zwei ✓\n", out());
    assertEquals(0, run("kvstore", "get", "cilium/a", "-o", "json", store));
    assertEquals("\"1\"\n", out());
    assertEquals(
        0,
        run(
            "kvstore",
            "get",
            "--recursive",
            "cilium/",
            "-o",
            "jsonpath={.cilium/a.Data}",
            "--kvstore",
            "etcd",
            store),
        this::err);
    assertEquals("MQ==\n", out());
    assertEquals(0, run("kvstore", "delete", "--recursive", "cilium/", store), this::err);
    assertEquals("2 keys deleted\n", out());
    assertEquals(1, run("kvstore", "get", "cilium/a", store));
    assertEquals("cilium: kvstore get cilium/a: no such key\n", err());
    assertEquals(0, run("kvstore", "get", "ciliun", store), "no key of the prefix");
  }

  @Test
  void wrongInput_isRefusedInOneLine() {
    assertEquals(2, run("kvstore", "delete", "", "--recursive", store));
    assertEquals(1, run("kvstore", "get", "a", "--kvstore", "consul"));
    for (String address :
        List.of("nonsense", "http://127.0.0.1:99999", "http://me:s3cret@127.0.0.1:1")) {
      assertEquals(1, run("kvstore", "get", "a", "--kvstore-opt", "etcd.address=" + address));
      assertTrue(err().contains("wanted http[s]://HOST:PORT") && !err().contains("s3cret"), err());
    }
    assertEquals(1, run("kvstore", "get", "a", "--kvstore-opt", "etcd.address=http://127.0.0.1:1"));
    assertTrue(err().contains("cannot reach etcd"), err());
    assertEquals(1, err().lines().count(), err());
  }
}
