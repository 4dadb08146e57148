// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.lang.reflect.Method;

/** What this thread has allocated so far. */
final class Allocations {
  private Allocations() {}

  /** By reflection: the tests run inside a module that does not read the management module. */
  static long bytes() throws ReflectiveOperationException {
    Object threads =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    Method counter =
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getCurrentThreadAllocatedBytes");
    return (long) counter.invoke(threads);
  }
}
