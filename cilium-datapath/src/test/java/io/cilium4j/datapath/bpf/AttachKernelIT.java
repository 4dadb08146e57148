// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.datapath.net.OpenFiles;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Links, filters and the ring buffer, on a veth pair of the test's own. */
@KernelTest
@Timeout(60)
class AttachKernelIT {
  private static final TcFilter.Slot SLOT = new TcFilter.Slot(7, 0x77);

  private final String device = "c4jt" + ProcessHandle.current().pid() % 100_000;
  private BpfFs pins;
  private BpfObject object;
  private int ifindex;

  @BeforeEach
  void setUp() throws IOException {
    Seam.sh("ip", "link", "add", device, "type", "veth", "peer", "name", device + "p");
    ifindex =
        Integer.parseInt(Files.readString(Path.of("/sys/class/net", device, "ifindex")).strip());
    pins = BpfFs.open("c4j_attach_" + ProcessHandle.current().pid());
    object = Seam.open().load();
  }

  @AfterEach
  void tearDown() {
    object.close();
    pins.list().forEach(pin -> pins.remove(String.valueOf(pin.getFileName())));
    pins.removeIfEmpty();
    Seam.sh("ip", "link", "del", device);
  }

  @Test
  void attachTcx_updateAndClose_showInTheKernel() {
    try (BpfProgram answer = object.program("answer");
        BpfProgram drop = object.program("drop")) {
      try (BpfLink link = BpfLink.attachTcx(answer, ifindex, Direction.INGRESS)) {
        assertEquals(answer.id(), link.info().programId());
        assertEquals(ifindex, link.info().ifindex());
        link.update(drop);
        assertEquals(drop.id(), link.info().programId());
      }
      // The hook is free again: a link of the same program would be refused otherwise (EEXIST).
      try (BpfLink again = BpfLink.attachTcx(drop, ifindex, Direction.INGRESS)) {
        again.detach();
        assertEquals(0, again.info().ifindex());
      }
    }
  }

  @Test
  void pin_ofALink_outlivesTheHandle() {
    Path pin = pins.pin("link");
    int id;
    try (BpfProgram answer = object.program("answer");
        BpfLink link = BpfLink.attachTcx(answer, ifindex, Direction.EGRESS)) {
      link.pin(pin);
      id = link.info().id();
    }
    try (BpfLink link = BpfLink.openPinned(pin)) {
      assertEquals(id, link.info().id());
      assertEquals(ifindex, link.info().ifindex());
      link.detach();
      assertEquals(0, link.info().ifindex());
    }
    assertTrue(pins.remove("link"));
    assertFalse(pins.remove("link"));
  }

  @Test
  void attachTcx_toNoDevice_isENODEV() {
    try (BpfProgram answer = object.program("answer")) {
      BpfException none =
          assertThrows(
              BpfException.class, () -> BpfLink.attachTcx(answer, 0x7fff_fff0, Direction.INGRESS));
      assertEquals(Errno.ENODEV, none.errno());
    }
  }

  @Test
  void attachCgroup_toTheRoot_attachesAndDetaches() {
    Path cgroup = Path.of("/sys/fs/cgroup/unified");
    if (!cgroup.resolve("cgroup.procs").toFile().exists()) {
      cgroup = Path.of("/sys/fs/cgroup");
    }
    try (BpfProgram connect = object.program("connect");
        BpfLink link = BpfLink.attachCgroup(connect, cgroup, CgroupHook.INET4_CONNECT)) {
      assertEquals(connect.id(), link.info().programId());
    }
  }

  @Test
  void tcFilter_attachReplaceDetach_leavesAStrangersFilter() {
    Seam.sh("tc", "qdisc", "add", "dev", device, "clsact");
    try (BpfProgram answer = object.program("answer");
        BpfProgram drop = object.program("drop")) {
      TcFilter stranger =
          TcFilter.attach(answer, ifindex, Direction.INGRESS, new TcFilter.Slot(3, 1));
      assertEquals(Optional.empty(), TcFilter.find(ifindex, Direction.INGRESS, SLOT));
      TcFilter filter = TcFilter.attach(answer, ifindex, Direction.INGRESS, SLOT);
      assertEquals(answer.id(), filter.programId().orElseThrow());
      BpfException taken =
          assertThrows(
              BpfException.class, () -> TcFilter.attach(drop, ifindex, Direction.INGRESS, SLOT));
      assertEquals(Errno.EEXIST, taken.errno());
      filter.replace(drop);
      assertEquals(drop.id(), filter.programId().orElseThrow());
      assertTrue(TcFilter.find(ifindex, Direction.INGRESS, SLOT).orElseThrow().detach());
      assertFalse(filter.detach());
      assertEquals(Optional.empty(), filter.programId());
      assertEquals(answer.id(), stranger.programId().orElseThrow());
    }
  }

  @Test
  void tcFilter_onADeviceWithoutClsact_createsIt() {
    assertEquals(Optional.empty(), TcFilter.find(ifindex, Direction.EGRESS, SLOT));
    try (BpfProgram answer = object.program("answer")) {
      TcFilter filter = TcFilter.attach(answer, ifindex, Direction.EGRESS, SLOT);
      assertTrue(filter.detach());
    }
    Seam.sh("sh", "-c", "tc qdisc show dev " + device + " | grep -q clsact");
  }

