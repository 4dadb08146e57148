// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

/**
 * A descriptor that this process owns. Whoever holds it calls it under the lock that its {@link
 * #close} takes too: a number closed under a running call may by then be another file.
 */
final class Fd implements AutoCloseable {
  private final String what;
  private int number;

  /** Takes over {@code number}; {@code what} names it in errors. */
  Fd(int number, String what) {
    this.number = number;
    this.what = what;
  }

  /** Owns a second descriptor of {@code borrowed}, whose owner closes its own. */
  static Fd duplicateOf(int borrowed, String what) {
    return new Fd(LibC.duplicate(borrowed, what), what);
  }

  /** Opens what is pinned at {@code path}. */
  static Fd ofPin(String path) {
    return new Fd(LibBpf.objectGet(path), path);
  }

  int get() {
    if (number < 0) {
      throw new IllegalStateException(what + " is closed");
    }
    return number;
  }

  String what() {
    return what;
  }

  @Override
  public void close() {
    if (number >= 0) {
      int closing = number;
      number = -1;
      LibC.close(closing);
    }
  }
}
