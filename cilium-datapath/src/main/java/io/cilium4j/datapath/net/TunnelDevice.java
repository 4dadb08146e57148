// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.Errno;
import java.util.List;
import java.util.Optional;

/**
 * The VXLAN device that joins the node's pods to those of other nodes. Programs say where each
 * packet goes and read what each says that comes; the device itself knows no other node. A network
 * namespace has room for one such device a port.
 *
 * <p>Not safe for use by several threads.
 */
public final class TunnelDevice {

  private final Netlink node;
  private final DeviceManifest manifest;
  private final int port;
  private Link link;

  private TunnelDevice(Netlink node, DeviceManifest manifest, int port, Link link) {
    this.node = node;
    this.manifest = manifest;
    this.port = port;
    this.link = link;
  }

  /**
   * Makes the device, or takes over that of an earlier process. It carries nothing before {@link
   * #up}.
   *
   * @param port the UDP port, 1 to 65535
   * @throws DatapathException if there is a device of that name that is somebody else's
   */
  public static TunnelDevice open(
      Netlink node, InstanceNames names, DeviceManifest manifest, int port) {
    String name = names.tunnelDevice();
    Optional<Link> present = node.linkByName(name);
    if (present.isPresent()) {
      Link found = present.get();
      if (!found.kind().equals(Link.VXLAN) || !manifest.holds(found)) {
        throw new DatapathException(
            "device "
                + name
                + " exists, and the state folder does not say that it is ours; if it was lost with"
                + " that folder: ip link delete "
                + name);
      }
      if (node.tunnelPort(found.index()) == port) {
        // Of this process too from now on.
        manifest.add(found.name(), found.index(), found.mac());
        return new TunnelDevice(node, manifest, port, found);
      }
      node.deleteLink(found.index());
    }
    return new TunnelDevice(node, manifest, port, create(node, manifest, name, 0, port));
  }

  private static Link create(
      Netlink node, DeviceManifest manifest, String name, int ifindex, int port) {
    manifest.announce(name);
    Link made = node.createTunnel(name, ifindex, PodConnector.randomMac(), port);
    manifest.add(made.name(), made.index(), made.mac());
    return made;
  }

  /** Removes the tunnel of an earlier process that had one; no error if there is none. */
  public static void remove(Netlink node, InstanceNames names, DeviceManifest manifest) {
    node.linkByName(names.tunnelDevice())
        .filter(found -> found.kind().equals(Link.VXLAN) && manifest.holds(found))
        .ifPresent(found -> {
          node.deleteLink(found.index());
          manifest.remove(found.name(), found.index());
        });
  }

  /** The device. */
  public Link link() {
    return link;
  }

  /**
   * Sets the device up: from now on other nodes are heard.
   *
   * @throws DatapathException if another device or socket has the port
   */
  public void up() {
    NodeDevices.acceptPackets(link.name());
    try {
      node.setUp(link.index());
    } catch (NetlinkException e) {
      if (e.errno() == Errno.EADDRINUSE) {
        throw portTaken(port, e);
      }
      throw e;
    }
  }

  static DatapathException portTaken(int port, Exception cause) {
    return new DatapathException(
        "UDP port "
            + port
            + " is taken: another VXLAN device or a program listens there; take another one for all"
            + " nodes by the option tunnel-port",
        cause);
  }

  /**
   * Makes the device as it must be again: with the index that it had, which programs know.
   *
   * @return what was mended, one line each
   * @throws DatapathException if somebody else's device has its name or its port by now
   */
  public List<String> mend() {
    Optional<Link> present = node.linkByName(link.name());
    if (present.isEmpty()) {
      link = create(node, manifest, link.name(), link.index(), port);
      up();
      return List.of("device " + link.name() + " was gone");
    }
    if (!manifest.holds(present.get()) || present.get().index() != link.index()) {
      throw new DatapathException(
          "device " + link.name() + " is somebody else's by now; ours is gone");
    }
    link = present.get();
    if (link.isUp()) {
      return List.of();
    }
    up();
    return List.of("device " + link.name() + " was down");
  }
}
