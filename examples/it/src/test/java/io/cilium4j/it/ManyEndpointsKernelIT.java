// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Pods come and go, {@code -Dmany.endpoints=N} of them, and nothing of them is left. */
class ManyEndpointsKernelIT {

  private static final int ENDPOINTS = Integer.getInteger("many.endpoints", 300);

  /** How many there are at a time: namespaces are used again, since making them is not the test. */
  private static final int AT_A_TIME = 20;

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  @Test
  void endpoints_hundredsCreatedAndDeleted_leaveNothing() throws Exception {
    try (var lab = new Lab("itmany", "ebpf", 30)) {
      lab.agent().start();
      round(lab); // What is made once, at the first use, is no leak.
      Set<String> owned = lab.owned();
      long descriptors = descriptors();
      int made = 0;
      while (made < ENDPOINTS) {
        made += round(lab);
      }
      assertTrue(made >= ENDPOINTS);
      assertEquals(owned, lab.owned(), "devices and pins");
      assertEquals(descriptors, descriptors(), "descriptors");
      assertEquals(0, lab.agent().endpoints().snapshot().size());
      assertEquals(
          List.of(),
          List.of(
              java.util.Objects.requireNonNull(
                  lab.folder().resolve("state/endpoints").toFile().list())),
          "state files");
    }
  }

  private static int round(Lab lab) {
    List<Endpoint> pods = new ArrayList<>();
    for (int i = 0; i < AT_A_TIME; i++) {
      pods.add(lab.pod("pod" + i));
    }
    pods.forEach(pod -> assertTrue(lab.agent().deleteEndpoint(pod.id())));
    return pods.size();
  }
}
