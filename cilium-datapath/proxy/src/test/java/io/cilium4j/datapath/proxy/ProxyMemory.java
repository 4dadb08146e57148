// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.netty.util.internal.PlatformDependent;

/**
 * What this process holds, after the garbage is gone.
 *
 * @param heapBytes on the heap
 * @param directBytes in buffers outside of it
 */
record ProxyMemory(long heapBytes, long directBytes) {

  /** As of now: the least of several looks, since what just ended may still be on its way out. */
  static ProxyMemory now() {
    long heap = Long.MAX_VALUE;
    for (int i = 0; i < 3; i++) {
      System.gc();
      Runtime runtime = Runtime.getRuntime();
      heap = Math.min(heap, runtime.totalMemory() - runtime.freeMemory());
    }
    return new ProxyMemory(heap, PlatformDependent.usedDirectMemory());
  }

  /** All of it. */
  long bytes() {
    return heapBytes + directBytes;
  }

  @Override
  public String toString() {
    return (heapBytes >> 10) + " kB heap and " + (directBytes >> 10) + " kB direct";
  }
}