  @Test
  void ringBuffer_deliversInOrder_andSurvivesTheConsumersExceptions() throws Exception {
    BlockingQueue<Integer> lengths = new LinkedBlockingQueue<>();
    AtomicReference<MemorySegment> kept = new AtomicReference<>();
    try (RingBuffer ring =
            RingBuffer.open(
                object,
                "c4j_events",
                data -> {
                  int length = data.get(JAVA_INT, 4);
                  if (length == 60) {
                    throw new IllegalStateException("for the test");
                  }
                  kept.set(data);
                  lengths.add(length);
                });
        BpfProgram emit = object.program("emit")) {
      for (int length = 59; length < 63; length++) {
        emit.testRun(new byte[length]);
      }
      assertEquals(59, lengths.poll(10, TimeUnit.SECONDS));
      assertEquals(61, lengths.poll(10, TimeUnit.SECONDS));
      assertEquals(62, lengths.poll(10, TimeUnit.SECONDS));
      assertEquals(1, ring.failures());
    }
    // Of a closed arena, and of another thread: which the JVM notices first does not matter.
    assertThrows(RuntimeException.class, () -> kept.get().get(JAVA_INT, 0));
  }

  @Test
  void ringBuffer_close_isPromptAndLeavesNoDescriptor() {
    try (RingBuffer warm = RingBuffer.open(object, "c4j_events", data -> {})) {
      assertEquals(0, warm.failures());
    }
    OpenFiles open = OpenFiles.now();
    long start = System.nanoTime();
    for (int i = 0; i < 50; i++) {
      RingBuffer.open(object, "c4j_events", data -> {}).close();
    }
    assertTrue(System.nanoTime() - start < TimeUnit.SECONDS.toNanos(5));
    open.assertNoMore();
  }

  @Test
  void ringBuffer_closedByItsConsumer_stops() throws Exception {
    AtomicReference<RingBuffer> ring = new AtomicReference<>();
    CountDownLatch ready = new CountDownLatch(1);
    CountDownLatch closed = new CountDownLatch(1);
    ring.set(
        RingBuffer.open(
            object,
            "c4j_events",
            data -> {
              awaitUninterruptibly(ready);
              ring.get().close();
              closed.countDown();
            }));
    ready.countDown();
    try (BpfProgram emit = object.program("emit")) {
      emit.testRun(Seam.PACKET);
    }
    assertTrue(closed.await(10, TimeUnit.SECONDS));
    ring.get().close();
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void openPinned_ofAProgram_isTheSameProgram() {
    Path pin = pins.pin("program");
    try (BpfProgram drop = object.program("drop")) {
      drop.pin(pin);
      try (BpfProgram opened = BpfProgram.openPinned(pin)) {
        assertEquals(drop.id(), opened.id());
        assertEquals("drop", opened.name());
        assertEquals(2, opened.testRun(Seam.PACKET).retval());
      }
    }
  }

  @Test
  void testRunner_manyTimes_answersTheSame() {
    try (BpfProgram answer = object.program("answer");
        TestRun runner = answer.testRunner(64)) {
      for (int i = 0; i < 100; i++) {
        assertEquals(7, runner.repeat(Seam.PACKET, 64, TestRunOptions.ONCE));
      }
      TestRunOptions onDevice = TestRunOptions.with(SkbContext.on(ifindex));
      TestRunResult result = runner.run(Seam.PACKET, onDevice);
      assertEquals(ifindex, result.skb().orElseThrow().mark());
      assertEquals(64, result.data().length);
      assertThrows(BpfException.class, () -> runner.run(new byte[4], TestRunOptions.ONCE));
    }
  }

  @Test
  void probes_onThisKernel_areConclusive() {
    for (Feature feature : Feature.values()) {
      Probe probe = Probes.of(feature);
      assertFalse(probe instanceof Probe.Inconclusive, feature + " " + probe);
    }
    assertTrue(Probes.of(Feature.BPF).isSupported());
  }

  @Test
  void ringBuffer_ofAnotherKindOfMap_isRefused() {
    OpenFiles open = OpenFiles.now();
    BpfException refused =
        assertThrows(BpfException.class, () -> RingBuffer.open(object, "c4j_array", data -> {}));
    assertTrue(String.valueOf(refused.getMessage()).contains("no ring buffer"));
    open.assertNoMore();
  }

  @Test
  void ringBuffer_openedByItsPin_continuesWhereTheLastReaderStopped() throws Exception {
    Path pin = pins.pin("events");
    BlockingQueue<Integer> lengths = new LinkedBlockingQueue<>();
    try (BpfObject pinned = Seam.open().pinPath("c4j_events", pin).load();
        BpfProgram emit = pinned.program("emit")) {
      for (int length = 70; length < 73; length++) {
        try (RingBuffer ring =
            RingBuffer.openPinned(pin, data -> lengths.add(data.get(JAVA_INT, 4)))) {
          emit.testRun(new byte[length]);
          assertEquals(length, lengths.poll(10, TimeUnit.SECONDS));
          assertEquals(0, ring.failures());
        }
      }
    }
    assertTrue(lengths.isEmpty());
  }

  @Test
  void repeat_whenWarm_allocatesNothing() throws ReflectiveOperationException {
    try (BpfProgram answer = object.program("answer");
        TestRun runner = answer.testRunner(64)) {
      TestRunOptions once = TestRunOptions.ONCE;
      Runnable round =
          () -> {
            for (int i = 0; i < 20_000; i++) {
              runner.repeat(Seam.PACKET, 64, once);
            }
          };
      for (int i = 0; i < 5; i++) {
        round.run(); // until the compiler has seen it
      }
      long before = Seam.allocatedBytes();
      round.run();
      long bytes = Seam.allocatedBytes() - before;
      assertTrue(bytes < 20_000, bytes + " bytes");
    }
  }
}
