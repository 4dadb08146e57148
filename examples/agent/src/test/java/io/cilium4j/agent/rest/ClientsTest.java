// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.rest;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.channel.embedded.EmbeddedChannel;
import org.junit.jupiter.api.Test;

class ClientsTest {
  private final Clients clients = new Clients("others", 2, () -> 0L);

  @Test
  void enter_noRoom_takesThePlaceOfTheLongestIdle() {
    var first = new EmbeddedChannel();
    var second = new EmbeddedChannel();
    assertTrue(clients.enter(first));
    assertTrue(clients.enter(second));
    clients.becomesBusy(first);
    clients.becomesIdle(first);
    assertTrue(clients.enter(new EmbeddedChannel()));
    assertTrue(first.isOpen());
    assertFalse(second.isOpen());
  }

  @Test
  void enter_allAtWork_isRefusedUntilOneLeaves() {
    var first = new EmbeddedChannel();
    var second = new EmbeddedChannel();
    assertTrue(clients.enter(first));
    assertTrue(clients.enter(second));
    clients.becomesBusy(first);
    clients.becomesBusy(second);
    assertFalse(clients.enter(new EmbeddedChannel()));
    assertTrue(first.isOpen());
    clients.leave(second);
    assertTrue(clients.enter(new EmbeddedChannel()));
  }
}
