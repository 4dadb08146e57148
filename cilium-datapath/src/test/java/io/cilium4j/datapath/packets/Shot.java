// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

/** One frame that a test sends, and where it is meant to arrive. No two are equal. */
final class Shot {

  private final Station from;
  private final Station to;
  private final byte[] frame;
  private final int number;

  /**
   * @param number by which it is known where it arrives; 0 for a frame that has none
   */
  Shot(Station from, Station to, byte[] frame, int number) {
    this.from = from;
    this.to = to;
    this.frame = frame;
    this.number = number;
  }

  Station from() {
    return from;
  }

  Station to() {
    return to;
  }

  /** The bytes themselves: who changes them changes what is sent. */
  byte[] frame() {
    return frame;
  }

  int number() {
    return number;
  }

  @Override
  public String toString() {
    return number + " from " + from + " to " + to;
  }
}
