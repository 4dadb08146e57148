// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.core.spi.DatapathProvider.Tunnel;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.ebpf.Programs.Entry;
import io.cilium4j.datapath.net.DeviceManifest;
import io.cilium4j.datapath.net.InstanceNames;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.Netlink;
import io.cilium4j.datapath.net.NodeDevices;
import io.cilium4j.datapath.net.ProxyNamespace;
import io.cilium4j.datapath.net.ReversePathFilter;
import io.cilium4j.datapath.net.TunnelDevice;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The devices that lead elsewhere than to pods and that programs know by their index, as far as
 * there are any: to other nodes, and to the proxy.
 */
record PlaceDevices(@Nullable TunnelDevice tunnel, @Nullable ProxyNamespace proxy)
    implements AutoCloseable {

  /** What pods' packets are as large as, without a tunnel. */
  private static final int ETHERNET_MTU_BYTES = 1500;

  /**
   * How the node's stack and the hooks are told of a device.
   *
   * @param loose the devices whose reverse path filter is kept loose
   */
  record Node(NodeDevices devices, ReversePathFilter loose, Hooks hooks, Programs programs) {
    private void attach(Entry entry, Link link) {
      loose.keep(link.index(), link.name());
      devices.acceptPodPackets(link.name(), link.index(), loose);
      hooks.attach(programs.at(entry), link.index(), link.name());
    }

    private void mend(Entry entry, Link link, Mender mender) {
      devices.acceptPodPackets(link.name(), link.index(), loose);
      if (hooks.mend(programs.at(entry), link.index(), link.name())) {
        mender.detached(link.name());
      }
    }
  }

  /** Makes those that the configuration asks for, down, and removes those that it does not. */
  static PlaceDevices open(
      Config config,
      Netlink node,
      InstanceNames names,
      DeviceManifest manifest,
      Pins pins,
      Hooks hooks) {
    recover(names.tunnelDevice(), node, manifest, hooks);
    recover(names.proxyDevice(), node, manifest, hooks);
    TunnelDevice tunnel = null;
    if (config.routing().tunnel().isPresent()) {
      tunnel = TunnelDevice.open(node, names, manifest, config.routing().tunnel().get().port());
    } else {
      TunnelDevice.remove(node, names, manifest);
    }
    if (config.listeners().ports().isEmpty()) {
      pins.removeProxy();
      ProxyNamespace.remove(node, names, manifest, namespaces(config));
      return new PlaceDevices(tunnel, null);
    }
    int overhead = config.routing().tunnel().map(Tunnel::overheadBytes).orElse(0);
    return new PlaceDevices(
        tunnel,
        ProxyNamespace.open(
            node, names, manifest, namespaces(config), ETHERNET_MTU_BYTES - overhead));
  }

  /** Gives the proxy the MTU of pods, whose packets it sends. */
  void setMtu(int mtuBytes) {
    if (proxy != null) {
      proxy.setMtu(mtuBytes);
    }
  }

  /** Where the manifest was lost, a device that our program is at is ours. */
  private static void recover(String name, Netlink node, DeviceManifest manifest, Hooks hooks) {
    node.linkByName(name)
        .filter(link -> hooks.isAttached(link.index(), link.name()))
        .ifPresent(link -> manifest.add(link.name(), link.index(), link.mac()));
  }

  /** The folder of namespaces' names. */
  private static Path namespaces(Config config) {
    return config.runFolder().resolve("netns");
  }

  /** Removes the names of namespaces, whose devices are gone. */
  static void deleteNames(Config config) {
    ProxyNamespace.deleteName(namespaces(config));
  }

  /** Whether there is a device for an entry, or it needs none. */
  boolean needs(Entry entry, Config config) {
    return switch (entry) {
      case FROM_CONTAINER, FROM_HOST, FROM_NETDEV -> true;
      case GUARD_IN, TO_NETDEV -> config.hostFirewall();
      case FROM_OVERLAY -> tunnel != null;
      case FROM_PROXY, STEER -> proxy != null;
    };
  }

  /** Tells an object that is not yet loaded of them. */
  void describe(BpfObject object, Config config) {
    if (tunnel != null) {
      int index = tunnel.link().index();
      config.routing().tunnel().ifPresent(routing -> describe(object, routing, index));
    }
    if (proxy != null) {
      object
          .setConst("cfg_proxy_device", proxy.link().index())
          .setConst("cfg_proxy_mac", proxy.inside().bytes());
    }
  }

  private static void describe(BpfObject object, Tunnel tunnel, int device) {
    object
        .setConst("cfg_tunnel_device", device)
        .setConst("cfg_tunnel_ipv6", tunnel.underlay() == IpFamily.IPV6 ? 1 : 0)
        .setConst("cfg_tunnel_port", Short.toUnsignedInt(networkOrder(tunnel.port())));
  }

  /** As the number stands in a packet, read by this machine. */
  private static short networkOrder(int port) {
    return ByteOrder.nativeOrder() == ByteOrder.BIG_ENDIAN
        ? (short) port
        : Short.reverseBytes((short) port);
  }

  /**
   * Sets them up, with their programs before: what came out of one undecided would be believed.
   *
   * @return what proxies see of their place; null without one
   */
  @Nullable ProxyGate up(Node node, Pins pins) {
    if (tunnel != null) {
      node.attach(Entry.FROM_OVERLAY, tunnel.link());
      tunnel.up();
    }
    if (proxy == null) {
      return null;
    }
    node.attach(Entry.FROM_PROXY, proxy.link());
    var gate = new ProxyGate(proxy, node.programs.at(Entry.STEER), pins);
    proxy.up();
    return gate;
  }

  /** Mends them, whatever somebody did to them. */
  void mend(Node node, @Nullable ProxyGate gate, Mender mender) {
    Consumer<String> mended = mender::mended;
    if (tunnel != null) {
      mender.attempt(
          "tunnel",
          () -> {
            tunnel.mend().forEach(mended);
            node.mend(Entry.FROM_OVERLAY, tunnel.link(), mender);
          });
    }
    if (proxy != null) {
      mender.attempt(
          "the proxy's network",
          () -> {
            proxy.mend().forEach(mended);
            node.mend(Entry.FROM_PROXY, proxy.link(), mender);
            if (gate != null && gate.attach()) {
              mender.mended("the program of the proxy's network was detached");
            }
          });
    }
  }

  /** Lets go of what this process holds of them. */
  @Override
  public void close() {
    if (proxy != null) {
      proxy.close();
    }
  }
}
