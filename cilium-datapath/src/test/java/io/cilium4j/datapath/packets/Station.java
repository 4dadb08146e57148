// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.Netns;
import java.util.List;
import java.util.Optional;

/**
 * Where frames begin and end: a pod, an address of the node, or a host beyond it. Nothing there
 * answers for itself; what comes in is counted.
 *
 * @param name tells it apart
 * @param place what kind of place it is
 * @param endpointId a pod's number; 0 for what is none
 * @param addresses one of each family
 * @param netns where its frames come in, and from which they are sent unless it is the node
 * @param sender token of the socket that sends
 * @param receiver token of the socket that counts what comes in
 * @param mac its Ethernet address
 * @param nextHopMac that of the device it sends to
 * @param device a pod's pair of devices
 */
record Station(
    String name,
    Place place,
    int endpointId,
    List<IpAddress> addresses,
    Netns netns,
    int sender,
    int receiver,
    MacAddress mac,
    MacAddress nextHopMac,
    Optional<EndpointInterface> device) {

  /** What stands at an end of a flow. */
  enum Place {
    POD,
    NODE,
    OUTSIDE
  }

  boolean isPod() {
    return place == Place.POD;
  }

  IpAddress address(IpFamily family) {
    return addresses.stream().filter(each -> each.family() == family).findFirst().orElseThrow();
  }

  /** Frames from here to an address. */
  Frames to(IpAddress destination) {
    return from(address(destination.family()), destination);
  }

  /** Frames from here under another source address. */
  Frames from(IpAddress source, IpAddress destination) {
    return Frames.between(source, destination).ethernet(mac, nextHopMac);
  }

  int ifindex() {
    return device.orElseThrow().hostIfindex();
  }

  @Override
  public String toString() {
    return name;
  }
}
