// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.cni;

import io.cilium4j.core.EndpointInterface;
import java.util.regex.Pattern;

/**
 * What a network is joined to: a device of a container. There is one of a kind at a time.
 *
 * @param containerId the runtime's id of the container, a pod's sandbox
 * @param interfaceName the device inside it, such as {@code eth0}
 */
public record CniAttachment(String containerId, String interfaceName) {

  /** As the specification has it; longer ones no runtime makes. */
  private static final Pattern CONTAINER = Pattern.compile("[a-zA-Z0-9][a-zA-Z0-9_.-]{0,199}");

  /** As the kernel has it. */
  private static final Pattern INTERFACE =
      Pattern.compile("[^/:\\s]{1," + EndpointInterface.MAX_NAME_CHARS + "}");

  /**
   * Checks both.
   *
   * @throws IllegalArgumentException if one is missing or not as the specification wants it
   */
  public CniAttachment {
    if (!CONTAINER.matcher(containerId).matches()) {
      throw new IllegalArgumentException(
          "container id: wanted up to 200 of a-z, A-Z, 0-9, _, . and -");
    }
    if (!INTERFACE.matcher(interfaceName).matches()
        || interfaceName.equals(".")
        || interfaceName.equals("..")) {
      throw new IllegalArgumentException("interface: wanted the name of a device");
    }
  }

  @Override
  public String toString() {
    return containerId + ":" + interfaceName;
  }
}
