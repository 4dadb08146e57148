// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy.controller;

import io.cilium4j.core.Identity;
import io.cilium4j.core.state.Changes;

/** Keeps the numbers that this node gave itself, so that each means the same after a restart. */
public interface IdentityMemory {

  /** Keeps what is new, before the datapath hears of it. */
  void keep(Changes<Integer, Identity> changes);

  /** Everybody has asked for what he had before; numbers that nobody asked for are free. */
  void settle();
}
