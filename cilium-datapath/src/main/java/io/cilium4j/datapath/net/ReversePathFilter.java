// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Keeps {@code rp_filter} of devices as a datapath needs it. Others set it too: udev applies {@code
 * net.ipv4.conf.*} of an administrator's file to each device that appears, some time later.
 *
 * <p>Safe for use by several threads, all in the devices' namespace.
 */
public final class ReversePathFilter {

  private static final Logger LOG = LoggerFactory.getLogger(ReversePathFilter.class);

  /** What a device is for. The larger of its value and the one for all devices counts. */
  public enum Mode {
    /** Without an IPv4 address it takes no packet whose way back is by another device. */
    STRICT(1),

    /** With an IPv4 address it takes packets whatever the way back; 1 for all would override 0. */
    LOOSE(2);

    private final int least;

    Mode(int least) {
      this.least = least;
    }
  }

  private final Mode mode;
  private final Map<Integer, String> devices = new ConcurrentHashMap<>();

  public ReversePathFilter(Mode mode) {
    this.mode = mode;
  }

  /** Sets a device, now and whenever somebody else sets it. */
  public void keep(int ifindex, String device) {
    devices.put(ifindex, device);
    Sysctl.writeIfPresent(key(device), String.valueOf(mode.least));
  }

  /** Leaves a device to others; no error for one that was not kept. */
  public void forget(int ifindex) {
    devices.remove(ifindex);
  }

  /** See {@link NodeWatch.Listener#reversePathFilterSet}. */
  public void check(int ifindex) {
    if (ifindex == 0) {
      devices.keySet().forEach(this::checkDevice);
    } else {
      checkDevice(ifindex);
    }
  }

  private void checkDevice(int ifindex) {
    String device = devices.get(ifindex);
    if (device == null) {
      return;
    }
    try {
      int found = Sysctl.read(key(device)).map(Integer::parseInt).orElse(mode.least);
      if (found < mode.least) {
        Sysctl.writeIfPresent(key(device), String.valueOf(mode.least));
        LOG.info("rp_filter set back device={} from={} to={}", device, found, mode.least);
      }
    } catch (NetException e) {
      // It may have gone meanwhile.
      LOG.warn("rp_filter not set back device={} error=\"{}\"", device, e.getMessage());
    }
  }

  private static String key(String device) {
    return "net/ipv4/conf/" + device + "/rp_filter";
  }
}
