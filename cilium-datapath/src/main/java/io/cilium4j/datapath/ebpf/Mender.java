// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.Datapath.Mended;
import java.util.ArrayList;
import java.util.List;

/**
 * One look at what an instance has in the kernel beside the rows of its maps, compared with what it
 * must have: people and programs of the node take devices down, delete routes, detach links.
 */
final class Mender {
  private final List<String> mended = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();

  /**
   * Looks at a part; one that fails does not keep the others from being looked at.
   *
   * @param what the part, for people
   */
  void attempt(String what, Runnable part) {
    try {
      part.run();
    } catch (RuntimeException e) {
      problems.add(what + ": " + e.getMessage());
    }
  }

  /** Takes note of what was not as it must be and is by now. */
  void mended(String what) {
    mended.add(what);
  }

  /** Takes note of a device whose program was attached again. */
  void detached(String device) {
    mended("the program of device " + device + " was detached");
  }

  /** What the look found. */
  Mended found() {
    return new Mended(mended, problems);
  }
}
