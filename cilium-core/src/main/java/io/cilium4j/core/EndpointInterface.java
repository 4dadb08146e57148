// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

/**
 * The pair of devices that joins an endpoint to its node.
 *
 * @param hostName the device's name on the node's side
 * @param hostIfindex its index there; what the kernel tells a program of a packet's origin
 * @param hostMac its Ethernet address, the endpoint's next hop
 * @param podMac the Ethernet address of the endpoint's own device
 * @param netns the endpoint's network namespace, as a path that can be opened
 */
public record EndpointInterface(
    String hostName, int hostIfindex, MacAddress hostMac, MacAddress podMac, String netns) {

  /** Longest name that the kernel takes, in characters (IFNAMSIZ - 1). */
  public static final int MAX_NAME_CHARS = 15;

  /** That of who needs none to be reached: the node itself. */
  public static final EndpointInterface NONE =
      new EndpointInterface("", 0, MacAddress.NONE, MacAddress.NONE, "");

  public EndpointInterface {
    if (hostIfindex != 0 || !hostName.isEmpty()) {
      requireDevice(hostName, hostIfindex);
    }
  }

  /** Whether it stands for no device. */
  public boolean isNone() {
    return hostIfindex == 0;
  }

  private static void requireDevice(String hostName, int hostIfindex) {
    if (hostName.isEmpty() || hostName.length() > MAX_NAME_CHARS) {
      throw new IllegalArgumentException(
          "device name \"" + hostName + "\": wanted 1 to " + MAX_NAME_CHARS + " characters");
    }
    if (hostIfindex <= 0) {
      throw new IllegalArgumentException("device index " + hostIfindex + ": wanted above 0");
    }
  }
}
