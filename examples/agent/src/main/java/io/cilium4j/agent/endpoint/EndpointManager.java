// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.endpoint;

import io.cilium4j.agent.AgentException;
import io.cilium4j.agent.EndpointAttachment;
import io.cilium4j.agent.EndpointClaim;
import io.cilium4j.agent.EndpointDetails;
import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointEvent;
import io.cilium4j.agent.EndpointEvent.Outcome;
import io.cilium4j.agent.EndpointExistsException;
import io.cilium4j.agent.UnfitAddressException;
import io.cilium4j.agent.Wait;
import io.cilium4j.agent.endpoint.EndpointClaims.Claim;
import io.cilium4j.agent.endpoint.Ownership.Holding;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Endpoint.NamedPort;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Labels;
import io.cilium4j.core.spi.Datapath;
import io.cilium4j.core.spi.EndpointDevices.AdoptRequest;
import io.cilium4j.core.spi.EndpointDevices.ConnectRequest;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.state.Row;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.TableWriter;
import io.cilium4j.core.state.UndoStack;
import io.cilium4j.policy.controller.EnforcementWaiter;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The life of endpoints, from a pod's start to its end and across restarts of the agent; the one
 * writer of the tables of endpoints.
 *
 * <p>Creation takes one thing after the other, and notes how to give it back: what {@link
 * EndpointClaims} holds, the devices, the state file, and at last the row, from which policy and
 * datapath follow by themselves. What fails half way gives everything back in the reverse order.
 * Whoever creates waits until the datapath enforces the endpoint's policy; until then its packets
 * are dropped, since absent is deny.
 *
 * <p>Safe for use by several threads; endpoints come and go side by side.
 */
public final class EndpointManager {
  private static final Logger LOG = LoggerFactory.getLogger(EndpointManager.class);

  /**
   * How many looks in a row may miss an endpoint's device before the endpoint goes. A look is every
   * three seconds, which makes five minutes.
   */
  static final int MISSED_LOOKS = 100;

  /** How long a datapath may take for one endpoint before the caller is told that it failed. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private final EndpointStates endpoints;
  private final TableWriter<Integer, EndpointDetails> details =
      TableWriter.create("endpoint-details");

  /** Endpoints of an earlier run that are not here, with the reason, by pod. */
  private final Map<String, String> unrestored = new ConcurrentHashMap<>();

  private final EndpointLog log = new EndpointLog(Clock.systemUTC());
  private final EndpointChanges changes;
  private final EndpointClaims claims;
  private final EndpointStore store;
  private final Datapath datapath;
  private final EnforcementWaiter enforcement;

  /**
   * @param tables the tables of endpoints; nobody else writes them
   * @param enforcement tells when the datapath has what the table says
   */
  public EndpointManager(
      EndpointTables tables,
      EndpointClaims claims,
      EndpointStore store,
      Datapath datapath,
      EnforcementWaiter enforcement) {
    this.endpoints = new EndpointStates(tables, log);
    this.claims = claims;
    this.store = store;
    this.datapath = datapath;
    this.enforcement = enforcement;
    this.changes =
        new EndpointChanges(this.endpoints, details, claims, store, log, this::awaitEnforced);
  }

  /**
   * Makes a network namespace an endpoint and waits until it is ready.
   *
   * @throws EndpointExistsException if it is one already
   * @throws AgentException if it cannot; nothing is left of the attempt
   */
  public Endpoint create(Sandbox sandbox, Labels labels, int mtuBytes) {
    var details = EndpointDetails.of(sandbox.names(), labels, AddressOwner.AGENT);
    Holding holding = own(() -> claims.own(sandbox));
    return bringAbout(
        holding,
        sandbox.podName(),
        Wait.UNTIL_READY,
        undo -> {
          Claim claim = claims.claim(holding, sandbox.podName(), details, undo);
          EndpointInterface made =
              datapath.connect(
                  new ConnectRequest(
                      claim.id(),
                      sandbox.netns(),
                      sandbox.podDevice(),
                      claim.addresses(),
                      mtuBytes));
          undo.ifFailed(() -> datapath.disconnect(made));
          EndpointInterface device = kept(made, sandbox);
          holding.add(OwnedResource.device(device));
          var pod = new PodName(sandbox.namespace(), sandbox.name());
          return keep(endpoint(pod, claim, device, sandbox.namedPorts()), details, undo);
        });
  }

  /**
   * Without the path that a container runtime told: the next agent may run where it is not seen,
   * and must not take the pod to be gone.
   */
  private static EndpointInterface kept(EndpointInterface made, Sandbox sandbox) {
    return sandbox.names().containerId().isEmpty()
        ? made
        : new EndpointInterface(
            made.hostName(), made.hostIfindex(), made.hostMac(), made.podMac(), "");
  }

