// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.BpfException;
import io.cilium4j.datapath.bpf.BpfFs;
import io.cilium4j.datapath.bpf.BpfLink;
import io.cilium4j.datapath.bpf.BpfProgram;
import io.cilium4j.datapath.bpf.Direction;
import io.cilium4j.datapath.bpf.TcFilter;
import java.nio.file.Path;
import java.util.function.BiFunction;

/**
 * Where a program hangs on a device. Both kinds survive the process, and both can be given a newer
 * program without a packet passing in between.
 */
sealed interface Hooks {

  /** Attaches, or gives what is attached the present program. */
  void attach(BpfProgram program, int ifindex, String deviceName);

  /**
   * Attaches again where somebody detached or removed what was attached.
   *
   * @return whether it was so
   */
  default boolean mend(BpfProgram program, int ifindex, String deviceName) {
    if (isAttached(ifindex, deviceName)) {
      return false;
    }
    attach(program, ifindex, deviceName);
    return true;
  }

  /** Whether something is attached to this very device, by whichever process of the instance. */
  boolean isAttached(int ifindex, String deviceName);

  /** Forgets a device, which may be gone already, or have never been there (index 0). */
  void detach(int ifindex, String deviceName);

  /** Removes what stands for devices that are gone. */
  void prune();

  /** What to say of it. */
  String description();

  /** Links at the way in, behind programs of others; kernel 6.6 and newer. */
  static Hooks tcx(BpfFs links) {
    return tcx(links, Direction.INGRESS);
  }

  /** The same at either way. */
  static Hooks tcx(BpfFs links, Direction direction) {
    return new Links(
        links, (program, ifindex) -> BpfLink.attachTcx(program, ifindex, direction), "tcx links");
  }

  /** Links before the kernel has made a packet of what came in, one program a device. */
  static Hooks xdp(BpfFs links, BiFunction<BpfProgram, Integer, BpfLink> attaching) {
    return new Links(links, attaching, "XDP links");
  }

  /**
   * Links, pinned one a device under the device's name, with {@code %} in the place of a dot: a pin
   * may not have the one, a device not the other.
   *
   * @param attaching attaches a program to the device of an index
   */
  record Links(BpfFs links, BiFunction<BpfProgram, Integer, BpfLink> attaching, String description)
      implements Hooks {

    /** What a link has for an index once its device is gone. */
    private static final int DEAD = 0;

    private static String nameOf(String deviceName) {
      return deviceName.replace('.', '%');
    }

    @Override
    public void attach(BpfProgram program, int ifindex, String deviceName) {
      Path pin = links.pin(nameOf(deviceName));
      if (pin.toFile().exists()) {
        try (BpfLink link = BpfLink.openPinned(pin)) {
          if (link.info().ifindex() == ifindex) {
            link.update(program);
            return;
          }
        }
        // The device is another one of the same name; its predecessor's link is dead.
        links.remove(nameOf(deviceName));
      }
      try (BpfLink link = attaching.apply(program, ifindex)) {
        link.pin(pin);
      }
    }

    @Override
    public boolean isAttached(int ifindex, String deviceName) {
      Path pin = links.pin(nameOf(deviceName));
      return pin.toFile().exists() && ifindexOf(pin) == ifindex;
    }

    @Override
    public void detach(int ifindex, String deviceName) {
      Path pin = links.pin(nameOf(deviceName));
      if (pin.toFile().exists()) {
        int attached = ifindexOf(pin);
        // Another device may have the name by now, and its hook.
        if (attached == DEAD || attached == ifindex) {
          links.remove(nameOf(deviceName));
        }
      }
    }

    @Override
    public void prune() {
      for (Path pin : links.list()) {
        if (ifindexOf(pin) == DEAD) {
          links.remove(pin.getFileName().toString());
        }
      }
    }

    private static int ifindexOf(Path pin) {
      try (BpfLink link = BpfLink.openPinned(pin)) {
        return link.info().ifindex();
      }
    }
  }

  /** Filters of the clsact qdisc, in a slot of our own; they live and go with the device. */
  record Clsact(TcFilter.Slot slot, Direction direction) implements Hooks {

    /** At which nobody else of this field attaches. */
    private static final int PRIORITY = 4;

    /** Where a pod's device has its program. */
    static Clsact ofPods() {
      return new Clsact(new TcFilter.Slot(PRIORITY, 0xc4), Direction.INGRESS);
    }

    /** Where a device that several instances share has that of one; above those of pods. */
    static Clsact ofNetwork(String instance, Direction direction) {
      return new Clsact(
          new TcFilter.Slot(PRIORITY, 0x4000_0000 | (instance.hashCode() & 0x3fff_ffff)),
          direction);
    }

    @Override
    public void attach(BpfProgram program, int ifindex, String deviceName) {
      TcFilter.find(ifindex, direction, slot)
          .ifPresentOrElse(
              filter -> filter.replace(program),
              () -> TcFilter.attach(program, ifindex, direction, slot));
    }

    @Override
    public boolean isAttached(int ifindex, String deviceName) {
      return TcFilter.find(ifindex, direction, slot).isPresent();
    }

    @Override
    public void detach(int ifindex, String deviceName) {
      if (ifindex == 0) {
        return; // It was about to be made.
      }
      try {
        TcFilter.find(ifindex, direction, slot).ifPresent(TcFilter::detach);
      } catch (BpfException e) {
        if (!e.errnoName().equals("ENODEV")) {
          throw e;
        }
      }
    }

    @Override
    public void prune() {
      // A filter is gone with its device.
    }

    @Override
    public String description() {
      return "clsact filters";
    }
  }
}
