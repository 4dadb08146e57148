// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.DatapathException;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The network namespace in which the proxy's sockets live, joined to the node's by a pair of
 * devices. Everything that comes in there ends there, whatever its address; what its sockets send
 * leaves by the same pair, whoever they speak for.
 *
 * <pre>
 *   proxy                                              node
 *   iif eth0: everything is local
 *   default via 169.254.0.1, fe80::1 dev eth0   ----   cilium_proxy
 * </pre>
 *
 * <p>So the kernel also answers from any address, as it does where nobody listens: IPv4 answers
 * from those of the table {@code local} alone, which is therefore asked about what comes in and not
 * about what is sent.
 *
 * <p>It outlives the process, so that connections which are redirected while no proxy runs are
 * refused by its network and not by silence. Not safe for use by several threads.
 */
public final class ProxyNamespace implements AutoCloseable {

  /** The device inside. */
  static final String INSIDE = "eth0";

  private static final int LOOPBACK = 1;

  /** Connections that may wait to be accepted. */
  private static final String BACKLOG = "4096";

  /**
   * The ports of what the proxy asks on its own account: none that systems choose clients' ports
   * from (32768 to 60999). A client has one flow with a server from each port, and one through a
   * service is refused where it would be another flow that is there.
   */
  static final String OWN_PORTS = "1024\t32767";

  private static final String NAME = "proxy";

  private final Netlink node;
  private final DeviceManifest manifest;
  private final Netns netns;
  private final MacAddress inside;
  private Link link;

  private ProxyNamespace(
      Netlink node, DeviceManifest manifest, Netns netns, MacAddress inside, Link link) {
    this.node = node;
    this.manifest = manifest;
    this.netns = netns;
    this.inside = inside;
    this.link = link;
  }

  /**
   * Makes the namespace, or takes over that of an earlier process. The node's end of the pair is
   * down before {@link #up}.
   *
   * @param folder where the namespace's name is kept
   * @param mtuBytes the largest packet that the proxy may send: that of pods
   * @throws DatapathException if there is a device of that name that is somebody else's
   */
  public static ProxyNamespace open(
      Netlink node, InstanceNames names, DeviceManifest manifest, Path folder, int mtuBytes) {
    String name = names.proxyDevice();
    Path file = folder.resolve(NAME);
    Optional<Link> present = node.linkByName(name);
    if (present.isPresent()) {
      Link found = present.get();
      boolean isOurs = manifest.holds(found) || leadsInto(file, found);
      if (!found.kind().equals("veth") || !isOurs) {
        throw new DatapathException(
            "device "
                + name
                + " exists, and the state folder does not say that it is ours; if it was lost with"
                + " that folder: ip link delete "
                + name);
      }
      // Its maker sets it up when all the rest is done.
      Optional<ProxyNamespace> taken =
          found.isUp() ? takeOver(node, manifest, file, found) : Optional.empty();
      if (taken.isPresent()) {
        taken.get().setMtu(mtuBytes);
        return taken.get();
      }
      node.deleteLink(found.index());
    }
    Netns.delete(file);
    Netns netns = Netns.create(folder, NAME);
    try {
      manifest.announce(name);
      var pair =
          new VethPair(name, INSIDE, PodConnector.randomMac(), PodConnector.randomMac(), mtuBytes);
      Link made = node.createVeth(pair, netns);
      manifest.add(made.name(), made.index(), made.mac());
      var opened = new ProxyNamespace(node, manifest, netns, pair.peerMac(), made);
      opened.settle();
      return opened;
    } catch (RuntimeException e) {
      netns.close();
      throw e;
    }
  }

  /** Whether a device's peer is in our namespace: the manifest may be damaged. */
  private static boolean leadsInto(Path file, Link found) {
    if (!Netns.exists(file)) {
      return false;
    }
    try (Netns netns = Netns.open(file);
        Netlink links = Netlink.open(netns)) {
      return peer(links, found).isPresent();
    }
  }

  private static Optional<Link> peer(Netlink inside, Link found) {
    return inside.linkByName(INSIDE).filter(link -> link.index() == found.peerIndex());
  }

