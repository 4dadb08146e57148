// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Protocol;
import io.cilium4j.core.service.Backend;
import io.cilium4j.core.spi.Datapath.Table;
import io.cilium4j.core.spi.DatapathException;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.datapath.bpf.BpfMap;
import io.cilium4j.datapath.ebpf.ServiceMemory.BackendRecord;
import io.cilium4j.datapath.ebpf.ServiceMemory.Region;
import io.cilium4j.datapath.ebpf.ServiceMemory.State;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The frontends of services in the kernel. Each change is of one frontend and counts at once: what
 * a packet may look at is written beside what counts, then one store leads to it, then the counter
 * of the frontend's address makes all verdicts about it stale ({@link NearEpochs}). What nobody
 * leads to any more is used again after a grace period.
 *
 * <p>Safe for use by several threads.
 */
final class FrontendRows {

  /** What stands in the place of a number for all that an address is asked beside its frontends. */
  private static final int REST = -1;

  private final BpfMap<FrontendKey, Integer> services;
  private final ServiceMemory memory;
  private final FrontendAddresses addresses;
  private final NearEpochs near;
  private final ReentrantLock lock;
  private final Reclaimer reclaimer;

  private final Map<FrontendKey, Frontend> frontends = new TreeMap<>();

  /** Whether a backend of UDP went, of which nobody was told yet. */
  private boolean hasLost;

  /** What is taken, or was until a grace period that is not over: numbers from 1 on. */
  private final ServiceNumbers numbers;

  private final BitSet elements = new BitSet();
  private final ServiceNumbers backendNumbers;

  /** An address and port that backends have. */
  private record Socket(IpAddress address, int port) {
    static Socket of(Backend backend) {
      return new Socket(backend.address(), backend.port());
    }
  }

  /** A backend in the kernel. */
  private record Known(int number, State state) {}

  /** A frontend in the kernel: its number, where its region is, and all backends. */
  private record Frontend(int number, int place, Region region, Map<Socket, Known> backends) {
    static final Frontend NONE = new Frontend(0, 0, new Region(0, 0, List.of()), Map.of());
    static final Frontend OF_REST = new Frontend(REST, 0, NONE.region, Map.of());

    boolean isNew() {
      return number == 0;
    }
  }

  /** Takes over what an earlier process left in the maps. */
  FrontendRows(KernelMaps maps, ReentrantLock lock, Reclaimer reclaimer) {
    this.services = maps.services();
    this.memory = maps.serviceMemory();
    this.addresses = maps.frontendAddresses();
    this.near = maps.near();
    this.lock = lock;
    this.reclaimer = reclaimer;
    this.numbers = new ServiceNumbers(memory.maxFrontends(), "frontends");
    this.backendNumbers = new ServiceNumbers(memory.maxBackends(), "backends");
    restore();
    addresses.restore(frontends.keySet().stream().map(FrontendKey::address).toList());
    memory.setCount(frontends.size());
  }

  private void restore() {
    Map<Integer, FrontendKey> byNumber = new HashMap<>();
    services.forEach((key, number) -> {
      if (number == REST) {
        frontends.put(key, Frontend.OF_REST);
      } else if (number > 0 && number < memory.maxFrontends()) {
        byNumber.put(number, key);
        numbers.restore(number);
      }
    });
    Map<Integer, Map<Socket, Known>> backends = new HashMap<>();
    memory.eachBackend((backend, found) -> {
      if (byNumber.containsKey(found.frontend()) && found.state() != State.GONE) {
        backendNumbers.restore(backend);
        backends
            .computeIfAbsent(found.frontend(), _ -> new LinkedHashMap<>())
            .put(new Socket(found.address(), found.port()), new Known(backend, found.state()));
      } else {
        memory.clear(backend);
      }
    });
    byNumber.forEach((number, key) -> {
      int place = memory.place(number);
      Optional<Region> region = memory.region(place);
      region.ifPresent(found -> elements.set(place, place + found.elements()));
      frontends.put(
          key,
          new Frontend(
              number,
              region.isPresent() ? place : 0,
              region.orElse(Frontend.NONE.region),
              Map.copyOf(backends.getOrDefault(number, Map.of()))));
    });
  }

