// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.benchmarks;

import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.BpfObject;
import io.cilium4j.datapath.bpf.Codec;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * The policy map against its alternatives: one look-up each, for random identities. Shared maps
 * also hold four other policies of the same size, as they would on a node.
 */
final class PolicyMapBenchmark {
  private static final int[] ENTRIES = {10, 1_000, 10_000, 40_000};
  private static final int POLICIES = 5;
  private static final int FIRST_IDENTITY = 10_000;
  private static final int PORT = 80;
  private static final int PORT_SHAPE = 17;

  /** Ends a list of shapes. */
  private static final long END_OF_SHAPES = 31;

  private static final int ROUNDS = 30;
  private static final int RUNS = 20_000;
  private static final int LOOPBACK = 1;

  /** What a map says: the kinds of keys, and how to fill them. */
  private record Alternative(String name, String program, List<Integer> shapes, int storedShape) {}

  private static final Alternative[] ALTERNATIVES = {
    new Alternative("shared hash, 1 shape", "ask_shared_hash", List.of(PORT_SHAPE), 17),
    new Alternative(
        "shared hash, 3 shapes, the last matches", "ask_shared_hash", List.of(PORT_SHAPE, 1, 0), 0),
    new Alternative("shared hash, 18 shapes, the last matches", "ask_shared_hash", all(), 0),
    new Alternative("shared trie", "ask_shared_trie", List.of(), PORT_SHAPE),
    new Alternative("an endpoint's own hash, 1 shape", "ask_own_hash", List.of(), PORT_SHAPE),
    new Alternative("an endpoint's own trie", "ask_own_trie", List.of(), PORT_SHAPE),
  };

  private PolicyMapBenchmark() {}

  static void run(PrintStream out) {
    Map<String, Samples[]> rows = new LinkedHashMap<>();
    Map<String, Samples> writes = new LinkedHashMap<>();
    for (int column = 0; column < ENTRIES.length; column++) {
      for (int stored : new int[] {PORT_SHAPE, 0}) {
        try (BpfObject object = BenchNode.object("policy_maps").load()) {
          fill(object, ENTRIES[column], stored, writes);
          measure(object, ENTRIES[column], stored, column, rows);
        }
      }
    }
    var table =
        new Table("a look-up, ns: least / median; entries:", "10", "1,000", "10,000", "40,000");
    rows.forEach((name, by) ->
        table.row(
            name,
            by[0].leastAndMedian(),
            by[1].leastAndMedian(),
            by[2].leastAndMedian(),
            by[3].leastAndMedian()));
    table.print(out);
    var written = new Table("an entry written from user space, ns", "least / median");
    writes.forEach((name, samples) -> written.row(name, samples.leastAndMedian()));
    written.print(out);
  }

  private static void measure(
      BpfObject object, int entries, int stored, int column, Map<String, Samples[]> rows) {
    try (BpfMap<Integer, byte[]> query = map(object, "bench_query", 40);
        var nothing = new Clock(object.program("ask_nothing"), LOOPBACK)) {
      for (int round = 0; round < ROUNDS; round++) {
        for (Alternative alternative : ALTERNATIVES) {
          if (alternative.storedShape() != stored) {
            continue;
          }
          query.put(0, query(entries, alternative.shapes()));
          try (var clock = new Clock(object.program(alternative.program()), LOOPBACK)) {
            byte[] frame = new byte[64];
            double nanos = clock.nanos(frame, RUNS, 0) - nothing.nanos(frame, RUNS, 0);
            Samples[] row =
                rows.computeIfAbsent(alternative.name(), name -> new Samples[ENTRIES.length]);
            if (row[column] == null) {
              row[column] = new Samples();
            }
            row[column].add(nanos);
          }
        }
      }
    }
  }