  /**
   * Makes a pod an endpoint whose devices and addresses are there already.
   *
   * @throws EndpointExistsException if its attachment, wanted id, device or an address is another's
   * @throws UnfitAddressException if it cannot have one of its addresses
   * @throws AgentException if it cannot; devices and addresses are its maker's still, and a device
   *     that was taken over before it failed is down
   */
  public Endpoint adopt(EndpointAttachment wanted, Labels labels, Wait wait) {
    var details = EndpointDetails.of(wanted.names(), labels, wanted.addressOwner());
    Holding holding = own(() -> claims.own(wanted));
    return bringAbout(
        holding,
        wanted.podName(),
        wait,
        undo -> {
          Claim claim = claims.claimGiven(holding, wanted, details, undo);
          EndpointInterface device =
              datapath.adopt(new AdoptRequest(claim.id(), wanted.device(), claim.addresses()));
          undo.ifFailed(() -> datapath.release(device));
          var pod = new PodName(wanted.namespace(), wanted.name());
          return keep(endpoint(pod, claim, device, wanted.namedPorts()), details, undo);
        });
  }

  /**
   * Takes what a new endpoint needs. What stands in its way and is on its way out is waited for:
   * clients see no endpoint any more before all that it had is given back. What has lost its device
   * is gone for good, and makes room: its container runtime may never come back to delete it.
   */
  private Holding own(Supplier<Holding> claimed) {
    while (true) {
      try {
        return claimed.get();
      } catch (EndpointExistsException e) {
        if (claims.ownership().awaitGone(e.ownerId())) {
          continue;
        }
        Optional<Endpoint> owner = endpoints.table().get(e.ownerId());
        if (owner.isEmpty() || datapath.holds(owner.get().device())) {
          throw e;
        }
        LOG.info(
            "endpoint without device makes room id={} for=\"{}\"", e.ownerId(), e.getMessage());
        var _ = delete(e.ownerId());
      }
    }
  }

  private record PodName(String namespace, String name) {}

  private static Endpoint endpoint(
      PodName pod, Claim claim, EndpointInterface device, Map<String, NamedPort> namedPorts) {
    return new Endpoint(
        claim.id(),
        pod.namespace(),
        pod.name(),
        claim.identity().labels(),
        claim.identity().id(),
        claim.addresses(),
        device,
        namedPorts,
        EndpointState.NOT_READY);
  }

  private Endpoint bringAbout(
      Holding holding, String pod, Wait wait, Function<UndoStack, Endpoint> make) {
    var undo = new UndoStack();
    Optional<Endpoint> published = Optional.empty();
    try {
      Endpoint made = make.apply(undo);
      long revision = publish(made, undo);
      published = Optional.of(made);
      unrestored.remove(pod); // Its successor is there.
      if (wait == Wait.NOT) {
        return made;
      }
      awaitEnforced(made, revision);
      if (!datapath.holds(made.device())) {
        throw new AgentException(
            "endpoint " + pod + ": its device " + made.device().hostName() + " is gone");
      }
      endpoints.reach(made.id(), EndpointState.READY, Outcome.OK, "policy enforced");
      Endpoint present =
          endpoints
              .table()
              .get(made.id())
              .orElseThrow(() -> new AgentException("it was deleted while it was created"));
      // The next change may be on its way already; what was waited for is enforced all the same.
      Endpoint ready = EndpointStates.step(present, EndpointState.READY).orElse(present);
      LOG.info(
          "endpoint ready id={} pod={} identity={} addresses={}",
          ready.id(),
          ready.podName(),
          ready.identity(),
          ready.addresses());
      return ready;
    } catch (RuntimeException e) {
      // Of one that is on its way out whoever deletes it gives everything back.
      if (published.isEmpty() || changes.leave(published.get().id()).isPresent()) {
        holding.leave();
        undo.undo(e);
      }
      throw e instanceof AgentException known
          ? known
          : new AgentException("endpoint " + pod + ": " + e.getMessage(), e);
    } finally {
      holding.settled();
    }
  }

  /** What the next start of the agent knows of. */
  private Endpoint keep(Endpoint endpoint, EndpointDetails about, UndoStack undo) {
    undo.ifFailed(() -> forget(endpoint.id()));
    details.put(endpoint.id(), about);
    store.put(endpoint, about);
    return endpoint;
  }

  private void forget(int id) {
    details.remove(id);
    log.remove(id);
    store.remove(id);
  }

  /** From here on everybody knows of the endpoint. */
  private long publish(Endpoint endpoint, UndoStack undo) {
    undo.ifFailed(() -> withdraw(endpoint));
    claims.announce(endpoint);
    long revision = endpoints.put(endpoint);
    log.add(endpoint.id(), Outcome.OK, "created", endpoint.state());
    return revision;
  }

  /** Takes the endpoint's rows away and waits until the datapath has none of it any more. */
  private void withdraw(Endpoint endpoint) {
    long revision = endpoints.remove(endpoint.id());
    claims.withdraw(endpoint);
    enforcement
        .await(new EndpointKey(endpoint.id()), revision, PATIENCE)
        .ifPresent(problem ->
            LOG.warn(
                "endpoint row stays in the datapath id={} pod={} error=\"{}\"",
                endpoint.id(),
                endpoint.podName(),
                problem));
  }

  private void awaitEnforced(Endpoint endpoint, long revision) {
    enforcement
        .await(new EndpointKey(endpoint.id()), revision, PATIENCE)
        .ifPresent(problem -> {
          throw new AgentException("endpoint " + endpoint.podName() + ": " + problem);
        });
  }

