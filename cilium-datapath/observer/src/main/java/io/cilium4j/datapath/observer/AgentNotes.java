// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.observer;

import io.cilium4j.datapath.flow.Numbered;
import io.cilium4j.datapath.flow.Ring;
import java.time.Instant;

/** The last events of an agent. Safe for use by several threads. */
public final class AgentNotes {

  /** How many are kept: at about 1 kB each, 1 MB. */
  static final int CAPACITY = 1_023;

  private final Ring<Entry> ring = new Ring<>(CAPACITY);

  /** An event, and when it was noted. */
  record Entry(long number, Instant time, AgentNote note) implements Numbered {}

  /** Without any yet. */
  public AgentNotes() {}

  /** Notes an event that happens now. */
  public void add(AgentNote note) {
    Instant now = Instant.now();
    ring.add(number -> new Entry(number, now, note));
  }

  Ring<Entry> ring() {
    return ring;
  }
}
