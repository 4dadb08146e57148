// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.view;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.EndpointRow;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.core.spi.Row.FrontendRow;
import io.cilium4j.core.spi.Row.IpcacheKey;
import io.cilium4j.core.spi.Row.IpcacheRow;
import io.cilium4j.core.spi.Row.NodeKey;
import io.cilium4j.core.spi.Row.NodeRow;
import io.cilium4j.core.spi.Row.PrefilterKey;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Table;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What the datapath is to hold and how far it is with it, as rows of the maps by which operators
 * know it: {@code cilium_ipcache} (prefix to identity) and {@code cilium_lxc} (address to
 * endpoint). It is the agent's own view; what the kernel holds is in the kernel.
 *
 * <p>Safe for use by several threads.
 */
public final class DatapathRows {

  /** Prefix to identity. */
  public static final String IPCACHE = "cilium_ipcache";

  /** Address to endpoint. */
  public static final String ENDPOINTS = "cilium_lxc";

  /** Other nodes. */
  public static final String NODES = "cilium_nodes";

  /** Frontends of services, as the agent wants them. */
  public static final String FRONTENDS = "cilium_lb_services";

  /** Prefixes to drop. */
  public static final String PREFILTER = "cilium_prefilter";

  private static final String PREFILTER_KEY = "deny";

  private static final List<String> NAMES = List.of(IPCACHE, ENDPOINTS);

  /** How many changes are kept: at about 300 bytes each, 1.2 MB. */
  private static final int MAX_EVENTS = 4096;

  /** What is still to be done with an entry. */
  public enum Wanted {
    OK,
    INSERT,
    DELETE
  }

  /**
   * One entry of a map.
   *
   * @param wanted what is still to be done
   * @param lastError why the last attempt failed; empty when it did not
   */
  public record Entry(String key, String value, Wanted wanted, String lastError) {}

  /** What became of an entry. */
  public enum Action {
    UPDATE,
    DELETE
  }

  /**
   * A change of an entry, or of what is still to be done with it.
   *
   * @param number grows by one with each
   */
  public record Event(long number, Instant time, String map, Action action, Entry entry) {}

  private final Table<RowKey, Row> desired;
  private final Reconciler<RowKey, Row> reconciler;
  private final Clock clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition added = lock.newCondition();

  /** The oldest first. Guarded by the lock. */
  private final Deque<Event> events = new ArrayDeque<>();

  private long lastNumber;

  /**
   * The keys that each endpoint has in the map, by id: its removal does not tell them. Used on the
   * thread of {@link #follow} alone.
   */
  private final Map<Integer, List<String>> keysOfEndpoints = new HashMap<>();

  /** Rows of a table of what is wanted, with how far a reconciler is with each. */
  public DatapathRows(Table<RowKey, Row> desired, Reconciler<RowKey, Row> reconciler, Clock clock) {
    this.desired = desired;
    this.reconciler = reconciler;
    this.clock = clock;
  }

  /** The names of the maps. */
  public List<String> names() {
    return NAMES;
  }

  /** The entries of a map; absent if there is no map of this name. */
  public Optional<List<Entry>> entries(String map) {
    if (!NAMES.contains(map)) {
      return Optional.empty();
    }
    List<Entry> entries = new ArrayList<>();
    for (var row : desired.snapshot()) {
      if (mapOf(row.key()).equals(map)) {
        entries.addAll(entries(row.value(), reconciler.status(row.key()).orElse(null)));
      }
    }
    return Optional.of(List.copyOf(entries));
  }

  private static String mapOf(RowKey key) {
    return switch (key) {
      case EndpointKey _ -> ENDPOINTS;
      case IpcacheKey _ -> IPCACHE;
      case NodeKey _ -> NODES;
      case FrontendKey _ -> FRONTENDS;
      case PrefilterKey _ -> PREFILTER;
    };
  }

