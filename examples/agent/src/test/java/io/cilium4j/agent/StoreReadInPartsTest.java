// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.conformance.MemoryClusterStore;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.cluster.ClusterNode;
import io.cilium4j.core.cluster.ClusterNode.Address;
import io.cilium4j.core.cluster.ClusterNode.AddressType;
import io.cilium4j.core.cluster.Lease;
import io.cilium4j.core.cluster.PodIpPool;
import io.cilium4j.core.cluster.PublishedEndpoint;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** A restarted agent, while its store reads the cluster: its own node first, which it writes. */
class StoreReadInPartsTest extends AgentFixture {
  private static final String OWN = "node-1";
  private static final String OTHER = "node-2";

  private final RecordingDatapath datapath = new RecordingDatapath();
  private final SlowStore store = new SlowStore(datapath.pruned);

  /** What the process before wrote of the other node, with less than is to be known of it. */
  StoreReadInPartsTest() {
    datapath.nodes.put(OTHER, new NodeRow(OTHER, List.of(), List.of(), Optional.empty(), 0));
  }

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder().nodeName(OWN).mtuBytes(1500).clusterStore(store);
  }

  private static ClusterNode node(String name, int number) {
    return new ClusterNode(
        name,
        List.of(new Address(AddressType.INTERNAL_IP, IpAddress.parse("192.0.2." + number))),
        List.of(IpPrefix.parse("10." + number + ".0.0/24")));
  }

  /**
   * Has read all of it as soon as the reader of the nodes looks at their table a second time, and
   * keeps him waiting at the third until it is known whether somebody prunes on that account.
   */
  private static final class SlowStore implements ClusterStore {
    private final MemoryClusterStore memory = new MemoryClusterStore.Cluster().open();
    private final TableWriter<String, Stored<ClusterNode>> nodes =
        TableWriter.create("ciliumnodes", Comparator.naturalOrder(), Set.of("folder"));
    private final AtomicInteger looks = new AtomicInteger();
    private final CountDownLatch looked = new CountDownLatch(1);

    private final CountDownLatch pruned;

    SlowStore(CountDownLatch pruned) {
      this.pruned = pruned;
      nodes.put(OWN, new Stored<>(node(OWN, 1), "1"));
    }

    synchronized void readAll() {
      if (nodes.table().isInitialised()) {
        return;
      }
      nodes.put(OTHER, new Stored<>(node(OTHER, 2), "1"));
      nodes.synced("folder");
    }

    private void look() {
      if (Thread.currentThread().getName().endsWith("-nodes")) {
        int look = looks.incrementAndGet();
        if (look == 2) {
          readAll();
        } else if (look == 3) {
          await(pruned);
        }
        looked.countDown();
      }
    }

    /** For less than the test waits: where nobody prunes, which is right, nobody ends it. */
    private static void await(CountDownLatch latch) {
      try {
        var _ = latch.await(2, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public String name() {
      return "slow";
    }

    @Override
    public WithStatus<ClusterNode> nodes() {
      return new WithStatus<>() {
        @Override
        public Table<String, Stored<ClusterNode>> table() {
          look();
          return nodes.table();
        }

        @Override
        public Optional<Stored<ClusterNode>> read(String key) {
          return nodes.table().get(key);
        }

        @Override
        public List<Stored<ClusterNode>> list() {
          return nodes.table().snapshot().stream().map(row -> row.value()).toList();
        }

        @Override
        public Optional<Stored<ClusterNode>> create(ClusterNode value, Deadline deadline) {
          return Optional.empty();
        }

        @Override
        public Optional<Stored<ClusterNode>> replace(
            Stored<ClusterNode> before, ClusterNode value, Deadline deadline) {
          return Optional.empty();
        }

        @Override
        public Optional<Stored<ClusterNode>> patchStatus(ClusterNode value, Deadline deadline) {
          return Optional.empty();
        }

        @Override
        public boolean delete(Stored<ClusterNode> before, Deadline deadline) {
          return false;
        }
      };
    }

    @Override
    public WithStatus<PublishedEndpoint> endpoints() {
      return memory.endpoints();
    }

    @Override
    public Objects<ClusterIdentity> identities() {
      return memory.identities();
    }

    @Override
    public Objects<Lease> leases() {
      return memory.leases();
    }

    @Override
    public Objects<PodIpPool> pools() {
      return memory.pools();
    }

    @Override
    public Table<String, String> problems() {
      return memory.problems();
    }

    @Override
    public void close() {
      memory.close();
    }
  }

  private boolean isKnown() {
    NodeRow row = datapath.nodes.get(OTHER);
    return row != null && !row.addresses().isEmpty();
  }

  @Test
  void otherNode_storeReadsItLater_isNeverPruned() throws Exception {
    assertTrue(store.looked.await(PATIENCE.toSeconds(), TimeUnit.SECONDS));
    store.readAll();
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!isKnown()) {
      assertTrue(System.nanoTime() - end < 0, () -> datapath.nodes + " " + agent.problems());
      Thread.onSpinWait();
    }
    assertEquals(Set.of(), datapath.prunedNodes);
  }
}
