// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/** Whether the running kernel has a {@link Feature}, found by trying. */
public sealed interface Probe {

  /** It works. */
  record Supported() implements Probe {}

  /**
   * The kernel does not know it.
   *
   * @param since the first kernel version that does
   */
  record Unsupported(String since) implements Probe {}

  /**
   * The trial failed for another reason, such as a missing capability: it says nothing about the
   * kernel, and is tried again the next time.
   *
   * @param cause what went wrong
   */
  record Inconclusive(RuntimeException cause) implements Probe {}

  /** Whether it surely works. */
  default boolean isSupported() {
    return this instanceof Supported;
  }
}
