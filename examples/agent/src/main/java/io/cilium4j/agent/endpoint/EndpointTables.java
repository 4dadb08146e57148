// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointIndexes;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.state.Database;
import io.cilium4j.core.state.Snapshot;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import java.util.Comparator;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * This node's endpoints in two tables, which change in one step: what is <em>wanted</em> of each,
 * from which policy and datapath follow, and where each <em>stands</em>, which follows from them.
 * What the datapath reports is written to the second one alone, so that nothing goes round in a
 * circle.
 *
 * <p>Safe for use by several threads.
 */
public final class EndpointTables {

  /** The input that both wait for: the endpoints of the state folder. */
  private static final String RESTORED = "restored";

  private final Database database;
  private final TableWriter<Integer, Endpoint> wanted;
  private final TableWriter<Integer, Endpoint> all;

  /** No endpoints; those of an earlier run are still to come. */
  public EndpointTables(Database database) {
    this.database = database;
    this.wanted = database.table("endpoints-wanted", Comparator.naturalOrder(), Set.of(RESTORED));
    this.all =
        database.table(
            "endpoints", Comparator.naturalOrder(), Set.of(RESTORED), EndpointIndexes.ALL);
  }

  /**
   * The endpoints that the datapath is to have, by id: not those on their way out or without an
   * identity. One that waits for another identity has the former one until then. The state of each
   * is {@link EndpointState#READY}, whatever comes of it.
   */
  public Table<Integer, Endpoint> wanted() {
    return wanted.table();
  }

  /** All endpoints by id, each with the state in which it is. */
  public Table<Integer, Endpoint> all() {
    return all.table();
  }

  /** Those of an earlier run are here. */
  void restored() {
    wanted.synced(RESTORED);
    all.synced(RESTORED);
  }

  /**
   * Makes several changes that readers see all at once; gives the revision of {@link #wanted} from
   * which on they are in it.
   */
  long write(Consumer<Batch> changes) {
    database.write(
        transaction -> changes.accept(new Batch(transaction.of(wanted), transaction.of(all))));
    return wanted.table().revision();
  }

  /** The changes of one {@link #write}; of no use after it. */
  static final class Batch {
    private final TableWriter.Batch<Integer, Endpoint> wanted;
    private final TableWriter.Batch<Integer, Endpoint> all;

    private Batch(
        TableWriter.Batch<Integer, Endpoint> wanted, TableWriter.Batch<Integer, Endpoint> all) {
      this.wanted = wanted;
      this.all = all;
    }

    /** An endpoint, this batch's changes included. */
    Optional<Endpoint> get(int id) {
      return all.get(id);
    }

    /** All endpoints, this batch's changes included. */
    Snapshot<Integer, Endpoint> snapshot() {
      return all.snapshot();
    }

    /** Puts an endpoint in place of what there was of its id. */
    void put(Endpoint endpoint) {
      all.put(endpoint.id(), endpoint);
      enforced(endpoint)
          .ifPresentOrElse(
              each -> wanted.put(endpoint.id(), each), () -> wanted.remove(endpoint.id()));
    }

    /** Removes an endpoint, if there is one. */
    void remove(int id) {
      all.remove(id);
      wanted.remove(id);
    }
  }

  private static Optional<Endpoint> enforced(Endpoint endpoint) {
    if (endpoint.state() == EndpointState.WAITING_FOR_IDENTITY && endpoint.identity() == 0) {
      return Optional.empty();
    }
    return switch (endpoint.state()) {
      case DISCONNECTING, DISCONNECTED, INVALID -> Optional.empty();
      case WAITING_FOR_IDENTITY, NOT_READY, WAITING_TO_REGENERATE, REGENERATING, RESTORING, READY ->
          Optional.of(
              new Endpoint(
                  endpoint.id(),
                  endpoint.namespace(),
                  endpoint.name(),
                  endpoint.labels(),
                  endpoint.identity(),
                  endpoint.addresses(),
                  endpoint.device(),
                  endpoint.namedPorts(),
                  EndpointState.READY));
    };
  }
}
