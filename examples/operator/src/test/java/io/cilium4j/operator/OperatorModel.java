// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.operator;

import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.ipam.ClusterPool;
import io.cilium4j.ipam.PodCidrController;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A cluster whose operators give pod CIDRs while everything goes wrong that may, and nodes come and
 * go. After each step it is seen to that nothing happened that must not.
 */
final class OperatorModel extends OperatorWorld<PodCidrController> {

  /** Eight CIDRs, so that they run out and each leak shows. */
  private static final int CIDRS = 8;

  private static final int MAX_NODES = 10;

  private static final ClusterPool.Range RANGE =
      new ClusterPool.Range(IpPrefix.parse("10.0.0.0/21"), 24);

  /** What each node that lives was given. */
  private final Map<String, List<IpPrefix>> given = new HashMap<>();

  OperatorModel(long seed, Seeded seeded) {
    super(seed, seeded);
    startOperators();
  }

  @Override
  PodCidrController begin(ClusterStore store, Term term, Scheduler thread) {
    var controller = new PodCidrController(store, List.of(RANGE), term, thread);
    controller.start();
    return controller;
  }

  @Override
  void end(PodCidrController duty) {
    duty.close();
  }

  // ---- steps ----

  /** Makes a step; throws if something is wrong after it. */
  void step() {
    int what = random.nextInt(100);
    if (what < 5) {
      join();
    } else if (what < 9) {
      leave();
    } else if (what < 12) {
      touch();
    } else {
      operate(what - 12);
    }
    check();
  }

  private void join() {
    if (world.nodes().list().size() < MAX_NODES) {
      var node = new ClusterNode("node-" + random.nextInt(2 * MAX_NODES), List.of(), List.of());
      var _ = world.nodes().create(node, now());
    }
  }

  private void leave() {
    List<Stored<ClusterNode>> all = world.nodes().list();
    if (!all.isEmpty()) {
      Stored<ClusterNode> node = all.get(random.nextInt(all.size()));
      world.nodes().delete(node, now());
      given.remove(node.value().name());
    }
  }

  /** The node's agent writes it anew. */
  private void touch() {
    List<Stored<ClusterNode>> all = world.nodes().list();
    if (!all.isEmpty()) {
      Stored<ClusterNode> node = all.get(random.nextInt(all.size()));
      var _ = world.nodes().replace(node, node.value(), now());
    }
  }

  // ---- what must hold ----

  @Override
  void check() {
    var taken = new HashMap<IpPrefix, String>();
    for (Stored<ClusterNode> stored : world.nodes().list()) {
      ClusterNode node = stored.value();
      for (IpPrefix cidr : node.podCidrs()) {
        String other = taken.put(cidr, node.name());
        require(other == null, cidr + " is of " + other + " and of " + node.name());
      }
      if (!node.podCidrs().isEmpty()) {
        List<IpPrefix> before = given.putIfAbsent(node.name(), node.podCidrs());
        require(
            before == null || before.equals(node.podCidrs()),
            node.name() + " had " + before + " and has " + node.podCidrs());
      }
    }
    require(leaders() <= 1, "two lead at once");
  }

  /** Lets all go well for a while, and sees to it that nothing is left undone or leaked. */
  void rest() {
    calm(Duration.ofMinutes(1), () -> {});
    List<Stored<ClusterNode>> nodes = world.nodes().list();
    List<Stored<ClusterNode>> served =
        nodes.stream().filter(node -> !node.value().podCidrs().isEmpty()).toList();
    require(
        served.size() == Math.min(CIDRS, nodes.size()),
        served.size() + " of " + nodes.size() + " nodes have a CIDR of " + CIDRS);
    for (Stored<ClusterNode> node : nodes) {
      require(
          node.value().podCidrs().isEmpty() != node.value().allocationError().isEmpty(),
          "told so: " + node.value());
    }
    require(leaders() == 1, "nobody leads");
    Set<String> book = new HashSet<>();
    for (Contender process : processes) {
      PodCidrController controller = process.duty;
      if (controller != null) {
        controller.given().snapshot().stream()
            .filter(row -> !row.value().podCidrs().isEmpty())
            .forEach(row -> book.add(row.key() + row.value().podCidrs()));
      }
    }
    Set<String> wanted = new HashSet<>();
    served.forEach(node -> wanted.add(node.value().name() + node.value().podCidrs()));
    require(book.equals(wanted), "book " + book + ", nodes " + wanted);
  }
}