  /**
   * Removes an endpoint with everything it has, also where a step of it fails. One in the making is
   * waited for.
   *
   * @return what went wrong on the way, one line each; absent if there is no such endpoint, or
   *     another removed it
   */
  public Optional<List<String>> delete(int id) {
    Optional<Holding> entered = claims.ownership().enter(id);
    if (entered.isEmpty()) {
      return Optional.empty();
    }
    try {
      return deleteEntered(entered.get());
    } finally {
      entered.get().settled();
    }
  }

  private Optional<List<String>> deleteEntered(Holding entered) {
    int id = entered.id();
    Optional<Endpoint> leaving = changes.leave(id);
    if (leaving.isEmpty()) {
      return Optional.empty();
    }
    entered.leave();
    AddressOwner owner =
        details.table().get(id).map(EndpointDetails::addressOwner).orElse(AddressOwner.AGENT);
    Endpoint endpoint = leaving.get();
    List<String> problems = new ArrayList<>();
    // The row first: without one the devices drop everything. The file last of what can fail, so
    // that a crash on the way leaves an endpoint that the next start knows of.
    attempt(problems, () -> withdraw(endpoint));
    attempt(problems, () -> datapath.disconnect(endpoint.device()));
    attempt(problems, () -> forget(id));
    attempt(problems, () -> claims.release(endpoint, owner));
    if (problems.isEmpty()) {
      LOG.info("endpoint gone id={} pod={}", id, endpoint.podName());
    } else {
      LOG.warn("endpoint gone id={} pod={} errors={}", id, endpoint.podName(), problems);
    }
    return Optional.of(List.copyOf(problems));
  }

  private static void attempt(List<String> problems, Runnable step) {
    try {
      step.run();
    } catch (RuntimeException e) {
      problems.add(String.valueOf(e.getMessage()));
    }
  }

  /** Changes endpoints that are there. */
  public EndpointChanges changes() {
    return changes;
  }

  /** What else is known of each endpoint, by id. */
  public Table<Integer, EndpointDetails> details() {
    return details.table();
  }

  /** The endpoints and their states, which follow the datapath. */
  public EndpointStates states() {
    return endpoints;
  }

  /** The last steps of an endpoint's life, the newest first. */
  public List<EndpointEvent> log(int id) {
    return log.of(id);
  }

  /**
   * Takes up the endpoints of an earlier run, with the ids, addresses and identities they had.
   *
   * @param lost what to do with those that have an address out of reach by now
   */
  public void restore(EndpointRestorer.Lost lost) {
    var found = new EndpointRestorer(claims, store, datapath).restore(lost);
    unrestored.putAll(found.problems());
    for (StoredEndpoint each : found.restored()) {
      Endpoint endpoint = each.endpoint();
      claims.announce(endpoint);
      details.put(endpoint.id(), each.details());
      endpoints.put(endpoint);
      log.add(endpoint.id(), Outcome.OK, "restored", endpoint.state());
      LOG.info(
          "endpoint restored id={} pod={} identity={}",
          endpoint.id(),
          endpoint.podName(),
          endpoint.identity());
    }
    endpoints.restored();
  }

  /**
   * Sees which endpoints have lost their device, which nobody tells the agent of. One that does not
   * get it back goes, and gives back its addresses: a container runtime that has lost a container
   * does not come to delete it.
   */
  public void lookAtDevices() {
    for (Row<Integer, Endpoint> row : endpoints.table().snapshot()) {
      EndpointInterface device = row.value().device();
      boolean leaves = row.value().state() == EndpointState.DISCONNECTING;
      boolean there = leaves || datapath.holds(device);
      if (endpoints.deviceIs(row.key(), there, device.hostName()) >= MISSED_LOOKS) {
        LOG.info(
            "endpoint whose device is gone removed id={} pod={}", row.key(), row.value().podName());
        var _ = delete(row.key());
      }
    }
  }

  /** Endpoints that are not as they should be, one line each, by where it is wrong. */
  public Map<String, String> problems() {
    Map<String, String> problems = new TreeMap<>();
    for (EndpointStore.LostEndpoint each : store.lost()) {
      if (!each.podName().map(this::hasEndpoint).orElse(false)) {
        problems.put("endpoint " + each.podName().orElse(each.file()), each.problem());
      }
    }
    unrestored.forEach((pod, problem) -> problems.put("endpoint " + pod, problem));
    for (int id : endpoints.withoutDevice()) {
      endpoints
          .table()
          .get(id)
          .ifPresent(each ->
              problems.put(
                  "endpoint " + id,
                  "endpoint %d (%s): its device %s is gone"
                      .formatted(id, each.podName(), each.device().hostName())));
    }
    return problems;
  }

  private boolean hasEndpoint(String podName) {
    return endpoints.table().snapshot().stream()
        .anyMatch(row -> row.value().podName().equals(podName));
  }

  /** What each endpoint has to itself, those in the making included. */
  public List<EndpointClaim> claims() {
    return claims.ownership().claims();
  }
}
