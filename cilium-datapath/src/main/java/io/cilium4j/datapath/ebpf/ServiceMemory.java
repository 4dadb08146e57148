// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import static java.lang.foreign.MemoryLayout.PathElement.groupElement;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.bpf.Codec;
import io.cilium4j.datapath.bpf.MapMemory;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The arrays of {@code lib/lb.h} as programs read them: frontends, which lead to regions, which
 * name backends. What is written here counts for the next packet; no call of the kernel is made.
 *
 * <p>Not safe for use by several threads that write.
 */
final class ServiceMemory implements AutoCloseable {

  /** Words of an element of {@code cilium_lb_regions}. */
  static final int ELEMENT_WORDS = 16;

  private static final int SERVICE = 0;
  private static final int AFFINITY = 1;
  private static final int BACKENDS = 2;
  private static final int HEAD = 4;

  /** States of backends, as {@code BACKEND_…} in C. */
  enum State {
    GONE(0),
    ACTIVE(1),
    KEEPS(2);

    private final int number;

    State(int number) {
      this.number = number;
    }

    static Optional<State> ofNumber(int number) {
      return Arrays.stream(values()).filter(state -> state.number == number).findFirst();
    }
  }

  /**
   * {@code struct lb_backend}.
   *
   * @param frontend the number of the frontend that it is behind
   */
  record BackendRecord(IpAddress address, int port, State state, int frontend) {}

  /**
   * A region.
   *
   * @param service the service's number
   * @param affinitySeconds for how long a client keeps its backend
   * @param backends the numbers of those that take new flows
   */
  record Region(int service, int affinitySeconds, List<Integer> backends) {

    /** How many elements it takes. */
    int elements() {
      return Math.ceilDiv(HEAD + backends.size(), ELEMENT_WORDS);
    }
  }

  static final StructLayout BACKEND =
      MemoryLayout.structLayout(
              Fields.address("address"),
              Fields.BE16.withName("port"),
              Fields.U8.withName("state"),
              Fields.U8.withName("family"),
              Fields.U32.withName("frontend"))
          .withName("lb_backend");

  private static final long PORT = BACKEND.byteOffset(groupElement("port"));
  private static final long STATE = BACKEND.byteOffset(groupElement("state"));
  private static final long FAMILY = BACKEND.byteOffset(groupElement("family"));
  private static final long FRONTEND = BACKEND.byteOffset(groupElement("frontend"));

  private static final VarHandle WORD = ValueLayout.JAVA_INT.varHandle();

  private final MapMemory frontends;
  private final MapMemory regions;
  private final MapMemory backends;

  ServiceMemory(MapMemory frontends, MapMemory regions, MapMemory backends) {
    this.frontends = frontends;
    this.regions = regions;
    this.backends = backends;
  }

  /** The arrays of an instance that runs, or ran, whose maps are pinned in a folder. */
  static ServiceMemory ofPins(Path folder) {
    return new ServiceMemory(
        memory(folder, KernelMaps.FRONTENDS, Integer.BYTES),
        memory(folder, KernelMaps.REGIONS, ELEMENT_WORDS * Integer.BYTES),
        memory(folder, KernelMaps.BACKENDS, (int) BACKEND.byteSize()));
  }

  private static MapMemory memory(Path folder, String map, int bytes) {
    try (BpfMap<Integer, byte[]> pinned =
        BpfMap.openPinned(folder.resolve(map), Codec.u32(), Codec.bytes(map, bytes))) {
      return pinned.mapMemory();
    }
  }

  int maxFrontends() {
    return frontends.size();
  }

  int maxElements() {
    return regions.size();
  }

  int maxBackends() {
    return backends.size();
  }

  /** Tells how many frontends there are; programs look for none while it is 0. */
  void setCount(int count) {
    WORD.setRelease(frontends.element(0), 0L, count);
  }

  /** Where a frontend's region is; 0 for none. */
  int place(int frontend) {
    return (int) WORD.getAcquire(frontends.element(frontend), 0L);
  }

  /** Leads to a region, which is whole, in the place of another one. */
  void setPlace(int frontend, int place) {
    WORD.setRelease(frontends.element(frontend), 0L, place);
  }

  private MemorySegment element(int place, int word) {
    return regions.element(place + word / ELEMENT_WORDS);
  }

  private static long offset(int word) {
    return (long) word % ELEMENT_WORDS * Integer.BYTES;
  }

  private void setWord(int place, int word, int value) {
    element(place, word).set(Fields.U32, offset(word), value);
  }

  private int word(int place, int word) {
    return element(place, word).get(Fields.U32, offset(word));
  }

  /** Writes a region where no frontend leads. */
  void write(int place, Region region) {
    setWord(place, SERVICE, region.service());
    setWord(place, AFFINITY, region.affinitySeconds());
    setWord(place, BACKENDS, region.backends().size());
    for (int i = 0; i < region.backends().size(); i++) {
      setWord(place, HEAD + i, region.backends().get(i));
    }
  }

  /** Reads a region; empty where none can be. */
  Optional<Region> region(int place) {
    if (place < 1 || place >= regions.size()) {
      return Optional.empty();
    }
    int count = word(place, BACKENDS);
    if (count < 0 || place + Math.ceilDiv(HEAD + (long) count, ELEMENT_WORDS) > regions.size()) {
      return Optional.empty();
    }
    var numbers = new Integer[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = word(place, HEAD + i);
    }
    return Optional.of(new Region(word(place, SERVICE), word(place, AFFINITY), List.of(numbers)));
  }

  /** Writes a backend that no region names. */
  void write(int number, BackendRecord backend) {
    MemorySegment to = backends.element(number);
    to.fill((byte) 0);
    Fields.putAddress(to, 0, backend.address());
    to.set(Fields.BE16, PORT, (short) backend.port());
    to.set(Fields.U8, FAMILY, (byte) Fields.number(backend.address().family()));
    to.set(Fields.U8, STATE, (byte) backend.state().number);
    to.set(Fields.U32, FRONTEND, backend.frontend());
  }

  /** Says of a backend whether it takes flows. */
  void setState(int number, State state) {
    backends.element(number).set(Fields.U8, STATE, (byte) state.number);
  }

  /** Makes a backend nobody's, once no packet can look at it. */
  void clear(int number) {
    backends.element(number).fill((byte) 0);
  }

  /** Shows all backends, by number. */
  void eachBackend(BiConsumer<Integer, BackendRecord> action) {
    for (int number = 1; number < backends.size(); number++) {
      int each = number;
      backend(number).ifPresent(found -> action.accept(each, found));
    }
  }

  /** Reads a backend; empty where there is none. */
  Optional<BackendRecord> backend(int number) {
    if (number < 1 || number >= backends.size()) {
      return Optional.empty();
    }
    MemorySegment from = backends.element(number);
    int family = from.get(Fields.U8, FAMILY);
    if (family != 4 && family != 6) {
      return Optional.empty();
    }
    return State.ofNumber(from.get(Fields.U8, STATE))
        .map(state ->
            new BackendRecord(
                Fields.getAddress(from, 0, Fields.family(family)),
                Short.toUnsignedInt(from.get(Fields.BE16, PORT)),
                state,
                from.get(Fields.U32, FRONTEND)));
  }

  @Override
  public void close() {
    frontends.close();
    regions.close();
    backends.close();
  }
}
