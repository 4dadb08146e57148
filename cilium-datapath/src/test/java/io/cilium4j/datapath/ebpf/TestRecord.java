// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * {@code struct test_record}: where a packet went.
 *
 * @param ifindex of the endpoint's device that it went to, or the node's number
 * @param reason of a drop
 * @param endpoint whose policy decided, or what another node is told of the sender
 */
record TestRecord(Action action, int ifindex, int reason, int endpoint) {

  /** By their numbers in C. */
  enum Action {
    NOTHING(0),
    STACK(1),
    ENDPOINT(2),
    DROP(3),
    PASS(4),
    NODE(5),
    PROXY(6);

    private final int number;

    Action(int number) {
      this.number = number;
    }

    private static Action of(int number) {
      return Arrays.stream(values())
          .filter(action -> action.number == number)
          .findFirst()
          .orElseThrow();
    }
  }

  private static final TestRecord NOTHING = new TestRecord(Action.NOTHING, 0, 0, 0);

  static final Codec<TestRecord> CODEC =
      new Codec<>() {
        private static final MemoryLayout LAYOUT =
            MemoryLayout.structLayout(
                    Fields.U32.withName("action"),
                    Fields.U32.withName("ifindex"),
                    Fields.U32.withName("reason"),
                    Fields.U32.withName("endpoint"))
                .withName("test_record");

        @Override
        public MemoryLayout layout() {
          return LAYOUT;
        }

        @Override
        public void write(TestRecord value, MemorySegment to) {
          to.set(Fields.U32, 0, value.action.number);
          to.set(Fields.U32, 4, value.ifindex);
          to.set(Fields.U32, 8, value.reason);
          to.set(Fields.U32, 12, value.endpoint);
        }

        @Override
        public TestRecord read(MemorySegment from) {
          return new TestRecord(
              Action.of(from.get(Fields.U32, 0)),
              from.get(Fields.U32, 4),
              from.get(Fields.U32, 8),
              from.get(Fields.U32, 12));
        }
      };

  /** The map in which the programs write it down. */
  static BpfMap<Integer, List<TestRecord>> open(Path folder) {
    return BpfMap.openPinned(folder.resolve(KernelMaps.TEST), Codec.u32(), Codec.perCpu(CODEC));
  }

  /** What the last packet of all CPUs left, and forgets it. */
  static TestRecord take(BpfMap<Integer, List<TestRecord>> map) {
    List<TestRecord> cpus = map.lookup(0).orElseThrow();
    map.put(0, Collections.nCopies(cpus.size(), NOTHING));
    return cpus.stream().filter(cpu -> cpu.action != Action.NOTHING).findFirst().orElse(NOTHING);
  }
}
