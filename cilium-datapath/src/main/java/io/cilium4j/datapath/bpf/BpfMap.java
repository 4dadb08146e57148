// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.bpf;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;

/**
 * A map in the kernel, typed: it owns a descriptor, and has checked key and value sizes against the
 * kernel when opened. Several handles of one map may exist; closing one leaves the map to the
 * others, to the programs that use it and to its pin.
 *
 * <p>Absence is a result (empty, {@code false}); every other failure, EPERM above all, is a {@link
 * BpfException}.
 *
 * <p>Safe for all threads: a handle has one buffer for a key and one for a value, guarded by a
 * lock, so that updates and deletes allocate nothing beyond what the codecs do. Threads that must
 * not wait for each other open a handle each.
 *
 * @param <K> what a key is in Java
 * @param <V> what a value is in Java; a list with a value for each CPU for per-CPU maps
 */
public final class BpfMap<K, V> implements AutoCloseable {
  // The flags of an update: create or overwrite, create only, overwrite only.
  private static final long BPF_ANY = 0;
  private static final long BPF_NOEXIST = 1;
  private static final long BPF_EXIST = 2;

  /** Elements handed over by one batch command: enough to make the system call's cost vanish. */
  private static final int BATCH_ELEMENTS = 1024;

  private final MapCalls calls;
  private final Fd fd;
  private final MapSpec spec;
  private final int id;
  private final Codec<K> keyCodec;
  private final Codec<V> valueCodec;

  /** Held around each system call: for the buffers, and so that no close comes in between. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Arena arena = Arena.ofShared();
  private final MemorySegment keyBuffer;
  private final MemorySegment valueBuffer;

  /** Takes over {@code fd}, also when it throws. */
  BpfMap(MapCalls calls, Fd fd, int id, MapSpec spec, Codec<K> keyCodec, Codec<V> valueCodec) {
    this.calls = calls;
    this.fd = fd;
    this.id = id;
    this.spec = spec;
    this.keyCodec = keyCodec;
    this.valueCodec = valueCodec;
    // 8: the strictest alignment a codec may rely on.
    this.keyBuffer = arena.allocate(Math.max(1, keyCodec.byteSize()), 8);
    this.valueBuffer = arena.allocate(Math.max(1, valueCodec.byteSize()), 8);
  }

  /** Opens the map pinned at {@code path}, checking that the codecs have its sizes. */
  public static <K, V> BpfMap<K, V> openPinned(Path path, Codec<K> key, Codec<V> value) {
    return of(Fd.ofPin(path.toString()), key, value);
  }

