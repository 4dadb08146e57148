// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.EndpointEvent.Outcome;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Table;
import java.util.ArrayList;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The table of endpoints, in which each takes only the steps that its life has, and one on its way
 * out none. Follows how far the datapath is with each.
 *
 * <p>Safe for use by several threads.
 */
public final class EndpointStates {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointStates.class);

  private final EndpointTables endpoints;
  private final EndpointLog log;

  /**
   * Endpoints whose device is gone, with how often it was looked for since: they are not ready,
   * whatever policy is enforced.
   */
  private final Map<Integer, Integer> withoutDevice = new ConcurrentHashMap<>();

  /**
   * @param log told of each step
   */
  EndpointStates(EndpointTables endpoints, EndpointLog log) {
    this.endpoints = endpoints;
    this.log = log;
  }

  /** The endpoints, by id. */
  public Table<Integer, Endpoint> table() {
    return endpoints.all();
  }

  /** Adds an endpoint; gives the revision of what is wanted from then on. */
  long put(Endpoint endpoint) {
    return endpoints.write(batch -> batch.put(endpoint));
  }

  /** Removes an endpoint; gives the revision of what is wanted from then on. */
  long remove(int id) {
    withoutDevice.remove(id);
    return endpoints.write(batch -> batch.remove(id));
  }

  /** The revision of what is wanted of endpoints. */
  long wantedRevision() {
    return endpoints.wanted().revision();
  }

  /** The endpoints of an earlier run are here. */
  void restored() {
    endpoints.restored();
  }

  /** Brings endpoints in line with how far the datapath is with them. */
  public void follow(Changes<RowKey, RowStatus> statuses) {
    for (Change<RowKey, RowStatus> change : statuses.list()) {
      if (change instanceof Change.Put<RowKey, RowStatus> put
          && put.key() instanceof EndpointKey key) {
        follow(key.endpointId(), put.value());
      }
    }
  }

  private void follow(int id, RowStatus status) {
    switch (status) {
      case RowStatus.Pending _ ->
          reach(id, EndpointState.REGENERATING, Outcome.OK, "policy changes");
      case RowStatus.Done _ -> reach(id, EndpointState.READY, Outcome.OK, "policy enforced");
      case RowStatus.Failed failed ->
          reach(id, EndpointState.NOT_READY, Outcome.FAILED, failed.message());
    }
  }

  /**
   * Notes that an endpoint's device is gone, or is there again; no change if that is known.
   *
   * @param device the device, for people
   * @return how many looks in a row have not found it, this one included
   */
  int deviceIs(int id, boolean there, String device) {
    if (there) {
      if (withoutDevice.remove(id) != null) {
        reach(id, EndpointState.READY, Outcome.OK, device + " is there again");
      }
      return 0;
    }
    int looks = withoutDevice.merge(id, 1, Integer::sum);
    if (looks == 1) {
      // By way of what its life has: what is ready regenerates before it is not.
      become(id, EndpointState.REGENERATING);
      reach(id, EndpointState.NOT_READY, Outcome.FAILED, device + " is gone");
      LOG.info("endpoint without device id={} device=\"{}\"", id, device);
    }
    return looks;
  }

  /** The endpoints whose device is gone. */
  public Set<Integer> withoutDevice() {
    return Set.copyOf(withoutDevice.keySet());
  }

  /** Takes an endpoint to another state and notes it; a failure is noted without a step too. */
  void reach(int id, EndpointState next, Outcome outcome, String message) {
    if (next == EndpointState.READY && withoutDevice.containsKey(id)) {
      reach(id, EndpointState.NOT_READY, Outcome.FAILED, "its device is gone");
      return;
    }
    boolean stepped = become(id, next).isPresent();
    if (stepped || outcome == Outcome.FAILED) {
      table().get(id).ifPresent(there -> log.add(id, outcome, message, there.state()));
    }
  }

  /** Takes an endpoint to another state; absent if its life has no such step, or there is none. */
  Optional<Endpoint> become(int id, EndpointState next) {
    return replace(id, endpoint -> step(endpoint, next)).flatMap(before -> step(before, next));
  }

  /** An endpoint in another state; absent if its life has no such step. */
  static Optional<Endpoint> step(Endpoint endpoint, EndpointState next) {
    if (endpoint.state() == next) {
      return Optional.empty();
    }
    Endpoint from = endpoint;
    if (next == EndpointState.READY && !from.state().mayBecome(next)) {
      // The datapath may be done before anybody saw that it had begun.
      from = step(from, EndpointState.REGENERATING).orElse(from);
    }
    return from.state().mayBecome(next) ? Optional.of(from.withState(next)) : Optional.empty();
  }

  /** Puts another form of an endpoint in its place, if there is one; gives the former form. */
  Optional<Endpoint> replace(int id, Function<Endpoint, Optional<Endpoint>> change) {
    var before = new ArrayList<Endpoint>();
    endpoints.write(batch ->
        batch
            .get(id)
            .filter(endpoint -> endpoint.state() != EndpointState.DISCONNECTING)
            .ifPresent(endpoint ->
                change
                    .apply(endpoint)
                    .ifPresent(changed -> {
                      before.add(endpoint);
                      batch.put(changed);
                    })));
    return before.stream().findFirst();
  }
}
