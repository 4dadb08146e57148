// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.DatapathProvider.Config;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.Direction;
import io.cilium4j.datapath.bpf.Feature;
import io.cilium4j.datapath.bpf.Probes;
import io.cilium4j.datapath.ebpf.NetworkDevices.Hook;
import io.cilium4j.datapath.ebpf.Programs.Entry;
import io.cilium4j.datapath.net.Link;
import java.util.List;
import java.util.function.Predicate;

/** Which programs the devices have that lead to a network, with and without a host firewall. */
final class NetworkHooks {

  private NetworkHooks() {}

  /**
   * @param isOurs tells the instance's own devices and its pods'
   */
  static NetworkDevices devices(
      Config config, Pins pins, Programs programs, Predicate<Link> isOurs) {
    Hooks in = hooks(config, pins.networkLinks(), Direction.INGRESS);
    Hooks out = hooks(config, pins.egressLinks(), Direction.EGRESS);
    var plain = programs.at(Entry.FROM_NETDEV);
    return config.hostFirewall()
        ? new NetworkDevices(
            List.of(
                new Hook(in, programs.at(Entry.GUARD_IN), plain),
                new Hook(out, programs.at(Entry.TO_NETDEV), null)),
            List.of(),
            config.devices(),
            isOurs)
        : new NetworkDevices(
            List.of(new Hook(in, plain, plain)), List.of(out), config.devices(), isOurs);
  }

  private static Hooks hooks(Config config, BpfFs links, Direction direction) {
    return Probes.of(Feature.TCX_LINK).isSupported()
        ? Hooks.tcx(links, direction)
        : Hooks.Clsact.ofNetwork(config.instance(), direction);
  }
}
