// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.agent.config.Seams;
import io.cilium4j.agent.state.AtomicFiles;
import io.cilium4j.agent.state.FileTable;
import io.cilium4j.agent.state.StateFolder;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.NodePool;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.state.StorageException;
import io.cilium4j.ipam.AddressInUseException;
import io.cilium4j.ipam.AddressReservations;
import io.cilium4j.ipam.AddressReservations.Term;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AddressReservationsTest {

  private static final String OWNER = "default/web";

  private static final List<IpPrefix> CIDRS = List.of(IpPrefix.parse("10.1.0.0/24"));

  @TempDir Path temp;
  private StateFolder folder;
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private long nanos;
  private final Ownership ownership = new Ownership();
  private IpamAllocator ipam;
  private AddressReservations reservations;

  @BeforeEach
  void open() {
    folder = new StateFolder(temp.resolve("state"));
    folder.create();
    reopen();
  }

  /** As a new process does. */
  private void reopen() {
    ipam =
        Seams.ipam("cluster-pool", Map.of())
            .provider()
            .get()
            .open(new Node("n", List.of(), CIDRS), Map.of());
    reservations =
        new AddressReservations(
            ipam,
            (_, _) -> NodePool.DEFAULT,
            new FileTable<>("addresses", folder, AddressReservations.Held.class),
            EndpointClaims.guard(ownership),
            new AddressReservations.Clocks(
                ((InstantSource) () -> now).withZone(ZoneOffset.UTC), () -> nanos));
    reservations.restore();
  }

  private void pass(Duration time) {
    now = now.plus(time);
    nanos += time.toNanos();
  }

  private int allocations() {
    return reservations.allocations().snapshot().size();
  }

  @Test
  void expire_atTheDeadline_givesBackWhatNobodyTook() {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE);
    reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT);
    pass(AddressReservations.RESERVATION.minusMillis(1));
    reservations.expire();
    assertEquals(2, allocations());
    pass(Duration.ofMillis(1));
    reservations.expire();
    assertEquals(1, allocations());
    reopen();
    assertEquals(1, allocations());
  }

  @Test
  void restore_halfwayToTheDeadline_keepsTheRestOfIt() {
    var taken = reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE);
    pass(AddressReservations.RESERVATION.dividedBy(2));
    reopen();
    assertTrue(reservations.isOf(taken.address(), taken.reservation().orElseThrow()));
    pass(AddressReservations.RESERVATION.dividedBy(2));
    reservations.expire();
    assertEquals(0, allocations());
  }

  @Test
  void restore_pastTheDeadline_giveItBack() {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE);
    pass(AddressReservations.RESERVATION);
    reopen();
    assertEquals(0, allocations());
    assertTrue(AtomicFiles.list(folder.specs("addresses"), ".json").isEmpty());
  }

  @Test
  void handOver_toAnEndpoint_endsTheDeadlineUnlessItComesToNothing() {
    IpAddress used = reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE).address();
    IpAddress failed = reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE).address();
    var _ = reservations.handOver(used);
    reservations.handOver(failed).run();
    pass(AddressReservations.RESERVATION.plus(Duration.ofDays(1)));
    reservations.expire();
    assertTrue(reservations.allocations().snapshot().contains(used));
    assertTrue(!reservations.allocations().snapshot().contains(failed));
  }

  @Test
  void restore_damagedRow_costsThatRow() throws Exception {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT);
    reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT);
    Path damaged = AtomicFiles.list(folder.specs("addresses"), ".json").getFirst();
    Files.writeString(damaged, "{\"address\": \"no address\", \"owner\": \"x\"}");
    reopen();
    assertEquals(1, allocations());
  }

  @Test
  void restore_fileCannotBeRead_costsThatRowAndIsToldFromThenOn() throws Exception {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT);
    reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT);
    Path file = AtomicFiles.list(folder.specs("addresses"), ".json").getFirst();
    Files.writeString(file, "{\"address\": ");
    for (int i = 0; i < 2; i++) {
      reopen();
      assertEquals(1, allocations());
      assertEquals(List.of(Path.of(file + ".damaged")), folder.lost());
      assertEquals(folder.lost(), folder.lostSpecs());
    }
  }

  @Test
  void allocate_thatCannotBeKept_takesNone() throws Exception {
    Files.createDirectories(folder.specs("addresses").resolve("1.json.tmp/full"));
    assertThrows(
        StorageException.class, () -> reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT));
    assertEquals(0, allocations());
  }

  // ---- clocks that jump ----

  @Test
  void expire_clockIsSetForward_waitsForTheTimeItself() {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE);
    now = now.plus(Duration.ofDays(365));
    reservations.expire();
    assertEquals(1, allocations());
    pass(AddressReservations.RESERVATION);
    reservations.expire();
    assertEquals(0, allocations());
  }

  @Test
  void expire_clockIsSetBack_comesNoLater() {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE);
    now = now.minus(Duration.ofDays(365));
    pass(AddressReservations.RESERVATION);
    reservations.expire();
    assertEquals(0, allocations());
  }

  @Test
  void restore_clockWasSetBack_lastsNoLongerThanAnyReservation() {
    reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE);
    for (int i = 0; i < 3; i++) {
      now = now.minus(Duration.ofDays(1));
      reopen();
    }
    now = now.plus(AddressReservations.RESERVATION.dividedBy(2));
    reopen();
    pass(AddressReservations.RESERVATION.dividedBy(2));
    reservations.expire();
    assertEquals(0, allocations());
  }

  // ---- addresses that an endpoint has or is to have ----

  @Test
  void release_anEndpointIsToHaveIt_isRefusedWithTheOwnersName() {
    IpAddress address = reservations.allocate(IpFamily.IPV4, OWNER, Term.PERMANENT).address();
    var holding = ownership.take(OWNER, Names.NONE, 7, List.of(new OwnedResource.Address(address)));
    var refused = assertThrows(AddressInUseException.class, () -> reservations.release(address));
    assertEquals(
        "address " + address + " is that of endpoint 7 (" + OWNER + ")", refused.getMessage());
    assertEquals(1, allocations());
    holding.release();
    assertTrue(reservations.release(address));
  }

  @Test
  void expire_anEndpointIsToHaveIt_leavesIt() {
    IpAddress address = reservations.allocate(IpFamily.IPV4, OWNER, Term.UNTIL_DEADLINE).address();
    var holding = ownership.take(OWNER, Names.NONE, 0, List.of(new OwnedResource.Address(address)));
    pass(AddressReservations.RESERVATION);
    reservations.expire();
    assertEquals(1, allocations());
    holding.release();
    reservations.expire();
    assertEquals(0, allocations());
  }

  @Test
  void claim_taken_isRefusedAlsoForTheSameOwner() {
    IpAddress address = IpAddress.parse("10.1.0.77");
    reservations.claim(address, OWNER);
    var refused =
        assertThrows(AddressInUseException.class, () -> reservations.claim(address, OWNER));
    assertEquals("address 10.1.0.77 is that of " + OWNER, refused.getMessage());
  }
}
