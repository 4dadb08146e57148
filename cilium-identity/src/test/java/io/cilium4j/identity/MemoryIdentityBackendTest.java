// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.IdentityBackendConformance;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.ManualScheduler;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MemoryIdentityBackendTest extends IdentityBackendConformance {
  private final ManualScheduler time = new ManualScheduler();

  @Override
  protected IdentityBackend open() {
    return open(0, Map.of());
  }

  @Override
  protected IdentityBackendProvider provider() {
    return new MemoryIdentityBackendProvider();
  }

  private IdentityBackend open(int clusterId, Map<String, String> options) {
    return new MemoryIdentityBackendProvider()
        .open(new IdentityBackendProvider.Config(clusterId, time, options));
  }

  @Test
  void release_restOver_freesTheNumberAndTheRow() {
    IdentityBackend backend = open(0, Map.of("rest-seconds", "60"));
    int id = backend.allocate(Labels.parse("k8s:a=1")).id();
    backend.release(id);
    time.advance(Duration.ofSeconds(59));
    assertTrue(backend.identities().snapshot().contains(id));
    time.advance(Duration.ofSeconds(1));
    assertFalse(backend.identities().snapshot().contains(id));
    Identity other = new Identity(id, Labels.parse("k8s:b=1"));
    assertEquals(other, backend.restore(other));
  }

  @Test
  void allocate_duringTheRest_endsIt() {
    IdentityBackend backend = open(0, Map.of("rest-seconds", "60"));
    int id = backend.allocate(Labels.parse("k8s:a=1")).id();
    backend.release(id);
    time.advance(Duration.ofSeconds(59));
    backend.allocate(Labels.parse("k8s:a=1"));
    time.advance(Duration.ofSeconds(100));
    assertTrue(backend.identities().snapshot().contains(id));
    backend.release(id);
    time.advance(Duration.ofSeconds(59));
    assertTrue(backend.identities().snapshot().contains(id), "the second rest is a whole one");
    time.advance(Duration.ofSeconds(1));
    assertFalse(backend.identities().snapshot().contains(id));
  }

  @Test
  void release_twiceWithinOneRest_restsFromTheSecondOn() {
    IdentityBackend backend = open(0, Map.of("rest-seconds", "60"));
    int id = backend.allocate(Labels.parse("k8s:a=1")).id();
    backend.release(id);
    time.advance(Duration.ofSeconds(30));
    backend.allocate(Labels.parse("k8s:a=1"));
    backend.release(id);
    time.advance(Duration.ofSeconds(59));
    assertTrue(backend.identities().snapshot().contains(id), "the first rest does not end it");
    time.advance(Duration.ofSeconds(1));
    assertFalse(backend.identities().snapshot().contains(id));
  }

  @Test
  void allocate_allNumbersTaken_saysSoAndRecovers() {
    IdentityBackend backend = open(0, Map.of("rest-seconds", "60"));
    for (int i = Identity.MIN_CLUSTER_WIDE; i <= Identity.MAX_CLUSTER_WIDE; i++) {
      backend.allocate(Labels.parse("k8s:n=" + i));
    }
    var e = assertThrows(IdentityException.class, () -> backend.allocate(Labels.parse("k8s:a=1")));
    assertEquals(
        "no cluster-wide identity left for [k8s:a=1]: all 65280 are taken", e.getMessage());
    backend.release(4_711);
    assertThrows(IdentityException.class, () -> backend.allocate(Labels.parse("k8s:a=1")));
    time.advance(Duration.ofSeconds(60));
    assertEquals(4_711, backend.allocate(Labels.parse("k8s:a=1")).id());
  }

  @Test
  void allocate_reservedLabelsAlone_isRefused() {
    IdentityBackend backend = open();
    assertThrows(IdentityException.class, () -> backend.allocate(Labels.parse("reserved:host")));
    assertThrows(IdentityException.class, () -> backend.allocate(Labels.EMPTY));
  }

  @Test
  void open_otherCluster_numbersCarryItsId() {
    int id = open(3, Map.of()).allocate(Labels.parse("k8s:a=1")).id();
    assertEquals(3, Identity.clusterId(id));
  }

  @Test
  void open_wrongOption_isRefused() {
    for (Map<String, String> options :
        List.of(Map.of("rest", "1"), Map.of("rest-seconds", "-1"), Map.of("rest-seconds", ""))) {
      assertThrows(IdentityException.class, () -> open(0, options));
    }
  }
}
