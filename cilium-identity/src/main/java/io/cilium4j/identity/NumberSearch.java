// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Identity;
import io.cilium4j.core.Label;
import io.cilium4j.core.Labels;
import io.cilium4j.core.cluster.ClusterIdentity;
import io.cilium4j.core.spi.ClusterStore;
import io.cilium4j.core.spi.ClusterStore.Stored;
import io.cilium4j.core.spi.ClusterStoreException;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Deadline;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Snapshot;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the number of a label set in the cluster's store, or takes one. A set goes through its
 * {@link NumberSequence}: where the store has its labels, that is its number; where it has other
 * labels, the next is tried; the first that is free is created. Two nodes with the same new labels
 * meet at the same number, and the one that comes second finds what the first created.
 *
 * <p>Safe for use by several threads.
 */
final class NumberSearch {
  private static final Logger LOG = LoggerFactory.getLogger(NumberSearch.class);

  /**
   * The time that a search has, from its first look to its last write. A number that it saw taken
   * must be taken at its end: this is less than the time between a number's mark and its deletion.
   */
  static final Duration SEARCH_TIME = Duration.ofSeconds(20);

  private final int clusterId;
  private final ClusterStore.Objects<ClusterIdentity> store;

  NumberSearch(int clusterId, ClusterStore.Objects<ClusterIdentity> store) {
    this.clusterId = clusterId;
    this.store = store;
  }

  /**
   * The identity of a label set, a new one if it has none.
   *
   * @param listed the numbers that the set has by the store's table, which may lag
   * @throws IdentityException if no number is free, or the store cannot be asked in time
   */
  Identity find(Labels labels, List<Integer> listed) {
    Deadline deadline = Deadline.in(SEARCH_TIME);
    try {
      Optional<Identity> known = findKnown(labels, listed, deadline);
      return known.isPresent() ? known.get() : search(labels, deadline);
    } catch (ClusterStoreException e) {
      throw new IdentityException("no identity for " + labels + ": " + e.getMessage(), e);
    }
  }

  /** The table may lag; so the store is asked for each number. */
  private Optional<Identity> findKnown(Labels labels, List<Integer> listed, Deadline deadline) {
    for (int number : listed) {
      if (use(number, labels, deadline) == Use.OURS) {
        return Optional.of(new Identity(number, labels));
      }
    }
    return Optional.empty();
  }

  private Identity search(Labels labels, Deadline deadline) {
    NumberSequence sequence = NumberSequence.of(labels, clusterId);
    if (!isFull(sequence)) {
      for (int position = 0; position < sequence.size(); position++) {
        int number = sequence.at(position);
        Use use = use(number, labels, deadline);
        while (use == Use.FREE) {
          use =
              store.create(new ClusterIdentity(number, labels), deadline).isPresent()
                  ? Use.OURS
                  : use(number, labels, deadline); // Somebody was quicker.
        }
        if (use == Use.OURS) {
          return new Identity(number, labels);
        }
      }
    }
    throw new IdentityException("no identity for " + labels + ": " + full());
  }

  /** As {@link #find}, with the former number, unless the labels have another by now. */
  Identity findAgain(Identity former, List<Integer> listed) {
    Deadline deadline = Deadline.in(SEARCH_TIME);
    Labels labels = former.labels();
    try {
      Optional<Identity> known = findKnown(labels, listed, deadline);
      if (known.isPresent()) {
        return known.get();
      }
      // Whoever searched while the former number was not there has one that stands before it.
      NumberSequence sequence = NumberSequence.of(labels, clusterId);
      Use use = Use.OTHERS;
      for (int position = 0; position < sequence.size() && use == Use.OTHERS; position++) {
        int number = sequence.at(position);
        use = use(number, labels, deadline);
        if (use == Use.OURS) {
          return new Identity(number, labels);
        }
      }
      boolean isOurs =
          store.create(new ClusterIdentity(former.id(), labels), deadline).isPresent()
              || use(former.id(), labels, deadline) == Use.OURS;
      return isOurs ? former : search(labels, deadline);
    } catch (ClusterStoreException e) {
      throw new IdentityException("no identity for " + labels + ": " + e.getMessage(), e);
    }
  }

  private enum Use {
    /** The number has these labels, and no mark. */
    OURS,
    /** It has other labels, and no mark: it will be there for longer than a search takes. */
    OTHERS,
    FREE
  }

  /** Whose a number is, after its mark is gone: no one that was seen here is deleted soon. */
  private Use use(int number, Labels labels, Deadline deadline) {
    while (true) {
      Optional<Stored<ClusterIdentity>> now = store.read(Integer.toString(number));
      if (now.isEmpty()) {
        return Use.FREE;
      }
      ClusterIdentity identity = now.get().value();
      if (!identity.unused()
          || store.replace(now.get(), identity.withUnused(false), deadline).isPresent()) {
        return identity.labels().equals(labels) ? Use.OURS : Use.OTHERS;
      }
    }
  }

  /** By our table: a search of all numbers takes its time, and those who wait try again. */
  private boolean isFull(NumberSequence sequence) {
    Snapshot<String, Stored<ClusterIdentity>> now = store.table().snapshot();
    return now.size() >= sequence.size()
        && now.stream()
                .filter(row -> NumberSequence.isOf(clusterId, row.value().value().number()))
                .count()
            >= sequence.size();
  }

  /** Most often one label has a value for each pod, and should not count. */
  private String full() {
    Map<String, Set<String>> values = new TreeMap<>();
    for (Row<String, Stored<ClusterIdentity>> row : store.table().snapshot()) {
      for (Label label : row.value().value().labels()) {
        values
            .computeIfAbsent(label.source() + ":" + label.key(), _ -> new HashSet<>())
            .add(label.value());
      }
    }
    return values.entrySet().stream()
        .max(Comparator.comparingInt(entry -> entry.getValue().size()))
        .map(most ->
            "no number free: label " + most.getKey() + " has " + most.getValue().size() + " values")
        .orElse("no number free");
  }

  /**
   * Sees to it that the store has an identity that this node holds.
   *
   * @return whether nothing is left to do
   */
  boolean keep(Identity identity, Deadline deadline) {
    return switch (use(identity.id(), identity.labels(), deadline)) {
      case OURS -> true;
      case FREE -> {
        boolean done =
            store
                .create(new ClusterIdentity(identity.id(), identity.labels()), deadline)
                .isPresent();
        if (done) {
          LOG.info("identity created again id={}", identity.id());
        }
        yield done;
      }
      case OTHERS -> {
        LOG.error(
            "identity has other labels in the store id={} ours=\"{}\"",
            identity.id(),
            identity.labels());
        yield true;
      }
    };
  }
}
