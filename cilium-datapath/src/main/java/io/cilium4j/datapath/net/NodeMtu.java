// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.state.Lifecycle;
import io.cilium4j.datapath.bpf.SystemCallException;
import java.util.List;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells how large a packet may be that every network of the node takes: the least MTU of the
 * devices that join it to networks ({@link NodeNetwork#external}). The kernel tells of each change.
 *
 * <p>Safe for use by several threads.
 */
public final class NodeMtu implements Lifecycle.Part {
  private static final Logger LOG = LoggerFactory.getLogger(NodeMtu.class);

  /** What IPv6 asks of every network. */
  private static final int LEAST_BYTES = 1280;

  private static final int MOST_BYTES = 65_535;

  /** Of a node without such a device, and where the kernel may not be listened to: Ethernet's. */
  public static final int DEFAULT_BYTES = 1500;

  private final InstanceNames names;
  private final List<String> devices;
  private final IntConsumer listener;
  private volatile @Nullable NodeWatch watch;

  /**
   * Looks at nothing yet.
   *
   * @param instance whose own devices do not count
   * @param devices names, as {@link NodeNetwork#external} takes them
   * @param listener told the bytes at each change of the network, by one thread at a time; the
   *     first time by {@link #start}
   */
  public NodeMtu(String instance, List<String> devices, IntConsumer listener) {
    this.names = new InstanceNames(instance);
    this.devices = List.copyOf(devices);
    this.listener = listener;
  }

  @Override
  public void start() {
    try {
      watch = NodeWatch.open(names.instance() + "-mtu", network -> listener.accept(bytes(network)));
    } catch (SystemCallException | LinkageError e) {
      LOG.warn(
          "MTU is taken to be {}, the kernel does not tell of devices error=\"{}\"",
          DEFAULT_BYTES,
          e.toString());
      listener.accept(DEFAULT_BYTES);
    }
  }

  private int bytes(NodeNetwork network) {
    return network.external(devices, this::isOurs).stream()
        .mapToInt(Link::mtuBytes)
        .map(bytes -> Math.clamp(bytes, LEAST_BYTES, MOST_BYTES))
        .min()
        .orElse(DEFAULT_BYTES);
  }

  private boolean isOurs(Link link) {
    return names.isNodeDevice(link.name()) || names.isPodDevice(link.name());
  }

  @Override
  public void stop() {
    NodeWatch open = watch;
    if (open != null) {
      open.close();
    }
  }
}
