// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.ManualScheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

class IdentityAllocatorTest {
  private static final Duration REST = Duration.ofMinutes(1);
  private static final Labels POD = Labels.parse("k8s:app=a");
  private static final Labels CIDR = Labels.parse("cidr:10.0.0.0/8", "reserved:world-ipv4");

  private final ManualScheduler time = new ManualScheduler();
  private final IdentityBackend backend = new MemoryIdentityBackend(0, time, REST);
  private final IdentityAllocator allocator =
      new IdentityAllocator(new Database(), backend, time, REST);

  @Test
  void identities_fromTheStart_holdTheReservedOnes() {
    assertEquals(10, allocator.identities().snapshot().size());
    assertEquals(
        Optional.of(Labels.parse("reserved:kube-apiserver", "reserved:remote-node")),
        allocator.identities().get(7).map(Identity::labels));
  }

  @Test
  void allocate_eachScope_isListedAtOnce() {
    for (Labels labels : new Labels[] {POD, CIDR}) {
      Identity identity = allocator.allocate(labels);
      assertEquals(Optional.of(identity), allocator.identities().get(identity.id()));
    }
    assertEquals(Identity.LOCAL_SCOPE | 1, allocator.allocate(CIDR).id());
    assertEquals(1, allocator.allocate(Labels.parse("reserved:host")).id());
  }

  @Test
  void release_lastReference_keepsTheRowForTheRest() {
    int pod = allocator.allocate(POD).id();
    int cidr = allocator.allocate(CIDR).id();
    allocator.allocate(CIDR);
    allocator.release(pod);
    allocator.release(cidr);
    allocator.release(cidr);
    allocator.release(cidr);
    allocator.release(1);
    time.advance(REST.minusSeconds(1));
    assertTrue(allocator.identities().snapshot().contains(pod));
    assertTrue(allocator.identities().snapshot().contains(cidr));
    time.advance(Duration.ofSeconds(1));
    assertFalse(allocator.identities().snapshot().contains(pod));
    assertFalse(allocator.identities().snapshot().contains(cidr));
    assertTrue(allocator.identities().snapshot().contains(1));
  }

  @Test
  void restore_eachScope_givesTheFormerNumber() {
    for (Identity former :
        new Identity[] {
          new Identity(4_711, POD),
          new Identity(Identity.LOCAL_SCOPE | 77, CIDR),
          new Identity(1, Labels.parse("reserved:host"))
        }) {
      assertEquals(former, allocator.restore(former));
    }
    assertEquals(4_711, allocator.allocate(POD).id());
    assertEquals(Identity.LOCAL_SCOPE | 77, allocator.allocate(CIDR).id());
  }

  @Test
  void restore_numberOfAnotherScope_givesOneOfTheLabelsScope() {
    Identity restored = allocator.restore(new Identity(4_711, CIDR));
    assertTrue(Identity.isLocal(restored.id()));
    assertFalse(Identity.isLocal(allocator.restore(new Identity(restored.id(), POD)).id()));
  }

  @Test
  void identities_ofOtherNodes_comeAndGo() {
    var remote = new Identity(300, Labels.parse("k8s:app=elsewhere"));
    backend.restore(remote);
    time.runDue();
    assertEquals(Optional.of(remote), allocator.identities().get(300));
    backend.release(300);
    time.advance(REST);
    assertEquals(Optional.empty(), allocator.identities().get(300));
  }

  @Test
  void identities_slowBackend_isInitialisedWithItAndKeepsWhatIsHeld() {
    var slow = new SlowBackend();
    var late = new IdentityAllocator(new Database(), slow, time, REST);
    Identity identity = late.allocate(POD);
    assertEquals(Optional.of(identity), late.identities().get(identity.id()));
    assertFalse(late.identities().isInitialised());
    slow.writer.put(300, new Identity(300, Labels.parse("k8s:b=1")));
    slow.writer.synced("listing");
    time.runDue();
    assertTrue(late.identities().isInitialised());
    assertTrue(late.identities().snapshot().contains(identity.id()), "held, not yet listed");
    assertTrue(late.identities().snapshot().contains(300));
    late.release(identity.id());
    late.close();
  }

  /** Answers at once and lists later, as a backend over a network does. */
  private static final class SlowBackend implements IdentityBackend {
    final TableWriter<Integer, Identity> writer =
        TableWriter.create("slow", Comparator.naturalOrder(), Set.of("listing"));

    @Override
    public String name() {
      return "slow";
    }

    @Override
    public Identity allocate(Labels labels) {
      return new Identity(256, labels);
    }

    @Override
    public Identity restore(Identity former) {
      return former;
    }

    @Override
    public void release(int id) {}

    @Override
    public Table<Integer, Identity> identities() {
      return writer.table();
    }

    @Override
    public void close() {}
  }
}
