// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.net.Link;
import io.cilium4j.datapath.net.NodeNetwork;
import io.cilium4j.datapath.net.NodeWatch;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Hears of changes of the node's network, passes them on, and has mended what one may have undone.
 * That pods' devices come and go is no such change: to mend takes longer the more pods there are,
 * and each of them would call for it.
 */
final class NetworkFollower implements NodeWatch.Listener {

  /** How long after a change it is looked at whether something is undone. */
  private static final Duration SETTLE = Duration.ofMillis(500);

  /**
   * Whom changes concern.
   *
   * @param network takes each state of the network
   * @param reversePathFilter takes the index of each device whose filter was set, 0 for any
   * @param isPods whether a device is a pod's
   * @param mend mends; may be called by two threads at once
   */
  record Concerned(
      Consumer<NodeNetwork> network,
      IntConsumer reversePathFilter,
      Predicate<Link> isPods,
      Runnable mend) {}

  private final Concerned concerned;
  private final Executor later;
  private final AtomicBoolean mending = new AtomicBoolean();
  private NodeNetwork beside = NodeNetwork.NONE;
  private Set<Integer> podsUp = Set.of();
  private volatile boolean mends;

  /**
   * @param later runs what it is given a moment later, so that changes that come together, the
   *     datapath's own as well, are looked at together, and not on the watch's thread, for which
   *     closing waits
   */
  NetworkFollower(Concerned concerned, Executor later) {
    this.concerned = concerned;
    this.later = later;
  }

  /**
   * Runs on a platform thread: what is asked of the kernel concerns the network of the thread that
   * asks, which this has from the one that starts it, and a virtual thread has from nobody.
   */
  static Executor later(String threadName) {
    return work ->
        Thread.ofPlatform()
            .daemon()
            .name(threadName)
            .start(() -> {
              LockSupport.parkNanos(SETTLE.toNanos());
              work.run();
            });
  }

  /** From now on changes are mended; before, whoever opens the datapath sets all up himself. */
  void startMending() {
    mends = true;
  }

  /** Leaves devices as others make them from now on. */
  void stopMending() {
    mends = false;
  }

  @Override
  public void networkChanged(NodeNetwork network) {
    concerned.network.accept(network);
    NodeNetwork besideNow = network.without(concerned.isPods);
    Set<Integer> podsUpNow =
        network.links().values().stream()
            .filter(link -> link.isUp() && concerned.isPods.test(link))
            .map(Link::index)
            .collect(Collectors.toSet());
    boolean isPodDown =
        network.links().values().stream()
            .anyMatch(link -> !link.isUp() && podsUp.contains(link.index()));
    if (isPodDown || !besideNow.equals(beside)) {
      mendSoon();
    }
    beside = besideNow;
    podsUp = podsUpNow;
  }

  @Override
  public void reversePathFilterSet(int ifindex) {
    concerned.reversePathFilter.accept(ifindex);
  }

  private void mendSoon() {
    if (mends && mending.compareAndSet(false, true)) {
      later.execute(() -> {
        mending.set(false);
        if (mends) {
          concerned.mend.run();
        }
      });
    }
  }
}
