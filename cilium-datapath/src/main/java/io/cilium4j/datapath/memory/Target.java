// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

/**
 * A backend of one frontend: the same object for as long as it is behind it. One that went and came
 * again is another, and has none of the flows that it had before.
 */
final class Target {
  final End end;

  Target(End end) {
    this.end = end;
  }
}
