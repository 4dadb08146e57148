// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.api.model.PrefilterSpec;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.spi.Row;
import io.cilium4j.core.spi.Row.PrefilterKey;
import io.cilium4j.core.spi.Row.PrefilterRow;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Reconciler;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.StoredTable;
import io.cilium4j.core.state.TableWriter;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * The prefixes whose packets a user wants dropped first of all. A change names the revision that it
 * was made from, so that of two users who change it at once one is told to look again. It survives
 * the agent.
 *
 * <p>Safe for use by several threads.
 */
public final class PrefilterList {

  /** The one row of the store. */
  private static final long ROW = 0;

  /** The revision of the empty list that everything begins with. */
  private static final long FIRST_REVISION = 1;

  private static final PrefilterKey KEY = new PrefilterKey();

  /** How long a client waits for the datapath. */
  private static final Duration PATIENCE = Duration.ofSeconds(10);

  /** How soon a failure is noticed. */
  private static final Duration LOOK = Duration.ofMillis(50);

  private final StoredTable<Long, PrefilterSpec> store;
  private final TableWriter<RowKey, Row> rows;
  private final Optional<Reconciler<RowKey, Row>> reconciler;
  private final Optional<String> obstacle;

  /**
   * The list that is kept in a store.
   *
   * @param rows what the datapath is to do
   * @param reconciler carries the rows out; absent where nobody does
   * @param obstacle why nothing is dropped here; absent where it is
   */
  public PrefilterList(
      StoredTable<Long, PrefilterSpec> store,
      TableWriter<RowKey, Row> rows,
      Optional<Reconciler<RowKey, Row>> reconciler,
      Optional<String> obstacle) {
    this.store = store;
    this.rows = rows;
    this.reconciler = reconciler;
    this.obstacle = obstacle;
    long _ = write();
  }

  /** What is wanted now. */
  public PrefilterSpec wanted() {
    return store.table().get(ROW).orElseGet(() -> new PrefilterSpec(FIRST_REVISION, List.of()));
  }

  /** What every device drops now: all that is wanted, or nothing that could be relied on. */
  public PrefilterSpec realised() {
    PrefilterSpec wanted = wanted();
    boolean isDone =
        reconciler
            .flatMap(each -> each.status(KEY))
            .filter(RowStatus.Done.class::isInstance)
            .isPresent();
    return isDone ? wanted : new PrefilterSpec(wanted.revision(), List.of());
  }

  /** Why what is wanted is not dropped; absent if it is, or nothing is wanted. */
  public Optional<String> problem() {
    int prefixes = wanted().deny().size();
    if (prefixes == 0) {
      return reconciler.flatMap(Reconciler::pruneError);
    }
    return obstacle
        .map(why -> prefixes + " prefixes are kept and not dropped: " + why)
        .or(() -> failure().map(RowStatus.Failed::message));
  }

  private Optional<RowStatus.Failed> failure() {
    return reconciler
        .flatMap(each -> each.status(KEY))
        .filter(RowStatus.Failed.class::isInstance)
        .map(RowStatus.Failed.class::cast);
  }

  /**
   * Adds prefixes, and waits until packets from there are dropped.
   *
   * @throws IllegalArgumentException if the list is not at this revision any more, if there would
   *     be too many, or if nothing is dropped here; then nothing changes
   * @throws AgentException if they are kept, and not dropped yet: that is tried again
   */
  public PrefilterSpec add(long revision, Collection<IpPrefix> prefixes)
      throws InterruptedException {
    if (obstacle.isPresent()) {
      throw new IllegalArgumentException(obstacle.get());
    }
    long row;
    PrefilterSpec next;
    synchronized (this) {
      Set<IpPrefix> all = prefixesAt(revision);
      all.addAll(prefixes);
      if (all.size() > PrefilterRow.MAX_PREFIXES) {
        throw new IllegalArgumentException("more than " + PrefilterRow.MAX_PREFIXES + " prefixes");
      }
      next = put(all);
      row = write();
    }
    await(row);
    return next;
  }

  /**
   * Removes prefixes, and waits until packets from there are not dropped any more.
   *
   * @throws IllegalArgumentException if the list is not at this revision any more, or one is not in
   *     it; then nothing changes
   * @throws AgentException if that is kept, and not carried out yet: that is tried again
   */
  public PrefilterSpec remove(long revision, Collection<IpPrefix> prefixes)
      throws InterruptedException {
    long row;
    PrefilterSpec next;
    synchronized (this) {
      Set<IpPrefix> all = prefixesAt(revision);
      for (IpPrefix prefix : prefixes) {
        if (!all.remove(prefix)) {
          throw new IllegalArgumentException(prefix + " is not in the list");
        }
      }
      next = put(all);
      row = write();
    }
    await(row);
    return next;
  }

  private Set<IpPrefix> prefixesAt(long revision) {
    PrefilterSpec present = wanted();
    if (revision != 0 && revision != present.revision()) {
      throw new IllegalArgumentException(
          "revision " + revision + ", but the list is at revision " + present.revision());
    }
    return parse(present, new TreeSet<>());
  }

  private static Set<IpPrefix> parse(PrefilterSpec spec, Set<IpPrefix> to) {
    spec.deny().forEach(text -> to.add(IpPrefix.parse(text)));
    return to;
  }

  private PrefilterSpec put(Collection<IpPrefix> prefixes) {
    var next =
        new PrefilterSpec(
            wanted().revision() + 1, prefixes.stream().map(IpPrefix::toString).toList());
    store.put(ROW, next);
    return next;
  }

  /** Tells the datapath what is wanted; gives the revision of that. */
  private long write() {
    Set<IpPrefix> prefixes = parse(wanted(), new HashSet<>());
    return prefixes.isEmpty() || obstacle.isPresent()
        ? rows.remove(KEY)
        : rows.put(KEY, new PrefilterRow(prefixes));
  }

  private void await(long revision) throws InterruptedException {
    if (reconciler.isEmpty()) {
      return;
    }
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!reconciler.get().awaitRealised(KEY, revision, LOOK)) {
      Optional<String> failure =
          failure().filter(each -> each.revision() >= revision).map(RowStatus.Failed::message);
      if (failure.isPresent() || System.nanoTime() - end > 0) {
        throw new AgentException(
            "the list is kept, and not carried out yet: " + failure.orElse("the datapath is busy"));
      }
    }
  }
}