  private static Optional<ProxyNamespace> takeOver(
      Netlink node, DeviceManifest manifest, Path file, Link found) {
    if (!Netns.exists(file)) {
      return Optional.empty();
    }
    Netns netns = Netns.open(file);
    try (Netlink links = Netlink.open(netns)) {
      Optional<Link> peer = peer(links, found);
      if (peer.isEmpty()) {
        netns.close();
        return Optional.empty();
      }
      // Of this process too from now on.
      manifest.add(found.name(), found.index(), found.mac());
      choosePorts(netns);
      return Optional.of(new ProxyNamespace(node, manifest, netns, peer.get().mac(), found));
    } catch (RuntimeException e) {
      netns.close();
      throw e;
    }
  }

  /** Sets the largest packet, at both ends. */
  public void setMtu(int mtuBytes) {
    node.setMtu(link.index(), mtuBytes);
    try (Netlink links = Netlink.open(netns)) {
      links.setMtu(link.peerIndex(), mtuBytes);
    }
  }

  private static void choosePorts(Netns netns) {
    netns.call(() -> Sysctl.writeIfPresent("net/ipv4/ip_local_port_range", OWN_PORTS));
  }

  private void settle() {
    choosePorts(netns);
    netns.call(() -> {
      // Of all and of the device the larger value counts.
      Sysctl.write("net/ipv4/conf/all/rp_filter", "0");
      Sysctl.write("net/ipv4/conf/" + INSIDE + "/rp_filter", "0");
      Sysctl.writeIfPresent("net/ipv6/conf/" + INSIDE + "/disable_ipv6", "0");
      // A client may use its port again before the proxy's end of it is forgotten.
      Sysctl.writeIfPresent("net/ipv4/tcp_tw_reuse", "1");
      Sysctl.writeIfPresent("net/core/somaxconn", BACKLOG);
      Sysctl.writeIfPresent("net/ipv4/tcp_max_syn_backlog", BACKLOG);
      return true;
    });
    try (Netlink links = Netlink.open(netns)) {
      int device = link.peerIndex();
      links.setUp(LOOPBACK);
      links.setUp(device);
      for (IpFamily family : IpFamily.values()) {
        IpAddress gateway = gateway(family);
        links.setNeighbour(device, gateway, link.mac());
        links.replaceRoute(Route.to(everything(family), device).viaOnLink(gateway));
        links.replaceEverythingLocal(family, LOOPBACK);
        // With the kernel's rule it would send to itself.
        links.deleteRule(new LocalRule(family, ""));
        links.ensureRule(new LocalRule(family, INSIDE));
      }
    }
  }

  /** A neighbour that is never asked for. */
  private static IpAddress gateway(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "169.254.0.1" : "fe80::1");
  }

  private static IpPrefix everything(IpFamily family) {
    return IpPrefix.parse(family == IpFamily.IPV4 ? "0.0.0.0/0" : "::/0");
  }

  /** Removes what an earlier process that had a proxy left; no error if there is nothing. */
  public static void remove(
      Netlink node, InstanceNames names, DeviceManifest manifest, Path folder) {
    node.linkByName(names.proxyDevice())
        .filter(found -> found.kind().equals("veth") && manifest.holds(found))
        .ifPresent(found -> {
          node.deleteLink(found.index());
          manifest.remove(found.name(), found.index());
        });
    deleteName(folder);
  }

  /** Removes the namespace's name: it ends with its last socket, and its devices with it. */
  public static void deleteName(Path folder) {
    Netns.delete(folder.resolve(NAME));
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException _) {
      // Somebody else's files stay.
    } catch (IOException e) {
      throw new NetException("remove folder " + folder, e);
    }
  }

  /** Sets the node's end up. */
  public void up() {
    node.setUp(link.index());
  }

  /** The namespace. */
  public Netns netns() {
    return netns;
  }

  /** The node's end of the pair. */
  public Link link() {
    return link;
  }

  /** The Ethernet address of the end inside. */
  public MacAddress inside() {
    return inside;
  }

  /**
   * Sets the pair up again.
   *
   * @return what was mended, one line each
   * @throws DatapathException if the pair is gone: programs and proxy know it alone
   */
  public List<String> mend() {
    Link present =
        node.linkByName(link.name())
            .filter(found -> found.index() == link.index() && manifest.holds(found))
            .orElseThrow(() ->
                new DatapathException(
                    "device "
                        + link.name()
                        + " is gone, and with it the proxy's network: redirected packets are"
                        + " dropped until the agent starts again"));
    link = present;
    if (present.isUp()) {
      return List.of();
    }
    up();
    return List.of("device " + link.name() + " was down");
  }

  /** Lets go; the namespace stays. */
  @Override
  public void close() {
    netns.close();
  }
}
