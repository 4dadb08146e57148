// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.cilium4j.datapath.bpf.generated.Libbpf;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A compiled object file, {@code *.bpf.o}, with its programs and maps. Its life has three parts:
 *
 * <ol>
 *   <li>opened: nothing is in the kernel; map sizes, pins and constants can be set;
 *   <li>{@link #load loaded}: maps exist and programs are verified; handles can be taken;
 *   <li>closed: handles taken from it go on, each owns a descriptor of its own.
 * </ol>
 *
 * <pre>{@code
 * try (BpfObject object = BpfObject.open(elf, "demo").setConst("cfg_mtu", 1500).load();
 *     BpfMap<Integer, Long> hits = object.map("hits", Codec.u32(), Codec.u64())) {
 *   hits.put(1, 2L);
 * }
 * }</pre>
 *
 * <p>For one thread at a time.
 */
public final class BpfObject implements AutoCloseable {

  private enum State {
    /** In this process alone. */
    OPEN,
    /** In the kernel. */
    LOADED,
    /** A load was tried and taken back; libbpf does not load one object twice. */
    FAILED,
    /** The native object is freed: every pointer below dangles. */
    CLOSED
  }

  private final String name;

  /** {@code struct bpf_object *}; it owns what the pointers in the two maps below refer to. */
  private final MemorySegment object;

  private final Map<String, MemorySegment> maps = new LinkedHashMap<>();
  private final Map<String, MemorySegment> programs = new LinkedHashMap<>();
  private final PinnedMaps pins = new PinnedMaps(this);
  private final Btf btf;
  private State state = State.OPEN;

  /** Takes over {@code object}, unless it throws. */
  private BpfObject(String name, MemorySegment object) {
    this.name = name;
    this.object = object;
    for (MemorySegment map = Libbpf.bpf_object__next_map(object, MemorySegment.NULL);
        map.address() != 0;
        map = Libbpf.bpf_object__next_map(object, map)) {
      // By the name in the file: sharing a map later makes libbpf forget it.
      maps.put(Libbpf.bpf_map__name(map).getString(0), map);
    }
    for (MemorySegment program = Libbpf.bpf_object__next_program(object, MemorySegment.NULL);
        program.address() != 0;
        program = Libbpf.bpf_object__next_program(object, program)) {
      programs.put(Libbpf.bpf_program__name(program).getString(0), program);
    }
    this.btf = readBtf(object, name);
  }

  /** Opens the object file {@code path}, under its file name without {@code .bpf.o}. */
  public static BpfObject open(Path path) {
    try {
      String file = String.valueOf(path.getFileName());
      return open(Files.readAllBytes(path), file.replaceFirst("\\.(bpf\\.)?o$", ""));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the object file " + path, e);
    }
  }

  /** Opens an object file held in memory; {@code name} names it in errors. */
  public static BpfObject open(byte[] elf, String name) {
    MemorySegment object = LibBpf.openObject(elf, name);
    try {
      return new BpfObject(name, object);
    } catch (RuntimeException e) {
      Libbpf.bpf_object__close(object);
      throw e;
    }
  }

  /** The name given when opened. */
  public String name() {
    return name;
  }

  /** The maps the file declares, in its order; without those libbpf makes of global variables. */
  public List<MapSpec> mapSpecs() {
    if (state == State.CLOSED) {
      throw new IllegalStateException(name + " is " + state);
    }
    List<MapSpec> specs = new ArrayList<>();
    maps.forEach((mapName, map) -> {
      if (!Libbpf.bpf_map__is_internal(map)) {
        specs.add(specOf(mapName, map));
      }
    });
    return List.copyOf(specs);
  }

  /** The names of the programs, in the file's order. */
  public List<String> programNames() {
    return List.copyOf(programs.keySet());
  }

  /** The C types of the file. */
  public Btf btf() {
    return btf;
  }

  /** Declares another capacity for {@code map}. Before {@link #load}. */
  public BpfObject maxEntries(String map, int maxEntries) {
    require(State.OPEN);
    LibBpf.check(
        Libbpf.bpf_map__set_max_entries(mapNamed(map), maxEntries),
        "bpf_map__set_max_entries",
        what(map));
    return this;
  }

  /**
   * Keeps {@code map} at {@code path} in a bpf file system: {@link #load} takes the map that is
   * pinned there if its type, sizes, flags and capacity are those declared (and otherwise fails
   * with {@link MapMismatchException}, touching nothing), and pins the new one if none is. Before
   * load.
   */
  public BpfObject pinPath(String map, Path path) {
    require(State.OPEN);
    mapNamed(map);
    pins.add(map, path);
    return this;
  }

  /** Uses the map {@code shared} in the place of {@code map}. Before {@link #load}. */
  public BpfObject share(String map, BpfMap<?, ?> shared) {
    require(State.OPEN);
    MapSpec wanted = declared(map);
    if (!shared.spec().fits(wanted, LibBpf.possibleCpus())) {
      throw new MapMismatchException("share", what(map), wanted, shared.spec());
    }
    reuse(map, shared.fd());
    return this;
  }

  /** Leaves the program {@code program} out of {@link #load}, for a kernel that cannot have it. */
  public BpfObject skipProgram(String program) {
    require(State.OPEN);
    LibBpf.check(
        Libbpf.bpf_program__set_autoload(programNamed(program), false),
        "bpf_program__set_autoload",
        what(program));
    return this;
  }

  /**
   * Sets the C constant {@code const volatile ... variable}, an integer or bool, in the machine's
   * byte order. The verifier sees it as a constant and drops the code it rules out. Before load.
   *
   * @throws IllegalArgumentException if there is no such constant or {@code value} does not fit it
   */
  public BpfObject setConst(String variable, long value) {
    Btf.Variable place = constant(variable);
    if (!place.isScalar()) {
      throw new IllegalArgumentException(what(variable) + " is no integer: set its bytes");
    }
    // Signed and unsigned are one here: a __u32 may be given as -1 or as 0xffffffff.
    long bits = place.byteSize() * 8;
    if (bits < 64 && (value >= 1L << bits || value < -(1L << (bits - 1)))) {
      throw new IllegalArgumentException(value + " does not fit " + what(variable));
    }
    byte[] all = new byte[8];
    ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).putLong(value);
    byte[] bytes = new byte[(int) place.byteSize()];
    boolean littleEndian = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    for (int i = 0; i < bytes.length; i++) {
      bytes[littleEndian ? i : bytes.length - 1 - i] = all[i];
    }
    return setConst(variable, bytes);
  }

  /** Sets a C constant of any type (an address, a struct) by all of its bytes. Before load. */
  public BpfObject setConst(String variable, byte[] value) {
    require(State.OPEN);
    Btf.Variable place = constant(variable);
    if (value.length != place.byteSize()) {
      throw new IllegalArgumentException(
          "%s has %d bytes, not %d".formatted(what(variable), place.byteSize(), value.length));
    }
    // Until the load libbpf keeps the section's contents in memory of its own, which the load
    // copies
    // to a map and freezes.
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(JAVA_LONG);
      MemorySegment start = Libbpf.bpf_map__initial_value(sectionMap(place.section()), size);
      MemorySegment section = start.reinterpret(start.address() == 0 ? 0 : size.get(JAVA_LONG, 0));
      MemorySegment.copy(value, 0, section, JAVA_BYTE, place.byteOffset(), value.length);
    }
    return this;
  }

  /** Where a constant lies. Data that programs may write is not offered: it is no configuration. */
  private Btf.Variable constant(String variable) {
    return btf.variable(".rodata", variable)
        .orElseThrow(
            () -> new IllegalArgumentException(what(variable) + " is no const volatile variable"));
  }

  /** The map that holds a section; libbpf names it after the object, cut to 15 characters. */
  private MemorySegment sectionMap(String section) {
    return maps.entrySet().stream()
        .filter(e -> e.getKey().endsWith(section) && Libbpf.bpf_map__is_internal(e.getValue()))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(name + " has no section " + section));
  }

  /**
   * Creates or reuses the maps, verifies the programs, and pins. When it throws, nothing of this
   * object stays in the kernel, and only {@link #close} may follow.
   */
  public BpfObject load() {
    require(State.OPEN);
    state = State.FAILED; // until all of it went well
    Set<String> reused = pins.reuse();
    try (LibbpfLog log = LibbpfLog.capture()) {
      int result = Libbpf.bpf_object__load(object);
      if (result < 0) {
        throw new BpfLoadException(-result, name, log.summary(), log.verifierLog());
      }
    }
    pins.pinAllBut(reused);
    state = State.LOADED;
    return this;
  }

  /** Whether the file declares the map {@code map}. */
  public boolean declares(String map) {
    return maps.containsKey(map);
  }

  /** The shape that the file declares for {@code map}, with what was configured since. */
  MapSpec declared(String map) {
    return specOf(map, mapNamed(map));
  }

  /** Lets the map behind {@code fd} stand for {@code map}; the caller keeps {@code fd}. */
  void reuse(String map, int fd) {
    LibBpf.check(Libbpf.bpf_map__reuse_fd(mapNamed(map), fd), "bpf_map__reuse_fd", what(map));
  }

  /** The descriptor of {@code map} that libbpf owns, valid until this object is closed. */
  int borrowedMapFd(String map) {
    return LibBpf.check(Libbpf.bpf_map__fd(mapNamed(map)), "bpf_map__fd", what(map));
  }

  /** A new handle of the map {@code map}, which the caller closes. After {@link #load}. */
  public <K, V> BpfMap<K, V> map(String map, Codec<K> key, Codec<V> value) {
    return BpfMap.of(mapFd(map), key, value);
  }

  /** A new handle of the program {@code program}, which the caller closes. After {@link #load}. */
  public BpfProgram program(String program) {
    require(State.LOADED);
    int fd =
        LibBpf.check(
            Libbpf.bpf_program__fd(programNamed(program)), "bpf_program__fd", what(program));
    return new BpfProgram(Fd.duplicateOf(fd, program), program);
  }

  /** A descriptor of {@code map} that the caller owns. */
  Fd mapFd(String map) {
    require(State.LOADED);
    return Fd.duplicateOf(borrowedMapFd(map), map);
  }

  /** Frees the file's memory and its descriptors; maps and programs in use elsewhere stay. */
  @Override
  public void close() {
    if (state != State.CLOSED) {
      state = State.CLOSED;
      Libbpf.bpf_object__close(object);
    }
  }

  /** A wrong name is a mistake in the program and not in the kernel: no look-up that may miss. */
  private MemorySegment mapNamed(String map) {
    MemorySegment found = maps.get(map);
    if (found == null) {
      throw new IllegalArgumentException(name + " has no map " + map + ", only " + maps.keySet());
    }
    return found;
  }

  private MemorySegment programNamed(String program) {
    MemorySegment found = programs.get(program);
    if (found == null) {
      throw new IllegalArgumentException(
          name + " has no program " + program + ", only " + programs.keySet());
    }
    return found;
  }

  /** What libbpf knows of a map: the declaration, or the kernel's map once one stands for it. */
  private static MapSpec specOf(String name, MemorySegment map) {
    return new MapSpec(
        name,
        MapType.of(Libbpf.bpf_map__type(map)),
        Libbpf.bpf_map__key_size(map),
        Libbpf.bpf_map__value_size(map),
        Libbpf.bpf_map__max_entries(map),
        Libbpf.bpf_map__map_flags(map));
  }

  /**
   * The object's types, as libbpf holds them and not as they stand in the file: the compiler leaves
   * the offsets of variables to the loader, which has put them in by now.
   */
  private static Btf readBtf(MemorySegment object, String name) {
    MemorySegment handle = Libbpf.bpf_object__btf(object);
    if (handle.address() == 0) {
      throw new IllegalArgumentException(name + " has no BTF: compile it with clang -g");
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(JAVA_INT);
      MemorySegment raw = Libbpf.btf__raw_data(handle, size);
      long bytes = raw.address() == 0 ? 0 : Integer.toUnsignedLong(size.get(JAVA_INT, 0));
      return new Btf(raw.reinterpret(bytes).toArray(JAVA_BYTE));
    }
  }

  /** How errors name a part of this object. */
  private String what(String part) {
    return name + '/' + part;
  }

  private void require(State wanted) {
    if (state != wanted) {
      throw new IllegalStateException(name + " is " + state + ", not " + wanted);
    }
  }
}