  private static List<Entry> entries(Row value, @Nullable RowStatus status) {
    Wanted wanted = status instanceof RowStatus.Done ? Wanted.OK : Wanted.INSERT;
    String error = status instanceof RowStatus.Failed failed ? failed.message() : "";
    return switch (value) {
      case NodeRow node ->
          List.of(
              new Entry(
                  node.name(),
                  "podcidrs="
                      + node.podCidrs()
                      + node.tunnelEndpoint().map(each -> " tunnelendpoint=" + each).orElse(""),
                  wanted,
                  error));
      case FrontendRow frontend ->
          List.of(
              new Entry(
                  keyOf(frontend.key()),
                  "service=" + frontend.service() + " backends=" + frontend.backends(),
                  wanted,
                  error));
      case PrefilterRow prefilter ->
          List.of(
              new Entry(PREFILTER_KEY, "prefixes=" + prefilter.prefixes().size(), wanted, error));
      case IpcacheRow(var entry) ->
          List.of(
              new Entry(
                  entry.prefix().toString(),
                  "identity="
                      + entry.identity()
                      + entry.tunnelEndpoint().map(each -> " tunnelendpoint=" + each).orElse(""),
                  wanted,
                  error));
      case EndpointRow row -> {
        Endpoint endpoint = row.endpoint();
        List<Entry> entries = new ArrayList<>();
        for (IpAddress address : endpoint.addresses()) {
          entries.add(
              new Entry(
                  address.toString(),
                  "id="
                      + endpoint.id()
                      + " ifindex="
                      + endpoint.device().hostIfindex()
                      + " mac="
                      + endpoint.device().podMac()
                      + " nodemac="
                      + endpoint.device().hostMac(),
                  wanted,
                  error));
        }
        yield entries;
      }
    };
  }

  /**
   * The changes of a map that are kept and newer than one, the oldest first; waits until there is
   * one.
   *
   * @param after the number of the last one seen; 0 for all
   * @param atMost how long to wait; none is no error
   */
  public List<Event> eventsAfter(String map, long after, Duration atMost)
      throws InterruptedException {
    long nanos = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (true) {
        List<Event> news =
            events.stream()
                .filter(event -> event.number() > after && event.map().equals(map))
                .toList();
        if (!news.isEmpty() || nanos <= 0) {
          return news;
        }
        nanos = added.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes note of how far the datapath is. */
  public void follow(Changes<RowKey, RowStatus> statuses) {
    for (Change<RowKey, RowStatus> change : statuses.list()) {
      RowKey key = change.key();
      Optional<Row> value = desired.get(key);
      switch (change) {
        case Change.Put<RowKey, RowStatus> put ->
            value.ifPresent(present -> updated(key, entries(present, put.value())));
        case Change.Removed<RowKey, RowStatus> _ ->
            removedKeys(key)
                .forEach(
                    text -> add(mapOf(key), Action.DELETE, new Entry(text, "", Wanted.OK, "")));
      }
    }
  }

  private static String keyOf(FrontendKey frontend) {
    String address = frontend.address().toString();
    return (frontend.address().isV4() ? address : "[" + address + "]")
        + (frontend.isRest() ? "" : ":" + frontend.port() + "/" + frontend.protocol());
  }

  private void updated(RowKey key, List<Entry> entries) {
    if (key instanceof EndpointKey endpoint) {
      keysOfEndpoints.put(endpoint.endpointId(), entries.stream().map(Entry::key).toList());
    }
    entries.forEach(entry -> add(mapOf(key), Action.UPDATE, entry));
  }

  private List<String> removedKeys(RowKey key) {
    return switch (key) {
      case EndpointKey endpoint -> {
        List<String> keys = keysOfEndpoints.remove(endpoint.endpointId());
        yield keys == null ? List.of() : keys;
      }
      case IpcacheKey prefix -> List.of(prefix.prefix().toString());
      case NodeKey node -> List.of(node.name());
      case FrontendKey frontend -> List.of(keyOf(frontend));
      case PrefilterKey _ -> List.of(PREFILTER_KEY);
    };
  }

  private void add(String map, Action action, Entry entry) {
    lock.lock();
    try {
      if (events.size() == MAX_EVENTS) {
        events.removeFirst();
      }
      events.addLast(new Event(++lastNumber, clock.instant(), map, action, entry));
      added.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
