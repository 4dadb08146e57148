// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.agent.DesiredKey.EndpointKey;
import io.cilium4j.agent.EndpointClaims.Claim;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.Datapath.ConnectRequest;
import io.cilium4j.core.state.Change;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.TableWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Optional;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of endpoints, from a pod's start to its end and across restarts of the agent; the one
 * writer of the table of endpoints.
 *
 * <p>Creation takes one thing after the other, and notes how to give it back: what {@link
 * EndpointClaims} holds, the devices, the state file, and at last the row, from which policy and
 * datapath follow by themselves. What fails half way gives everything back in the reverse order.
 * Whoever creates waits until the datapath enforces the endpoint's policy; until then its packets
 * are dropped, since absent is deny.
 *
 * <p>Safe for use by several threads; endpoints come and go side by side.
 */
final class EndpointManager {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointManager.class);

  /** The input that the table of endpoints waits for: those of the state folder. */
  static final String RESTORED = "restored";

  /** The name of the device inside each pod. */
  private static final String POD_DEVICE = "eth0";

  /** How long a datapath may take for one endpoint before the caller is told that it failed. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final TableWriter<Integer, Endpoint> endpoints;
  private final EndpointClaims claims;
  private final EndpointStore store;
  private final Datapath datapath;
  private final Realisation realisation;

  /**
   * @param endpoints the table, which waits for {@link #RESTORED}
   * @param realisation tells when the datapath has what the table says
   */
  EndpointManager(
      TableWriter<Integer, Endpoint> endpoints,
      EndpointClaims claims,
      EndpointStore store,
      Datapath datapath,
      Realisation realisation) {
    this.endpoints = endpoints;
    this.claims = claims;
    this.store = store;
    this.datapath = datapath;
    this.realisation = realisation;
  }

  /**
   * Makes a pod an endpoint and waits until it is ready.
   *
   * @param relevant the labels that make its identity
   * @throws AgentException if it cannot; nothing is left of the attempt
   */
  Endpoint create(EndpointRequest request, Labels relevant, int mtuBytes) {
    var undo = new Undo();
    try {
      Endpoint made = make(request, relevant, mtuBytes, undo);
      awaitEnforced(made, publish(made, undo));
      var _ = become(made.id(), EndpointState.READY);
      Endpoint ready =
          endpoints
              .table()
              .get(made.id())
              .orElseThrow(() -> new AgentException("it was deleted while it was created"));
      LOG.info(
          "endpoint ready id={} pod={} identity={} addresses={}",
          ready.id(),
          ready.podName(),
          ready.identity(),
          ready.addresses());
      return ready;
    } catch (RuntimeException e) {
      undo.run(e);
      throw e instanceof AgentException known
          ? known
          : new AgentException("endpoint " + request.podName() + ": " + e.getMessage(), e);
    }
  }

  private Endpoint make(EndpointRequest request, Labels relevant, int mtuBytes, Undo undo) {
    Claim claim = claims.claim(request.podName(), relevant, undo);
    EndpointInterface device =
        datapath.connect(
            new ConnectRequest(
                claim.id(), request.netns(), POD_DEVICE, claim.addresses(), mtuBytes));
    undo.add(() -> datapath.disconnect(device));
    Endpoint endpoint =
        new Endpoint(
            claim.id(),
            request.namespace(),
            request.name(),
            claim.identity().labels(),
            claim.identity().id(),
            claim.addresses(),
            device,
            request.namedPorts(),
            EndpointState.NOT_READY);
    undo.add(() -> store.remove(claim.id()));
    store.put(endpoint);
    return endpoint;
  }

  /** From here on everybody knows of the endpoint. */
  private long publish(Endpoint endpoint, Undo undo) {
    undo.add(() -> withdraw(endpoint));
    claims.announce(endpoint);
    return endpoints.put(endpoint.id(), endpoint);
  }

  /** Takes the endpoint's rows away and waits until the datapath has none of it any more. */
  private void withdraw(Endpoint endpoint) {
    long revision = endpoints.remove(endpoint.id());
    claims.withdraw(endpoint);
    realisation
        .await(new EndpointKey(endpoint.id()), revision, PATIENCE)
        .ifPresent(problem ->
            LOG.warn(
                "endpoint row stays in the datapath id={} pod={} error=\"{}\"",
                endpoint.id(),
                endpoint.podName(),
                problem));
  }

  private void awaitEnforced(Endpoint endpoint, long revision) {
    realisation
        .await(new EndpointKey(endpoint.id()), revision, PATIENCE)
        .ifPresent(problem -> {
          throw new AgentException("endpoint " + endpoint.podName() + ": " + problem);
        });
  }

  /** Removes an endpoint with everything it has; false if there is none, or another is at it. */
  boolean delete(int id) {
    Optional<Endpoint> leaving = become(id, EndpointState.DISCONNECTING);
    if (leaving.isEmpty()) {
      return false;
    }
    Endpoint endpoint = leaving.get();
    // The row first: without one the devices drop everything. The file last of what can fail, so
    // that a crash on the way leaves an endpoint that the next start knows of.
    withdraw(endpoint);
    datapath.disconnect(endpoint.device());
    store.remove(id);
    claims.release(endpoint);
    LOG.info("endpoint gone id={} pod={}", id, endpoint.podName());
    return true;
  }

  /**
   * Gives an endpoint the labels that its pod has now, and waits until its new identity is
   * enforced.
   *
   * @return false if there is no such endpoint
   */
  boolean changeLabels(int id, Labels relevant) {
    Identity next = claims.claimIdentity(relevant);
    Optional<Endpoint> before = replace(id, endpoint -> Optional.of(endpoint.withIdentity(next)));
    if (before.isEmpty()) {
      claims.releaseIdentity(next.id());
      return false;
    }
    long revision = endpoints.table().revision();
    Endpoint changed = before.get().withIdentity(next);
    claims.announce(changed);
    store.put(changed);
    awaitEnforced(changed, revision);
    claims.releaseIdentity(before.get().identity());
    return true;
  }

  /** Takes up the endpoints of an earlier run, with the ids, addresses and identities they had. */
  void restore() {
    for (Endpoint former : store.load()) {
      try {
        restore(former);
      } catch (RuntimeException e) {
        // Its devices stay and drop everything, as they do for any endpoint without a row.
        LOG.warn(
            "endpoint not restored id={} pod={} error=\"{}\"",
            former.id(),
            former.podName(),
            e.getMessage());
      }
    }
    endpoints.synced(RESTORED);
  }

  private void restore(Endpoint former) {
    if (!Files.exists(Path.of(former.device().netns()))) {
      datapath.disconnect(former.device());
      store.remove(former.id());
      LOG.info(
          "endpoint gone while no agent ran id={} pod={} netns={}",
          former.id(),
          former.podName(),
          former.device().netns());
      return;
    }
    var undo = new Undo();
    try {
      Endpoint endpoint = claims.claimAgain(former, undo);
      claims.announce(endpoint);
      endpoints.put(endpoint.id(), endpoint);
      LOG.info(
          "endpoint restored id={} pod={} identity={}",
          endpoint.id(),
          endpoint.podName(),
          endpoint.identity());
    } catch (RuntimeException e) {
      undo.run(e);
      throw e;
    }
  }

  /** Follows how far the datapath is with each endpoint. */
  void follow(Changes<DesiredKey, RowStatus> statuses) {
    for (Change<DesiredKey, RowStatus> change : statuses.list()) {
      if (change instanceof Change.Put<DesiredKey, RowStatus> put
          && put.key() instanceof EndpointKey key) {
        var _ =
            become(
                key.endpointId(),
                switch (put.value()) {
                  case RowStatus.Pending _ -> EndpointState.REGENERATING;
                  case RowStatus.Done _ -> EndpointState.READY;
                  case RowStatus.Failed _ -> EndpointState.NOT_READY;
                });
      }
    }
  }

  /** Takes an endpoint to another state; absent if its life has no such step, or there is none. */
  private Optional<Endpoint> become(int id, EndpointState next) {
    return replace(id, endpoint -> step(endpoint, next)).flatMap(before -> step(before, next));
  }

  private static Optional<Endpoint> step(Endpoint endpoint, EndpointState next) {
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
  private Optional<Endpoint> replace(int id, Function<Endpoint, Optional<Endpoint>> change) {
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
                      batch.put(id, changed);
                    })));
    return before.stream().findFirst();
  }
}
