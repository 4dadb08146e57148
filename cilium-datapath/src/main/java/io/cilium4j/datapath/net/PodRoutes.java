// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The node's routes to its pods, each made once by this process. Routes of an earlier process stay
 * until {@link #retain}.
 *
 * <p>Safe for use by several threads.
 */
public final class PodRoutes {

  private final NodeDevices devices;
  private final Set<IpAddress> routed = new HashSet<>();

  /**
   * @param devices where the routes lead
   */
  public PodRoutes(NodeDevices devices) {
    this.devices = devices;
  }

  /** Routes addresses to the datapath; no error for one that is routed. */
  public synchronized void add(Collection<IpAddress> pods) {
    for (IpAddress pod : pods) {
      if (!routed.contains(pod)) {
        devices.route(pod);
        routed.add(pod);
      }
    }
  }

  /**
   * Routes those again that somebody removed.
   *
   * @return which
   */
  public synchronized List<IpAddress> mend() {
    Set<IpAddress> missing = new TreeSet<>(routed);
    devices.routes().forEach(missing::remove);
    missing.forEach(devices::route);
    return List.copyOf(missing);
  }

  /** Routes addresses no more; no error for one that is not. */
  public synchronized void remove(Collection<IpAddress> pods) {
    for (IpAddress pod : pods) {
      devices.unroute(pod);
      routed.remove(pod);
    }
  }

  /** Removes every route, by whichever process, but those to these addresses. */
  public synchronized void retain(Set<IpAddress> pods) {
    remove(devices.routes().stream().filter(pod -> !pods.contains(pod)).toList());
  }
}
