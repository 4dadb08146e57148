// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/**
 * Where an endpoint stands in its life. The text forms are those of the REST API, {@link
 * #toString}.
 */
public enum EndpointState {
  /** Known, its labels not yet complete. */
  WAITING_FOR_IDENTITY,
  /** It has labels and an address, and no verdict of its own yet: absent is deny. */
  NOT_READY,
  /** A regeneration is queued. */
  WAITING_TO_REGENERATE,
  /** Its policy is being compiled or written. */
  REGENERATING,
  /** Read back from the state folder, the kernel still enforcing what it enforced. */
  RESTORING,
  /** The kernel enforces its policy. */
  READY,
  /** On its way out; its interface may be gone. */
  DISCONNECTING,
  /** Gone. */
  DISCONNECTED,
  /** Rejected for good. */
  INVALID;

  /** Whether the step from this state to {@code next} can happen. */
  public boolean mayBecome(EndpointState next) {
    return next == this || successors().contains(next);
  }

  private Set<EndpointState> successors() {
    return switch (this) {
      case WAITING_FOR_IDENTITY -> EnumSet.of(NOT_READY, DISCONNECTING, INVALID);
      case NOT_READY ->
          EnumSet.of(WAITING_FOR_IDENTITY, WAITING_TO_REGENERATE, REGENERATING, DISCONNECTING);
      case WAITING_TO_REGENERATE -> EnumSet.of(REGENERATING, WAITING_FOR_IDENTITY, DISCONNECTING);
      case REGENERATING ->
          EnumSet.of(READY, NOT_READY, WAITING_TO_REGENERATE, WAITING_FOR_IDENTITY, DISCONNECTING);
      case RESTORING -> EnumSet.of(WAITING_TO_REGENERATE, REGENERATING, DISCONNECTING, INVALID);
      case READY ->
          EnumSet.of(WAITING_FOR_IDENTITY, WAITING_TO_REGENERATE, REGENERATING, DISCONNECTING);
      case DISCONNECTING -> EnumSet.of(DISCONNECTED);
      case DISCONNECTED, INVALID -> EnumSet.noneOf(EndpointState.class);
    };
  }

  /** The API's text, for example {@code waiting-for-identity}. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
