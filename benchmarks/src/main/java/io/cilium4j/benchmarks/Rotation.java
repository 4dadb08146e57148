// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.benchmarks.BenchNode.Pod;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.PolicyMapState;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Codec;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The programs of {@code rotate.bpf.c} on a node with one sending pod and receivers, which are rows
 * in the maps and no devices: a test run ends where a packet would be handed over. They give each
 * run another tuple, which costs time by itself; {@link #nanos} takes that off again.
 */
final class Rotation implements AutoCloseable {

  /**
   * 65,536 tuples a receiver: more than conntrack holds, so that a tuple that comes again is new.
   */
  static final int ALL_TUPLES = 8 << 16;

  static final int CLIENT = 300;
  private static final int SERVER = 301;

  /** The last bytes of the receivers' addresses begin at 100. */
  private static final int FIRST_RECEIVER = 99;

  private static final int FIRST_IFINDEX = 1_000_000_000;

  final BenchNode node = new BenchNode();
  private final Pod client;
  private final Pod[] receivers;
  private final BpfObject object;
  private final BpfObject empty = BenchNode.object("empty").load();
  private final BpfMap<Integer, byte[]> cursor;
  private final Clock nothing;
  private final Clock only;
  final Clock decide;
  final Clock insert;

  private Rotation(UnaryOperator<BpfObject> settings) {
    object = settings.apply(BenchNode.sharing("rotate")).load();
    cursor = object.map("bench_cursor", Codec.u32(), Codec.bytes("cursor", 8));
    client = node.pod(2, CLIENT);
    List<Pod> rows = new ArrayList<>();
    for (int id = FIRST_RECEIVER; id < FIRST_RECEIVER + (ALL_TUPLES >> 16); id++) {
      rows.add(new Pod(List.of(), BenchNode.endpoint(id, SERVER, device(id))));
    }
    receivers = rows.toArray(Pod[]::new);
    nothing = clock(empty, "empty");
    only = clock(object, "rotate_only");
    decide = clock(object, "rotate_decide");
    insert = clock(object, "rotate_insert");
  }

  /** Conntrack as it is. */
  static Rotation open() {
    return new Rotation(rotate -> rotate);
  }

  /**
   * The one client may have all of the main table, so that new flows evict there, where they begin
   * as a rule, and none goes into the overflow table.
   */
  static Rotation openWithoutShares() {
    return new Rotation(rotate -> rotate.setConst("cfg_ct_share", Integer.MAX_VALUE));
  }

  /** A device that is not there, with an index that no device here has. */
  private static EndpointInterface device(int id) {
    var mac = new MacAddress(0x0200_0000_0000L + id);
    return new EndpointInterface("none" + id, FIRST_IFINDEX + id, mac, mac, "/none");
  }

  private Clock clock(BpfObject from, String program) {
    return new Clock(from.program(program), client.ifindex());
  }

  void enforce(PolicyMapState policy) {
    node.enforce(policy, receivers);
  }

  /** Begins at the first of so many tuples. */
  void start(int flows) {
    byte[] value = new byte[8];
    for (int i = 0; i < 4; i++) {
      value[4 + i] = (byte) (flows >>> (8 * i));
    }
    cursor.put(0, value);
  }

  byte[] frame(IpFamily family, int flags) {
    return Frames.tcp(
        client.address(family), 0, receivers[0].address(family), BenchNode.PORT, flags);
  }

  /** A run of this program, less what the rotation adds to it, measured right after it. */
  double nanos(Clock program, byte[] frame, int runs, int expected) {
    double whole = program.nanos(frame, runs, expected);
    return whole - only.nanos(frame, runs, 0) + nothing.nanos(frame, runs, 0);
  }

  @Override
  public void close() {
    for (Clock clock : List.of(nothing, only, decide, insert)) {
      clock.close();
    }
    cursor.close();
    object.close();
    empty.close();
    node.close();
  }
}