  /**
   * Carries out what a batch says of frontends. Those that leave go first.
   *
   * @throws DatapathException if there is no room for one: it and those after it stay as they were
   */
  void apply(List<Change<RowKey, Row>> changes) {
    lock.lock();
    try {
      for (Change<RowKey, Row> change : changes) {
        if (change instanceof Change.Removed<RowKey, Row>(FrontendKey key, _, _)) {
          remove(key);
        }
      }
      for (Change<RowKey, Row> change : changes) {
        if (change instanceof Change.Put<RowKey, Row>(_, FrontendRow row, _)) {
          put(row);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  /** Removes every frontend that is not among these, by whichever process. */
  void prune(Set<RowKey> wanted) {
    lock.lock();
    try {
      for (FrontendKey key : List.copyOf(frontends.keySet())) {
        if (!wanted.contains(key)) {
          remove(key);
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void put(FrontendRow row) {
    FrontendKey key = row.key();
    Frontend before = frontends.getOrDefault(key, Frontend.NONE);
    if (key.isRest()) {
      if (before.isNew()) {
        enter(key, REST);
        know(key, Frontend.OF_REST);
      }
      return;
    }
    var fresh = new Fresh(key);
    try {
      Frontend next = fresh.write(row, before);
      if (next.equals(before)) {
        return;
      }
      memory.setPlace(next.number(), next.place());
      if (before.isNew()) {
        enter(key, next.number());
      }
      fresh.settle(before, next);
      know(key, next);
    } catch (RuntimeException e) {
      fresh.undo(before.isNew());
      throw e;
    }
  }

  /** Programs look for it from here on, and find it. */
  private void enter(FrontendKey key, int number) {
    addresses.add(key.address());
    try {
      services.put(key, number);
    } catch (RuntimeException e) {
      addresses.remove(key.address());
      throw e;
    }
  }

  private void know(FrontendKey key, Frontend frontend) {
    frontends.put(key, frontend);
    memory.setCount(frontends.size());
    near.move(key.address());
  }

  private void remove(FrontendKey key) {
    Frontend gone = frontends.get(key);
    if (gone == null) {
      return;
    }
    services.delete(key);
    addresses.remove(key.address());
    frontends.remove(key);
    gone.backends().values().forEach(known -> memory.setState(known.number(), State.GONE));
    hasLost |= key.protocol() == Protocol.UDP && !gone.backends().isEmpty();
    memory.setCount(frontends.size());
    near.move(key.address());
    if (gone.number() != REST) {
      reclaimer.afterGracePeriod(
          List.of(() -> {
            memory.setPlace(gone.number(), 0);
            numbers.clear(gone.number());
            free(gone);
            gone.backends().values().forEach(known -> free(known.number()));
          }));
    }
  }

  private void free(Frontend frontend) {
    if (frontend.place() != 0) {
      elements.clear(frontend.place(), frontend.place() + frontend.region().elements());
    }
  }

  private void free(int backend) {
    memory.clear(backend);
    backendNumbers.clear(backend);
  }

  /** What a change takes before it counts. */
  private final class Fresh {
    private final FrontendKey key;
    private final List<Integer> backends = new ArrayList<>();
    private int number;
    private int place;
    private int size;

    Fresh(FrontendKey key) {
      this.key = key;
    }

    /** Writes what is new; gives what is to count. */
    Frontend write(FrontendRow row, Frontend before) {
      number = before.isNew() ? numbers.take(key) : before.number();
      Map<Socket, Known> known = new LinkedHashMap<>();
      for (Backend backend : row.backends()) {
        State state = backend.state() == Backend.State.ACTIVE ? State.ACTIVE : State.KEEPS;
        Known present = before.backends().get(Socket.of(backend));
        if (present == null) {
          int fresh = backendNumbers.take(key);
          backends.add(fresh);
          memory.write(fresh, new BackendRecord(backend.address(), backend.port(), state, number));
          present = new Known(fresh, state);
        }
        known.put(Socket.of(backend), new Known(present.number(), state));
      }
      List<Integer> chosen =
          row.candidates().stream()
              .map(Socket::of)
              .distinct()
              .map(known::get)
              .filter(Objects::nonNull)
              .map(Known::number)
              .toList();
      var region = new Region(row.service(), row.affinitySeconds(), chosen);
      if (before.place() != 0 && before.region().equals(region)) {
        return new Frontend(number, before.place(), region, Map.copyOf(known));
      }
      size = region.elements();
      place = takeRun(size);
      memory.write(place, region);
      return new Frontend(number, place, region, Map.copyOf(known));
    }

    private int takeRun(int length) {
      int from = elements.nextClearBit(1);
      while (from + length <= memory.maxElements()) {
        int end = elements.nextSetBit(from);
        if (end < 0 || end >= from + length) {
          elements.set(from, from + length);
          return from;
        }
        from = elements.nextClearBit(end);
      }
      throw new DatapathException(
          key + ": no room for " + length + " elements of " + KernelMaps.REGIONS);
    }

    /** Of those that were there before, what has changed; then frees what counts no more. */
    void settle(Frontend before, Frontend next) {
      if (before.isNew()) {
        return;
      }
      List<Integer> gone = new ArrayList<>();
      before
          .backends()
          .forEach((socket, known) -> {
            Known now = next.backends().get(socket);
            if (now == null) {
              memory.setState(known.number(), State.GONE);
              gone.add(known.number());
            } else if (now.state() != known.state()) {
              memory.setState(known.number(), now.state());
            }
          });
      hasLost |= key.protocol() == Protocol.UDP && !gone.isEmpty();
      boolean hasMoved = before.place() != next.place();
      if (!hasMoved && gone.isEmpty()) {
        return;
      }
      reclaimer.afterGracePeriod(
          List.of(() -> {
            if (hasMoved) {
              free(before);
            }
            gone.forEach(FrontendRows.this::free);
          }));
    }

    /** Gives back what was taken: nothing leads there. */
    void undo(boolean isNew) {
      backends.forEach(FrontendRows.this::free);
      if (place != 0) {
        elements.clear(place, place + size);
      }
      if (isNew && number != 0) {
        memory.setPlace(number, 0);
        numbers.clear(number);
      }
    }
  }

  /** Whether a backend of UDP went since this was last asked. */
  boolean takeLost() {
    lock.lock();
    try {
      boolean lost = hasLost;
      hasLost = false;
      return lost;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a frontend has a backend of this address and port. */
  boolean has(FrontendKey key, IpAddress address, int port) {
    lock.lock();
    try {
      Frontend found = frontends.get(key);
      return found != null && found.backends().containsKey(new Socket(address, port));
    } finally {
      lock.unlock();
    }
  }

  /** Whether there is none. */
  boolean isEmpty() {
    lock.lock();
    try {
      return frontends.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** How full the tables are. */
  List<Table> tables() {
    lock.lock();
    try {
      return List.of(
          new Table(KernelMaps.SERVICES, frontends.size(), services.spec().maxEntries()),
          new Table(KernelMaps.REGIONS, elements.cardinality(), memory.maxElements()),
          new Table(KernelMaps.BACKENDS, backendNumbers.taken(), memory.maxBackends()));
    } finally {
      lock.unlock();
    }
  }
}