  /** The map behind {@code fd}, which is closed when this throws. */
  static <K, V> BpfMap<K, V> of(Fd fd, Codec<K> key, Codec<V> value) {
    try {
      KernelInfo.MapInfo info = KernelInfo.ofMap(fd);
      checkSizes(info.spec(), fd.what(), key, value);
      return new BpfMap<>(MapCalls.KERNEL, fd, info.id(), info.spec(), key, value);
    } catch (RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  /** Codecs of another size would let the kernel read or write past our buffers. */
  static void checkSizes(MapSpec spec, String what, Codec<?> key, Codec<?> value) {
    long elementBytes =
        value instanceof PerCpuCodec<?> perCpu ? perCpu.elementBytes() : value.byteSize();
    boolean perCpuAgrees = spec.type().isPerCpu() == value instanceof PerCpuCodec<?>;
    if (!perCpuAgrees) {
      throw new BpfException(
          "open", 0, what, spec.shape() + " needs Codec.perCpu exactly when the type is per CPU");
    }
    if (key.byteSize() != spec.keyBytes() || elementBytes != spec.valueBytes()) {
      MapSpec codecs =
          new MapSpec(
              spec.name(),
              spec.type(),
              (int) key.byteSize(),
              (int) elementBytes,
              spec.maxEntries(),
              spec.flags());
      throw new MapMismatchException("open", what, codecs, spec);
    }
  }

  /** The map's shape as the kernel reports it. */
  public MapSpec spec() {
    return spec;
  }

  /** The map's number in this kernel, which no other map has while it lives. */
  public int id() {
    return id;
  }

  /** The value of {@code key}, if there is one. */
  public Optional<V> lookup(K key) {
    lock.lock();
    try {
      int result = calls.lookup(fd.get(), encode(keyCodec, key, keyBuffer), valueBuffer);
      return found(result, "bpf_map_lookup_elem")
          ? Optional.of(valueCodec.read(valueBuffer))
          : Optional.empty();
    } finally {
      lock.unlock();
    }
  }

  /** Whether {@code key} is there; of an LRU hash this counts as a use. */
  public boolean contains(K key) {
    lock.lock();
    try {
      int result = calls.lookup(fd.get(), encode(keyCodec, key, keyBuffer), valueBuffer);
      return found(result, "bpf_map_lookup_elem");
    } finally {
      lock.unlock();
    }
  }

  /** Creates or overwrites; E2BIG when the map is full. */
  public void put(K key, V value) {
    LibBpf.check(update(key, value, BPF_ANY), "bpf_map_update_elem", fd.what());
  }

  /** Creates; {@code false}, changing nothing, when {@code key} is there already. */
  public boolean putIfAbsent(K key, V value) {
    int result = update(key, value, BPF_NOEXIST);
    if (result == -Errno.EEXIST) {
      return false;
    }
    LibBpf.check(result, "bpf_map_update_elem", fd.what());
    return true;
  }

  /** Overwrites; {@code false}, changing nothing, when {@code key} is not there. */
  public boolean replace(K key, V value) {
    return found(update(key, value, BPF_EXIST), "bpf_map_update_elem");
  }

  /** Deletes; {@code false} when {@code key} was not there. Arrays cannot delete (EINVAL). */
  public boolean delete(K key) {
    lock.lock();
    try {
      return found(calls.delete(fd.get(), encode(keyCodec, key, keyBuffer)), "bpf_map_delete_elem");
    } finally {
      lock.unlock();
    }
  }

  /**
   * Reads into the caller's memory without a codec and without allocating.
   *
   * @param key off-heap, {@link MapSpec#keyBytes} long
   * @param value off-heap, as long as the map's value codec says
   * @return whether the key is there
   */
  public boolean lookupRaw(MemorySegment key, MemorySegment value) {
    checkRaw(key, value);
    lock.lock();
    try {
      return found(calls.lookup(fd.get(), key, value), "bpf_map_lookup_elem");
    } finally {
      lock.unlock();
    }
  }

  /** Creates or overwrites from the caller's memory, as {@link #lookupRaw} reads. */
  public void putRaw(MemorySegment key, MemorySegment value) {
    checkRaw(key, value);
    lock.lock();
    try {
      LibBpf.check(calls.update(fd.get(), key, value, BPF_ANY), "bpf_map_update_elem", fd.what());
    } finally {
      lock.unlock();
    }
  }

  /** The kernel goes by the map's sizes and never sees how long a segment is. */
  private void checkRaw(MemorySegment key, MemorySegment value) {
    if (key.byteSize() < keyCodec.byteSize() || value.byteSize() < valueCodec.byteSize()) {
      throw new IllegalArgumentException(
          "segments of %d and %d bytes for %s"
              .formatted(key.byteSize(), value.byteSize(), spec.shape()));
    }
  }

  /**
   * Creates or overwrites all of {@code entries}, by batch commands where the map has them (kernel
   * 5.6 and newer) and one by one elsewhere. When it throws, some of the entries are in.
   */
  public void putAll(Map<K, V> entries) {
    List<Map.Entry<K, V>> list = new ArrayList<>(entries.entrySet());
    for (int from = 0; from < list.size(); from += BATCH_ELEMENTS) {
      List<Map.Entry<K, V>> batch =
          list.subList(from, Math.min(list.size(), from + BATCH_ELEMENTS));
      int result = updateBatch(batch);
      // EINVAL also means a bad argument; putting one by one then says which entry it is about.
      if (result == -Errno.ENOTSUPP || result == -Errno.EOPNOTSUPP || result == -Errno.EINVAL) {
        batch.forEach(e -> put(e.getKey(), e.getValue()));
      } else {
        LibBpf.check(result, "bpf_map_update_batch", fd.what());
      }
    }
  }

  /** One batch command, in memory of its own: the buffers hold one element. */
  private int updateBatch(List<Map.Entry<K, V>> batch) {
    long keyBytes = keyCodec.byteSize();
    long valueBytes = valueCodec.byteSize();
    try (Arena batchArena = Arena.ofConfined()) {
      MemorySegment keys = batchArena.allocate(keyBytes * batch.size(), 8);
      MemorySegment values = batchArena.allocate(valueBytes * batch.size(), 8);
      for (int i = 0; i < batch.size(); i++) {
        keyCodec.write(batch.get(i).getKey(), keys.asSlice(i * keyBytes, keyBytes));
        valueCodec.write(batch.get(i).getValue(), values.asSlice(i * valueBytes, valueBytes));
      }
      MemorySegment count = batchArena.allocateFrom(JAVA_INT, batch.size());
      lock.lock();
      try {
        return calls.updateBatch(fd.get(), keys, values, count);
      } finally {
        lock.unlock();
      }
    }
  }

  /**
   * The keys at about this moment: each key that is there from beginning to end is in the list
   * once; one that comes or goes meanwhile may be. The map may change during and after.
   */
  public List<K> keys() {
    List<K> keys = new ArrayList<>();
    if (!walk().byBatches((key, _) -> keys.add(keyCodec.read(key)))) {
      walk().byKeys(key -> keys.add(keyCodec.read(key)));
    }
    return keys;
  }

  /**
   * Calls {@code action} with each entry of {@link #keys} and its value of a moment ago. The action
   * may change the map, also by deleting the entry it is given.
   */
  public void forEach(BiConsumer<? super K, ? super V> action) {
    if (walk().byBatches((k, v) -> action.accept(keyCodec.read(k), valueCodec.read(v)))) {
      return;
    }
    // Keys first: the action's own changes must not make the walk start over.
    for (K key : keys()) {
      Optional<V> value = lookup(key);
      if (value.isPresent()) {
        action.accept(key, value.get());
      }
    }
  }

  /** A walk keeps no state between uses, and is cheap beside its first system call. */
  private MapWalk walk() {
    return new MapWalk(calls, fd, lock, spec, keyCodec.byteSize(), valueCodec.byteSize());
  }

  /**
   * The elements of an array that was made with {@code BPF_F_MMAPABLE}, as memory: reads and writes
   * of it are seen by the programs at once, without a system call. It outlives this handle.
   */
  public MapMemory mapMemory() {
    lock.lock();
    try {
      return new MapMemory(fd, spec);
    } finally {
      lock.unlock();
    }
  }

  /** Pins the map at {@code path} in a bpf file system, so that it outlives this process. */
  public void pin(Path path) {
    lock.lock();
    try {
      LibBpf.objectPin(fd.get(), path.toString());
    } finally {
      lock.unlock();
    }
  }

  /** The descriptor, for a call that runs while this handle is surely open. */
  int fd() {
    return fd.get();
  }

  /** Gives up this handle; what else holds the map is not touched. Closing twice does nothing. */
  @Override
  public void close() {
    lock.lock();
    try {
      fd.close();
      if (arena.scope().isAlive()) {
        arena.close();
      }
    } finally {
      lock.unlock();
    }
  }

  /** Answers as the kernel does, because each caller reads another number as a result. */
  private int update(K key, V value, long flags) {
    lock.lock();
    try {
      return calls.update(
          fd.get(),
          encode(keyCodec, key, keyBuffer),
          encode(valueCodec, value, valueBuffer),
          flags);
    } finally {
      lock.unlock();
    }
  }

  /** Clears first: a hash takes the padding for part of the key. */
  private static <T> MemorySegment encode(Codec<T> codec, T value, MemorySegment buffer) {
    buffer.fill((byte) 0);
    codec.write(value, buffer);
    return buffer;
  }

  /** Splits an answer in there and not there; everything else is an error and no absence. */
  private boolean found(int result, String call) {
    if (result == -Errno.ENOENT) {
      return false;
    }
    LibBpf.check(result, call, fd.what());
    return true;
  }

  @Override
  public String toString() {
    return "BpfMap[" + fd.what() + " id=" + id + ' ' + spec.shape() + ']';
  }
}