  /** Policy 1 is asked for; the others are there as they would be on a node. */
  private static void fill(BpfObject object, int entries, int shape, Map<String, Samples> writes) {
    try (BpfMap<byte[], byte[]> hash = bytes(object, "cilium_policy", 12);
        BpfMap<byte[], byte[]> trie = bytes(object, "shared_trie", 16);
        BpfMap<byte[], byte[]> ownHash = bytes(object, "own_hash", 12);
        BpfMap<byte[], byte[]> ownTrie = bytes(object, "own_trie", 16)) {
      for (int policy = POLICIES; policy >= 1; policy--) {
        fill(hash, entries, policy, shape, true, writes);
        fill(trie, entries, policy, shape, false, writes);
      }
      fill(ownHash, entries, 0, shape, true, new LinkedHashMap<>());
      fill(ownTrie, entries, 0, shape, false, new LinkedHashMap<>());
    }
  }

  private static void fill(
      BpfMap<byte[], byte[]> map,
      int entries,
      int policy,
      int shape,
      boolean hash,
      Map<String, Samples> writes) {
    byte[] entry = new byte[12];
    long begin = System.nanoTime();
    for (int i = 0; i < entries; i++) {
      map.put(
          hash
              ? hashKey(policy, FIRST_IDENTITY + i, shape)
              : trieKey(policy, FIRST_IDENTITY + i, shape),
          entry);
    }
    double nanos = (System.nanoTime() - begin) / (double) entries;
    if (entries >= 10_000) {
      writes
          .computeIfAbsent(
              String.format(Locale.ROOT, "%s, %,d entries", hash ? "hash" : "trie", entries),
              name -> new Samples())
          .add(nanos);
    }
  }

  private static byte[] hashKey(int policy, int identity, int shape) {
    boolean port = shape == PORT_SHAPE;
    return ByteBuffer.allocate(12)
        .order(ByteOrder.nativeOrder())
        .putInt(policy)
        .putInt(identity)
        .putShort((short) (port ? PORT : 0))
        .put((byte) (port ? Frames.TCP : 0))
        .put((byte) shape)
        .array();
  }

  private static byte[] trieKey(int policy, int identity, int shape) {
    boolean port = shape == PORT_SHAPE;
    var key = ByteBuffer.allocate(16);
    key.order(ByteOrder.nativeOrder()).putInt(port ? 96 : 72);
    key.order(ByteOrder.BIG_ENDIAN).putInt(policy).putInt(identity).put((byte) 0);
    return key.put((byte) (port ? Frames.TCP : 0)).putShort((short) (port ? PORT : 0)).array();
  }

  /** {@code struct query}: the shapes are asked for the peer; nothing is for its aggregate. */
  private static byte[] query(int identities, List<Integer> shapes) {
    long low = 0;
    long high = 0;
    for (int i = 0; i <= shapes.size(); i++) {
      long shape = i < shapes.size() ? shapes.get(i) : END_OF_SHAPES;
      low |= 5 * i < 64 ? shape << (5 * i) : 0;
      high |= 5 * i >= 64 ? shape << (5 * i - 64) : 5 * i > 59 ? shape >>> (64 - 5 * i) : 0;
    }
    return ByteBuffer.allocate(40)
        .order(ByteOrder.nativeOrder())
        .putInt(identities)
        .putInt(0)
        .putLong(low)
        .putLong(high)
        .putLong(END_OF_SHAPES)
        .putLong(0)
        .array();
  }

  private static List<Integer> all() {
    return IntStream.rangeClosed(0, PORT_SHAPE).map(i -> PORT_SHAPE - i).boxed().toList();
  }

  private static BpfMap<Integer, byte[]> map(BpfObject object, String name, int valueBytes) {
    return object.map(name, Codec.u32(), Codec.bytes(name, valueBytes));
  }

  private static BpfMap<byte[], byte[]> bytes(BpfObject object, String name, int keyBytes) {
    return object.map(name, Codec.bytes(name, keyBytes), Codec.bytes(name, 12));
  }
}
