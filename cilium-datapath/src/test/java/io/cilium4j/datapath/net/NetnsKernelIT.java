// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.datapath.bpf.Errno;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NetnsKernelIT {

  @TempDir Path folder;
  private Netns netns;

  @BeforeEach
  void create() {
    netns = KernelTests.netns(folder);
  }

  @AfterEach
  void delete() {
    if (netns != null) {
      netns.close();
      Netns.delete(netns.path());
    }
  }

  @Test
  void call_runsInside_andLeavesTheCallerWhereItWas() {
    String before = Netns.currentId();
    assertEquals(netns.id(), netns.call(Netns::currentId));
    assertNotEquals(before, netns.id());
    assertEquals(before, Netns.currentId());
  }

  @Test
  void call_actionThrows_theSameExceptionComesBack() {
    var thrown = new IOException("from inside");
    assertSame(
        thrown,
        assertThrows(
            IOException.class,
            () ->
                netns.call(() -> {
                  throw thrown;
                })));
  }

  @Test
  void call_callerInterrupted_actionIsInterruptedAndCallerStaysSo() {
    Thread.currentThread().interrupt();
    boolean reached =
        netns.call(() -> {
          try {
            TimeUnit.SECONDS.sleep(60);
            return false;
          } catch (InterruptedException e) {
            return true;
          }
        });
    assertTrue(Thread.interrupted());
    assertTrue(reached);
  }

  @Test
  void visit_makesTheSocketInsideAndReturns() throws Exception {
    String home = Netns.currentId();
    String seen = netns.visit(Netns::currentId);
    assertEquals(netns.id(), seen);
    assertEquals(home, Netns.currentId());
    assertThrows(
        IllegalArgumentException.class,
        () ->
            netns.visit(() -> {
              throw new IllegalArgumentException();
            }));
    assertEquals(home, Netns.currentId());
  }

  @Test
  void visit_byAVirtualThread_isRefused() throws Exception {
    var refused = new CompletableFuture<Throwable>();
    Thread.startVirtualThread(() -> {
      try {
        refused.complete(new AssertionError(netns.visit(Netns::currentId)));
      } catch (IllegalStateException e) {
        refused.complete(e);
      }
    });
    assertInstanceOf(IllegalStateException.class, refused.get(10, TimeUnit.SECONDS));
  }

  @Test
  void create_nameTaken_isEexistAndLeavesTheOther() {
    String name = netns.path().getFileName().toString();
    var e = assertThrows(SystemCallException.class, () -> Netns.create(folder, name));
    assertEquals(Errno.EEXIST, e.errno());
    assertEquals("create namespace " + netns.path() + ": EEXIST", e.getMessage());
    assertTrue(Netns.exists(netns.path()));
  }

  @Test
  void delete_twice_reportsAbsence() {
    assertTrue(Netns.delete(netns.path()));
    assertFalse(Netns.delete(netns.path()));
    assertFalse(Netns.exists(netns.path()));
    // The descriptor keeps the namespace itself.
    assertEquals(netns.id(), netns.call(Netns::currentId));
  }

  @Test
  void delete_whatIsNoName_leavesItAlone() throws IOException {
    Path file = Files.writeString(folder.resolve("full"), "text");
    assertThrows(SystemCallException.class, () -> Netns.delete(file));
    assertEquals("text", Files.readString(file));
    assertThrows(SystemCallException.class, () -> Netns.delete(folder));
    assertThrows(SystemCallException.class, () -> Netns.delete(Path.of("/proc/self/ns/net")));
    // A creation that was cut short leaves an empty file.
    assertTrue(Netns.delete(Files.createFile(folder.resolve("empty"))));
  }

  @Test
  void open_plainFile_isRefused() throws IOException {
    Path file = Files.createFile(folder.resolve("plain"));
    assertFalse(Netns.exists(file));
    assertThrows(SystemCallException.class, () -> Netns.open(file));
    assertThrows(SystemCallException.class, () -> Netns.open(Path.of("/proc/thread-self/ns/mnt")));
  }

  @Test
  void closed_call_isRefused() {
    netns.close();
    assertThrows(IllegalStateException.class, () -> netns.call(Netns::currentId));
  }

  @Test
  void create_badName_isRefused() {
    for (String name : new String[] {"", ".", "..", "a/b", "../x"}) {
      assertThrows(IllegalArgumentException.class, () -> Netns.create(folder, name));
    }
  }

  @Test
  void createNamed_isSeenByIpNetns() throws Exception {
    String name = "c4jtest" + ProcessHandle.current().pid();
    try (Netns named = Netns.create(name)) {
      assertEquals(Netns.DEFAULT_FOLDER.resolve(name), named.path());
      Process process =
          new ProcessBuilder("nsenter", "--net=" + named.path(), "readlink", "/proc/self/ns/net")
              .redirectErrorStream(true)
              .start();
      String out =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
      assertEquals(named.id(), out);
    } finally {
      assertTrue(Netns.delete(Netns.DEFAULT_FOLDER.resolve(name)));
    }
  }

  @Test
  void sysctl_inside_isThatOfTheNamespace() {
    String key = "net/ipv4/conf/lo/rp_filter";
    String outside = Sysctl.read(key).orElseThrow();
    netns.call(() -> {
      Sysctl.write(key, "2");
      return Sysctl.writeIfPresent("net/ipv4/conf/none/rp_filter", "1");
    });
    assertEquals("2", netns.call(() -> Sysctl.read(key).orElseThrow()));
    assertEquals(outside, Sysctl.read(key).orElseThrow());
    assertTrue(Sysctl.read("net/ipv4/conf/none/rp_filter").isEmpty());
    var e = assertThrows(NetException.class, () -> Sysctl.write(key, "no number"));
    String message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith("set sysctl " + key + " to no number: "), message);
    assertThrows(IllegalArgumentException.class, () -> Sysctl.read("net/../kernel/hostname"));
    assertThrows(IllegalArgumentException.class, () -> Sysctl.read("kernel/hostname"));
  }
}
