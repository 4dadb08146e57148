// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.spi.Datapath.Mended;
import io.cilium4j.datapath.ebpf.Programs.Entry;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NodeDevices;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;

/**
 * Makes good what others did to the datapath's parts: pins, devices, programs, routes and settings.
 */
final class EbpfMending {

  private final EbpfParts parts;
  private final BooleanSupplier isClosed;

  /**
   * Mends nothing yet.
   *
   * @param isClosed asked while {@code parts.pods} is held, under which the datapath is closed
   */
  EbpfMending(EbpfParts parts, BooleanSupplier isClosed) {
    this.parts = parts;
    this.isClosed = isClosed;
  }

  /** Mends everything, and tells what was not as it must be. */
  Mended mend() {
    var mender = new Mender();
    synchronized (parts.pods) {
      if (!isClosed.getAsBoolean()) {
        mender.attempt("pins", () -> mendPins(mender));
        mender.attempt("devices of the node", () -> mendNode(mender));
        mender.attempt("forwarding", parts.nodeDevices::requireWorkable);
        mender.attempt("programs at sockets", () -> parts.sockets.mend(mender));
        parts.places.mend(parts.aroundPlaces(), parts.proxy, mender);
        mender.attempt(
            "routes to nodes",
            () ->
                parts
                    .nodes
                    .mend()
                    .forEach(each ->
                        mender.mended("the route to " + each + " was gone or led elsewhere")));
        mender.attempt(
            "routes",
            () ->
                parts
                    .routes
                    .mend()
                    .forEach(pod -> mender.mended("the route to " + pod + " was gone")));
      }
    }
    mender.attempt("devices of pods", () -> mendPods(mender));
    return mender.found();
  }

  /** One after the other, so that a pod that comes meanwhile waits for one and not for all. */
  private void mendPods(Mender mender) {
    Map<Integer, Link> links = new HashMap<>();
    synchronized (parts.pods) {
      if (!isClosed.getAsBoolean()) {
        parts.node.listLinks("").forEach(link -> links.put(link.index(), link));
      }
    }
    for (EndpointRecord row : parts.writer.endpoints().values()) {
      Link link = links.get(row.ifindex());
      synchronized (parts.pods) {
        if (link != null && !isClosed.getAsBoolean()) {
          parts.pods.mend(link, mender);
        }
      }
    }
  }

  private void mendPins(Mender mender) {
    parts.pins.ensureFolders();
    parts.keptPins.mend().forEach(pin -> mender.mended("pin " + pin + " was gone"));
    if (parts.programs.pinMissing(parts.pins.programs())) {
      mender.mended("a pin in " + parts.pins.programs().folder() + " was gone");
    }
  }

  private void mendNode(Mender mender) {
    // Where IPv6 is off there can be no address of it.
    for (Link link : List.of(parts.nodeDevices.host(), parts.nodeDevices.net())) {
      NodeDevices.acceptPackets(link.name()).forEach(mender::mended);
    }
    List<String> devices = parts.nodeDevices.mend();
    List<String> settings = parts.acceptNodePackets();
    // A device that is new or was down has lost them.
    (devices.isEmpty() ? settings : devices).forEach(mender::mended);
    Link net = parts.nodeDevices.net();
    if (parts.hooks.mend(parts.programs.at(Entry.FROM_HOST), net.index(), net.name())) {
      mender.detached(net.name());
    }
    parts.networkDevices.mend().forEach(mender::detached);
    if (parts.config.hostFirewall()) {
      mender.attempt("host firewall", parts.networkDevices::requireAll);
    }
    parts.prefilter.mend(mender);
  }
}
