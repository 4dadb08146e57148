// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.TableWriter;
import java.time.Clock;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** What is wanted of endpoints, and where they stand. */
class EndpointTablesTest {
  private static final MacAddress MAC = MacAddress.parse("02:00:00:00:00:01");

  private final Database database = new Database();
  private final EndpointTables tables = new EndpointTables(database);
  private final EndpointStates states =
      new EndpointStates(tables, new EndpointLog(Clock.systemUTC()));

  private static Endpoint endpoint(int id, int identity, EndpointState state) {
    return new Endpoint(
        id,
        "default",
        "pod-" + id,
        Labels.parse("k8s:app=a"),
        identity,
        List.of(IpAddress.parse("10.1.0." + id)),
        new EndpointInterface("lxc" + id, id, MAC, MAC, ""),
        Map.of(),
        state);
  }

  private void report(int id, RowStatus status) {
    TableWriter<RowKey, RowStatus> statuses = TableWriter.create("statuses");
    statuses.put(new EndpointKey(id), status);
    try (var watch = statuses.table().watch()) {
      states.follow(watch.poll());
    }
  }

  @Test
  void state_fromTheDatapath_changesNothingThatIsWanted() {
    long revision = states.put(endpoint(7, 1234, EndpointState.NOT_READY));
    assertEquals(1, revision);
    report(7, new RowStatus.Pending(1));
    report(7, new RowStatus.Done(1));
    assertEquals(Optional.of(EndpointState.READY), tables.all().get(7).map(Endpoint::state));
    assertEquals(revision, tables.wanted().revision(), "nobody compiles anything again");
  }

  @Test
  void endpoint_onItsWayOut_isWantedNoMoreAndThereUntilItIsRemoved() {
    states.put(endpoint(7, 1234, EndpointState.READY));
    assertTrue(states.become(7, EndpointState.DISCONNECTING).isPresent());
    assertFalse(tables.wanted().get(7).isPresent());
    assertEquals(
        Optional.of(EndpointState.DISCONNECTING), tables.all().get(7).map(Endpoint::state));
    states.remove(7);
    assertFalse(tables.all().get(7).isPresent());
  }

  @Test
  void endpoint_withoutIdentity_isNotWanted() {
    states.put(endpoint(7, 0, EndpointState.WAITING_FOR_IDENTITY));
    assertFalse(tables.wanted().get(7).isPresent());
    states.put(endpoint(7, 1234, EndpointState.WAITING_FOR_IDENTITY));
    assertTrue(tables.wanted().get(7).isPresent(), "it has the former one until then");
  }

  /** Whatever is written: what is wanted follows from where endpoints stand, at each moment. */
  @Property(tries = 200)
  void view_afterAnyWrites_isConsistent(@ForAll long seed) {
    var random = new Random(seed);
    var ofAll = List.copyOf(EnumSet.allOf(EndpointState.class));
    try (var watch = tables.wanted().watch(this::assertConsistent)) {
      watch.poll();
      for (int i = 0; i < 50; i++) {
        int id = 1 + random.nextInt(4);
        switch (random.nextInt(3)) {
          case 0 -> states.remove(id);
          case 1 -> states.become(id, ofAll.get(random.nextInt(ofAll.size())));
          default ->
              states.put(endpoint(id, random.nextInt(2), ofAll.get(random.nextInt(ofAll.size()))));
        }
        assertConsistent();
      }
    }
  }

  private void assertConsistent() {
    Database.View view = database.view();
    var wanted = view.of(tables.wanted());
    var all = view.of(tables.all());
    for (var row : wanted) {
      Endpoint endpoint = all.get(row.key()).orElseThrow();
      assertEquals(endpoint.identity(), row.value().identity());
      assertFalse(
          EnumSet.of(EndpointState.DISCONNECTING, EndpointState.DISCONNECTED, EndpointState.INVALID)
              .contains(endpoint.state()));
      assertEquals(EndpointState.READY, row.value().state());
    }
  }
}
