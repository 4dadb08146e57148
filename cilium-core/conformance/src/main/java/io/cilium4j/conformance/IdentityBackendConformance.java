// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.conformance;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every {@link IdentityBackend} must do. */
public abstract class IdentityBackendConformance {

  private IdentityBackend backend;

  /** A backend of cluster 0 in which nothing is allocated yet. */
  protected abstract IdentityBackend open();

  /** What makes the backend, as {@link java.util.ServiceLoader} makes that. */
  protected abstract IdentityBackendProvider provider();

  /** For the implementation's test class. */
  protected IdentityBackendConformance() {}

  @BeforeEach
  void openBackend() {
    backend = open();
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  @Test
  void serviceLoader_nameOfTheBackend_findsIt() {
    Discovery.assertFound(
        ServiceLoader.load(IdentityBackendProvider.class),
        IdentityBackendProvider::name,
        provider());
    assertEquals(provider().name(), backend.name());
  }

  @Test
  void close_twice_isNoError() {
    backend.close();
  }

  @Test
  void allocate_sameLabels_givesTheSameNumber() {
    Identity first = backend.allocate(Labels.parse("k8s:a=1", "k8s:b=2"));
    Identity second = backend.allocate(Labels.parse("k8s:b=2", "k8s:a=1"));
    assertEquals(first, second);
    assertEquals(Labels.parse("k8s:a=1", "k8s:b=2"), first.labels());
  }

  @Test
  void allocate_otherLabels_givesAnotherNumber() {
    var ids = new HashSet<Integer>();
    for (String text : new String[] {"k8s:a=1", "k8s:a=2", "k8s:a", "container:a=1", "k8s:b=1"}) {
      assertTrue(ids.add(backend.allocate(Labels.parse(text)).id()), text);
    }
  }

  @Test
  void allocate_anyLabels_givesAClusterWideNumber() {
    int id = allocate("k8s:a=1").id();
    assertTrue(
        id >= Identity.MIN_CLUSTER_WIDE && id <= Identity.MAX_CLUSTER_WIDE,
        "identity " + id + " is out of cluster 0's range");
  }

  @Test
  void allocate_manyThreads_agreeOnOneNumber() throws Exception {
    Set<Integer> ids = ConcurrentHashMap.newKeySet();
    var threads = new ArrayList<Thread>();
    for (int t = 0; t < 4; t++) {
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; i < 25; i++) {
                  ids.add(allocate("k8s:shared=" + i).id());
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(25, ids.size());
  }

  @Test
  void release_oneOfTwoReferences_keepsTheIdentity() {
    int id = allocate("k8s:a=1").id();
    allocate("k8s:a=1");
    backend.release(id);
    assertEquals(id, allocate("k8s:a=1").id());
    assertTrue(backend.identities().snapshot().contains(id));
  }

  @Test
  void release_lastReference_doesNotHandTheNumberToOthersAtOnce() {
    int id = allocate("k8s:a=1").id();
    backend.release(id);
    for (int i = 0; i < 300; i++) {
      assertNotEquals(id, allocate("k8s:other=" + i).id());
    }
  }

  @Test
  void release_lastReference_theSameLabelsMayComeBackToTheirNumber() {
    int id = allocate("k8s:a=1").id();
    backend.release(id);
    assertEquals(id, allocate("k8s:a=1").id());
  }

  @Test
  void release_unknownNumberOrTooOften_isNoError() {
    int id = allocate("k8s:a=1").id();
    backend.release(id);
    backend.release(id);
    backend.release(Identity.MAX_CLUSTER_WIDE);
    backend.release(0);
  }

  @Test
  void restore_freeNumber_isGivenAgain() {
    Identity former = new Identity(4_711, Labels.parse("k8s:a=1"));
    assertEquals(former, backend.restore(former));
    assertEquals(former, backend.allocate(former.labels()));
    assertEquals(former, backend.restore(former));
  }

  @Test
  void restore_numberOfOtherLabels_givesAnother() {
    Identity taken = allocate("k8s:a=1");
    Identity restored = backend.restore(new Identity(taken.id(), Labels.parse("k8s:b=1")));
    assertNotEquals(taken.id(), restored.id());
    assertEquals(Labels.parse("k8s:b=1"), restored.labels());
  }

  @Test
  void restore_labelsWithANumberAlready_keepThatNumber() {
    Identity current = allocate("k8s:a=1");
    int other = current.id() == 4_711 ? 4_712 : 4_711;
    assertEquals(current, backend.restore(new Identity(other, current.labels())));
  }

  @Test
  void restore_numberOutOfRange_givesOneInRange() {
    Identity restored = backend.restore(new Identity(3, Labels.parse("k8s:a=1")));
    assertTrue(restored.id() >= Identity.MIN_CLUSTER_WIDE);
  }

  @Test
  void identities_allocatedAndReleased_areFollowed() {
    Await.initialised(backend.identities());
    Identity identity = allocate("k8s:a=1");
    Await.until(
        backend.identities(),
        "allocated identity is listed",
        rows -> rows.get(identity.id()).filter(identity::equals).isPresent());
    assertFalse(backend.name().isBlank());
  }

  private Identity allocate(String label) {
    return backend.allocate(Labels.parse(label));
  }
}
