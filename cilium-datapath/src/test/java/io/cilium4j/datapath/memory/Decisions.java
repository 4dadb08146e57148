// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.cilium4j.core.DropReason;

/** What tests say of decisions. */
final class Decisions {

  private Decisions() {}

  static void assertDrop(DropReason reason, Decision decision) {
    assertEquals(reason, assertInstanceOf(Decision.Drop.class, decision).reason());
  }

  static void assertReaches(int pod, Decision decision) {
    assertEquals(pod, assertInstanceOf(Decision.ToEndpoint.class, decision).endpoint().id());
  }

  static void assertStack(Decision decision) {
    assertInstanceOf(Decision.ToStack.class, decision);
  }
}
