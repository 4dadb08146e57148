// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import java.io.IOException;
import java.io.InputStream;

/**
 * The executable that a container runtime calls: a static program that needs nothing on the node.
 */
public final class CniShim {

  /** The name by which network configurations know it. */
  public static final String NAME = "cilium-cni";

  /**
   * The name by which it is another plugin: it sets a pod's loopback device up, which containerd
   * before 2.0 has done by a plugin of this name.
   */
  static final String LOOPBACK = "loopback";

  private CniShim() {}

  /**
   * The executable for this machine.
   *
   * @throws IOException if it was not built for this architecture
   */
  public static byte[] executable() throws IOException {
    String resource = NAME + "-" + System.getProperty("os.arch");
    try (InputStream shim = CniShim.class.getResourceAsStream(resource)) {
      if (shim == null) {
        throw new IOException("no CNI executable for this architecture: " + resource);
      }
      return shim.readAllBytes();
    }
  }
}
