// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.PrefilterKey;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.XdpMode;
import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NodeNetwork;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Drops what networks send from some prefixes, by an XDP program at each device that leads to a
 * network. While there is no prefix there is no program: one costs every packet, and some drivers
 * much more than that.
 *
 * <p>A process loads a program with maps of its own, fills them, and puts it in the place of that
 * of the process before it, which drops what it dropped until then.
 *
 * <p>Safe for use by several threads.
 */
final class Prefilter implements AutoCloseable {

  private static final String OBJECT = "bpf_xdp";
  static final String PROGRAM = "cil_xdp_entry";

  /** What a device has already that refuses another program. */
  private static final Set<String> TAKEN = Set.of("EBUSY", "EEXIST");

  private static final String VETH = "veth";

  private final Pins pins;
  private final List<String> names;
  private final Predicate<Link> isOurs;
  private NodeNetwork network = NodeNetwork.NONE;
  private @Nullable Running running;

  /** What there is while there is a prefix. */
  private record Running(BpfProgram program, PrefilterMaps maps, NetworkDevices devices) {
    void close() {
      program.close();
      maps.close();
    }
  }

  /**
   * @param names the only devices to take, if there are any
   * @param isOurs tells the instance's own devices and its pods'
   */
  Prefilter(Pins pins, List<String> names, Predicate<Link> isOurs) {
    this.pins = pins;
    this.names = names;
    this.isOurs = isOurs;
  }

  /**
   * Carries out what a batch says of prefixes.
   *
   * @throws DatapathException if a device does not have the program; others have it
   */
  synchronized void apply(List<Change<RowKey, Row>> changes) {
    for (Change<RowKey, Row> change : changes) {
      if (change instanceof Change.Put<RowKey, Row>(_, PrefilterRow row, _)) {
        drop(row.prefixes());
      } else if (change instanceof Change.Removed<RowKey, Row>(PrefilterKey _, _, _)) {
        drop(Set.of());
      }
    }
  }

  /** Stops if there is no row. */
  synchronized void prune(Set<RowKey> wanted) {
    if (!wanted.contains(new PrefilterKey())) {
      drop(Set.of());
    }
  }

  private void drop(Set<IpPrefix> prefixes) {
    if (prefixes.isEmpty()) {
      end();
      return;
    }
    Running now = running;
    if (now == null) {
      now = load();
      running = now;
    }
    now.maps.write(prefixes);
    now.devices.follow(network);
    requireAttached(now);
  }

  private static void requireAttached(Running running) {
    List<String> refused = running.devices.refused();
    if (!refused.isEmpty()) {
      throw new DatapathException("no prefilter at " + String.join("; at ", refused));
    }
  }

  private Running load() {
    try (BpfObject object = Programs.openBeside(OBJECT, pins.maps()).load()) {
      BpfProgram program = object.program(PROGRAM);
      return new Running(
          program,
          new PrefilterMaps(object),
          new NetworkDevices(
              List.of(
                  new NetworkDevices.Hook(
                      Hooks.xdp(pins.prefilter(), this::attach), program, program)),
              List.of(),
              names,
              isOurs));
    }
  }

  /**
   * In the driver where it can; otherwise, and at a virtual device, whose driver loses three
   * quarters of its throughput to it, in the kernel.
   */
  private BpfLink attach(BpfProgram program, int ifindex) {
    Link device = network.links().get(ifindex);
    if (device != null && device.hasNoEthernet()) {
      throw new DatapathException("its packets have no Ethernet header");
    }
    if (device == null || !device.kind().equals(VETH)) {
      try {
        return BpfLink.attachXdp(program, ifindex, XdpMode.NATIVE);
      } catch (BpfException e) {
        requireFree(e);
      }
    }
    try {
      return BpfLink.attachXdp(program, ifindex, XdpMode.GENERIC);
    } catch (BpfException e) {
      requireFree(e);
      throw e;
    }
  }

  private static void requireFree(BpfException refusal) {
    if (TAKEN.contains(refusal.errnoName())) {
      throw new DatapathException("it has an XDP program of somebody else", refusal);
    }
  }

  /** Takes note of the network. */
  synchronized void follow(NodeNetwork present) {
    network = present;
    if (running != null) {
      running.devices.follow(present);
    }
  }

  /** Leaves a device that is a pod's from now on. */
  synchronized void leave(int ifindex, String name) {
    if (running != null) {
      running.devices.leave(ifindex, name);
    }
  }

  /** Attaches again where somebody detached, and where a device refused. */
  synchronized void mend(Mender mender) {
    Running now = running;
    if (now != null) {
      now.devices.mend().forEach(mender::detached);
      now.devices.refresh();
      mender.attempt("prefilter", () -> requireAttached(now));
    }
  }

  /** Detaches, also what an earlier process attached. */
  private void end() {
    if (running != null) {
      running.devices.leaveAll();
      running.close();
      running = null;
    }
    pins.prefilter().list().forEach(pin -> pins.prefilter().remove(pin.getFileName().toString()));
  }

  /** Lets go; what is attached stays. */
  @Override
  public synchronized void close() {
    if (running != null) {
      running.close();
      running = null;
    }
  }
}
