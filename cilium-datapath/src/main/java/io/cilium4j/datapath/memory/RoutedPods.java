// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.memory;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.NodeDevices;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The pods' addresses that the node's stack sends to the forwarder, each with the largest packet
 * that the pod's device takes: what is larger is answered by the stack.
 *
 * <p>Safe for use by several threads.
 */
final class RoutedPods {

  /** In place of the device of an address that an earlier process routed. */
  private static final int UNKNOWN = 0;

  private final NodeDevices devices;

  /** The pod's device by address; guarded by this, as the next one. */
  private final Map<IpAddress, Integer> ifindexes = new HashMap<>();

  private final Map<Integer, Integer> mtuBytes = new HashMap<>();

  RoutedPods(NodeDevices devices) {
    this.devices = devices;
  }

  /** Routes a pod's addresses, or routes them anew. */
  synchronized void add(Collection<IpAddress> pods, int ifindex, int largestBytes) {
    mtuBytes.put(ifindex, largestBytes);
    for (IpAddress pod : pods) {
      devices.route(pod, largestBytes);
      ifindexes.put(pod, ifindex);
    }
  }

  /** A pod's device takes larger or smaller packets from now on; no error if it is no pod's. */
  synchronized void setMtu(int ifindex, int largestBytes) {
    Integer before = mtuBytes.get(ifindex);
    if (before != null && before != largestBytes) {
      mtuBytes.put(ifindex, largestBytes);
      ifindexes.forEach((pod, device) -> {
        if (device == ifindex) {
          devices.route(pod, largestBytes);
        }
      });
    }
  }

  /**
   * Routes those again that somebody removed.
   *
   * @return which
   */
  synchronized List<IpAddress> mend() {
    Set<IpAddress> missing = new TreeSet<>(ifindexes.keySet());
    devices.routes().forEach(missing::remove);
    for (IpAddress pod : missing) {
      int ifindex = ifindexes.getOrDefault(pod, UNKNOWN);
      devices.route(pod, mtuBytes.getOrDefault(ifindex, NodeDevices.MAX_MTU_BYTES));
    }
    return List.copyOf(missing);
  }

  synchronized boolean containsAll(Collection<IpAddress> pods) {
    return ifindexes.keySet().containsAll(pods);
  }

  /** Takes note of what an earlier process routed. */
  synchronized void addLeftBehind() {
    devices.routes().forEach(pod -> ifindexes.putIfAbsent(pod, UNKNOWN));
  }

  /** Takes every route but those to these addresses. */
  synchronized void retain(Set<IpAddress> pods) {
    for (IpAddress pod : Set.copyOf(ifindexes.keySet())) {
      if (!pods.contains(pod)) {
        devices.unroute(pod);
        ifindexes.remove(pod);
      }
    }
    mtuBytes.keySet().retainAll(ifindexes.values());
  }

  synchronized Set<IpAddress> addresses() {
    return Set.copyOf(ifindexes.keySet());
  }
}
