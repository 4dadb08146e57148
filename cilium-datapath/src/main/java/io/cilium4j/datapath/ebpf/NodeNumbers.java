// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.datapath.bpf.BpfMap;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * The rows of {@code cilium_nodes}, and the numbers by which other rows and flows name them: one
 * for each address at which tunnels end. A number is an address's for as long as a node has it or a
 * prefix names it, over restarts too.
 *
 * <p>A row tells nothing that a verdict depends on: programs look at it for every packet, so that
 * it counts at once.
 *
 * <p>Not safe for use by several threads: {@link ChangeWriter} holds the lock.
 */
final class NodeNumbers {

  private final BpfMap<Integer, NodeRecord> map;
  private final int capacity;
  private final Map<IpAddress, Integer> numbers = new HashMap<>();
  private final Map<Integer, NodeRecord> rows = new TreeMap<>();

  /** The numbers of rows. */
  private final BitSet taken = new BitSet();

  /** How many prefixes name a number. */
  private final Map<Integer, Integer> uses = new HashMap<>();

  /** Takes over the rows of an earlier process. */
  NodeNumbers(BpfMap<Integer, NodeRecord> map) {
    this.map = map;
    this.capacity = map.spec().maxEntries();
    map.forEach((number, row) -> {
      if (row.address() != null) {
        numbers.put(row.address(), number);
        rows.put(number, row);
        taken.set(number);
      }
    });
  }

  /** All rows by number, known nodes and others. */
  Map<Integer, NodeRecord> rows() {
    return rows;
  }

  /**
   * The number of an address, a new one where it has none yet.
   *
   * @throws DatapathException if all are taken
   */
  int of(IpAddress address) {
    Integer present = numbers.get(address);
    if (present != null) {
      return present;
    }
    // 0 stands for no node.
    int number = taken.nextClearBit(1);
    if (number >= capacity) {
      throw new DatapathException(
          "node " + address + ": all " + (capacity - 1) + " numbers of nodes are taken");
    }
    write(number, new NodeRecord(address, false, 0));
    numbers.put(address, number);
    return number;
  }

  /** A prefix names the number, or does so no more. */
  void use(int number, int more) {
    if (number != 0 && uses.merge(number, more, Integer::sum) == 0) {
      uses.remove(number);
      forgetUnused(number);
    }
  }

  /** A node of the cluster has this address. */
  void know(IpAddress address, int mtuBytes) {
    int number = of(address);
    var row = new NodeRecord(address, true, mtuBytes);
    if (!row.equals(rows.get(number))) {
      write(number, row);
    }
  }

  /** No node of the cluster has this address any more; no error if none had. */
  void forget(IpAddress address) {
    Integer number = numbers.get(address);
    if (number != null) {
      write(number, new NodeRecord(address, false, 0));
      forgetUnused(number);
    }
  }

  private void forgetUnused(int number) {
    NodeRecord row = rows.get(number);
    if (row != null && !row.known() && !uses.containsKey(number)) {
      map.put(number, NodeRecord.NONE);
      rows.remove(number);
      taken.clear(number);
      if (row.address() != null) {
        numbers.remove(row.address());
      }
    }
  }

  private void write(int number, NodeRecord row) {
    map.put(number, row);
    rows.put(number, row);
    taken.set(number);
  }
}
