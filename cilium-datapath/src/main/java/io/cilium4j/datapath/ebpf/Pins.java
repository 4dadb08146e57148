// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.net.InstanceNames;
import java.util.List;

/**
 * The folders of an instance under the bpf file system: what stands there outlives the process.
 *
 * @param maps the maps
 * @param links a link for each device of a pod, and for the node's
 * @param networkLinks a link for each device that leads to a network
 * @param egressLinks a link at the way out for each such device, with a host firewall
 * @param programs the programs, for other tools and for test runs
 * @param proxy the link of the proxy's namespace
 * @param sockets a link for each program that looks at the sockets of the node's processes
 * @param prefilter a link for each device that leads to a network, while there is a prefilter
 */
record Pins(
    BpfFs maps,
    BpfFs links,
    BpfFs networkLinks,
    BpfFs egressLinks,
    BpfFs programs,
    BpfFs proxy,
    BpfFs sockets,
    BpfFs prefilter) {

  static Pins open(InstanceNames names) {
    BpfFs root = BpfFs.open(names.pinFolder());
    return new Pins(
        root,
        root.subfolder("links"),
        root.subfolder("links-network"),
        root.subfolder("links-egress"),
        root.subfolder("programs"),
        root.subfolder("proxy"),
        root.subfolder("sockets"),
        root.subfolder("prefilter"));
  }

  /** Makes the folders that somebody removed, the layout's number among them. */
  void ensureFolders() {
    List.of(maps, links, networkLinks, egressLinks, programs, proxy, sockets, prefilter)
        .forEach(BpfFs::ensure);
    LayoutNumber.note(maps);
  }

  /** Removes what is there for the proxy. */
  void removeProxy() {
    empty(proxy);
    maps.remove(KernelMaps.LISTENERS);
  }

  private static void empty(BpfFs folder) {
    folder.list().forEach(pin -> folder.remove(pin.getFileName().toString()));
  }

  /** Removes everything that an instance pins. */
  void remove() {
    removeProxy();
    for (BpfFs folder :
        List.of(links, networkLinks, egressLinks, programs, proxy, sockets, prefilter)) {
      empty(folder);
      folder.removeIfEmpty();
    }
    KernelMaps.PINNED.forEach(maps::remove);
    KernelMaps.OPTIONAL.forEach(maps::remove);
    LayoutMigration.removeKept(maps);
    LayoutNumber.remove(maps);
    MapResizing.removeKept(maps);
    maps.remove(KernelMaps.TEST);
    maps.removeIfEmpty();
  }
}
