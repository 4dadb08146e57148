// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.flow;

import java.time.Instant;

/** Something that a {@link Ring} keeps. */
public interface Numbered {

  /** Counts what was added, from 1. */
  long number();

  /** When it happened. */
  Instant time();
}
