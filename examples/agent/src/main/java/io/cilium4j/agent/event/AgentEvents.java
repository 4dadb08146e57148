// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.event;

import io.cilium4j.agent.AgentEvent;
import io.cilium4j.agent.AgentEvent.EndpointCreated;
import io.cilium4j.agent.AgentEvent.EndpointDeleted;
import io.cilium4j.agent.AgentEvent.EndpointRegenerated;
import io.cilium4j.agent.AgentEvent.IpcacheDeleted;
import io.cilium4j.agent.AgentEvent.IpcacheUpserted;
import io.cilium4j.agent.AgentEvent.PolicyDeleted;
import io.cilium4j.agent.AgentEvent.PolicyUpdated;
import io.cilium4j.agent.AgentEvent.ServiceDeleted;
import io.cilium4j.agent.AgentEvent.ServiceUpserted;
import io.cilium4j.agent.service.ServiceSpecs;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.IpcacheEntry;
import io.cilium4j.core.Label;
import io.cilium4j.core.ResourceKey;
import io.cilium4j.core.spi.Row.EndpointKey;
import io.cilium4j.core.spi.Row.RowKey;
import io.cilium4j.core.state.Changes;
import io.cilium4j.core.state.RowStatus;
import io.cilium4j.core.state.Scheduler;
import io.cilium4j.core.state.Table;
import io.cilium4j.core.state.Watch;
import io.cilium4j.policy.PolicyResource;
import io.cilium4j.policy.controller.AppliedPolicy;
import io.cilium4j.policy.controller.RuleLabels;
import io.cilium4j.service.Frontend;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One listener's view of the agent's tables, as events. It follows the tables like everybody else
 * does, so that no writer knows of listeners; a look costs as much as there are changed rows.
 */
public final class AgentEvents implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(AgentEvents.class);

  /** Most labels told of policies that changed together, which may be thousands. */
  private static final int MAX_LABELS = 100;

  /**
   * The tables that it follows.
   *
   * @param services frontends by number
   * @param policies what became of each policy object
   * @param endpoints by id
   * @param ipcache by prefix
   * @param statuses how far the datapath is with each row
   */
  public record Tables(
      Table<Long, Frontend> services,
      Table<ResourceKey, AppliedPolicy> policies,
      Table<Integer, Endpoint> endpoints,
      Table<IpPrefix, IpcacheEntry> ipcache,
      Table<RowKey, RowStatus> statuses) {}

  private final Tables tables;
  private final LongSupplier rulesRevision;
  private final Scheduler thread;
  private final Consumer<? super AgentEvent> listener;

  /** True from the beginning, so that no look runs before everything is followed. */
  private final AtomicBoolean lookScheduled = new AtomicBoolean(true);

  private final Followed<Long, Frontend> services;
  private final Followed<ResourceKey, AppliedPolicy> policies;
  private final Followed<Integer, Endpoint> endpoints;
  private final Followed<IpPrefix, IpcacheEntry> ipcache;
  private final Followed<RowKey, RowStatus> statuses;

  private AgentEvents(
      Tables tables,
      LongSupplier rulesRevision,
      Scheduler thread,
      Consumer<? super AgentEvent> listener) {
    this.tables = tables;
    this.rulesRevision = rulesRevision;
    this.thread = thread;
    this.listener = listener;
    this.services = new Followed<>(tables.services(), this::scheduleLook);
    this.policies = new Followed<>(tables.policies(), this::scheduleLook);
    this.endpoints = new Followed<>(tables.endpoints(), this::scheduleLook);
    this.ipcache = new Followed<>(tables.ipcache(), this::scheduleLook);
    this.statuses = new Followed<>(tables.statuses(), this::scheduleLook);
  }

  /**
   * Begins; what there is already is no event.
   *
   * @param rulesRevision the present revision of the rules
   */
  public static AgentEvents follow(
      Tables tables,
      LongSupplier rulesRevision,
      String instance,
      Consumer<? super AgentEvent> listener) {
    var events =
        new AgentEvents(tables, rulesRevision, Scheduler.ofThread(instance + "-events"), listener);
    events.thread.execute(events::look);
    return events;
  }

  @Override
  public void close() {
    services.close();
    policies.close();
    endpoints.close();
    ipcache.close();
    statuses.close();
    thread.close();
  }

  private void scheduleLook() {
    if (lookScheduled.compareAndSet(false, true)) {
      thread.execute(this::look);
    }
  }

  /**
   * What follows is looked at before what it follows from, and told after it: so nobody hears of an
   * endpoint's regeneration before its creation.
   */
  private void look() {
    lookScheduled.set(false);
    List<Step<RowKey, RowStatus>> regenerated = statuses.look();
    List<Step<IpPrefix, IpcacheEntry>> prefixes = ipcache.look();
    List<Step<Integer, Endpoint>> changed = endpoints.look();
    tellPolicies(policies.look());
    services.look().forEach(this::tellService);
    changed.forEach(this::tellEndpoint);
    prefixes.forEach(this::tellPrefix);
    regenerated.forEach(this::tellRegeneration);
  }

  private void tell(AgentEvent event) {
    try {
      listener.accept(event);
    } catch (RuntimeException e) {
      LOG.warn("event listener failed error=\"{}\"", e.toString());
    }
  }

  private void tellService(Step<Long, Frontend> step) {
    tell(
        step.now().isPresent()
            ? new ServiceUpserted(ServiceSpecs.of(step.now().get()))
            : new ServiceDeleted(step.key()));
  }

  private void tellPolicies(List<Step<ResourceKey, AppliedPolicy>> steps) {
    List<PolicyResource> updated = new ArrayList<>();
    List<PolicyResource> deleted = new ArrayList<>();
    for (Step<ResourceKey, AppliedPolicy> step : steps) {
      if (step.now().isEmpty()) {
        step.before().flatMap(AppliedPolicy::inForce).ifPresent(deleted::add);
      } else if (step.now().get().problem().isEmpty() && isNewVersion(step)) {
        step.now().get().inForce().ifPresent(updated::add);
      }
    }
    long revision = rulesRevision.getAsLong();
    if (!updated.isEmpty()) {
      tell(new PolicyUpdated(revision, count(updated), labels(updated)));
    }
    if (!deleted.isEmpty()) {
      tell(new PolicyDeleted(revision, count(deleted), labels(deleted)));
    }
  }

  /** That it contradicts another rule, or does so no more, makes it no other version. */
  private static boolean isNewVersion(Step<ResourceKey, AppliedPolicy> step) {
    return !step.before()
        .map(AppliedPolicy::revision)
        .equals(step.now().map(AppliedPolicy::revision));
  }

  private static int count(List<PolicyResource> resources) {
    return resources.stream().mapToInt(each -> RuleLabels.of(each).size()).sum();
  }

  private static List<Label> labels(List<PolicyResource> resources) {
    Set<Label> labels = new LinkedHashSet<>();
    for (PolicyResource resource : resources) {
      if (labels.size() >= MAX_LABELS) {
        break;
      }
      RuleLabels.of(resource).forEach(labels::addAll);
    }
    return labels.stream().limit(MAX_LABELS).toList();
  }

  /** Changes of state and labels are no news of their own: a regeneration follows. */
  private void tellEndpoint(Step<Integer, Endpoint> step) {
    if (step.now().isEmpty()) {
      step.before().map(EndpointDeleted::new).ifPresent(this::tell);
    } else if (step.before().isEmpty()) {
      tell(new EndpointCreated(step.now().get()));
    }
  }

  private void tellPrefix(Step<IpPrefix, IpcacheEntry> step) {
    tell(
        step.now().isPresent()
            ? new IpcacheUpserted(step.now().get(), step.before())
            : new IpcacheDeleted(step.before().orElseThrow()));
  }

  private void tellRegeneration(Step<RowKey, RowStatus> step) {
    if (!(step.key() instanceof EndpointKey key) || step.now().isEmpty()) {
      return;
    }
    Optional<String> error =
        step.now().get() instanceof RowStatus.Failed failed
            ? Optional.of(failed.message())
            : Optional.empty();
    boolean ended = error.isPresent() || step.now().get() instanceof RowStatus.Done;
    if (ended) {
      // Of one that has gone by now its end was told, or is about to be.
      tables
          .endpoints()
          .get(key.endpointId())
          .ifPresent(endpoint -> tell(new EndpointRegenerated(endpoint, error)));
    }
  }

  /**
   * What became of one row between two looks.
   *
   * @param before its value at the former look; absent for a new row
   * @param now its value; absent for a row that is gone, and then {@code before} is present
   */
  private record Step<K, V>(K key, Optional<V> before, Optional<V> now) {}

  /** A table whose rows at the beginning are no news. Used by the looking thread. */
  private static final class Followed<K, V> {
    private final Watch<K, V> watch;

    Followed(Table<K, V> table, Runnable wakeUp) {
      this.watch = table.watch(wakeUp);
      watch.poll();
    }

    List<Step<K, V>> look() {
      if (watch.isClosed()) {
        return List.of();
      }
      Changes<K, V> changes = watch.poll();
      return changes.list().stream()
          .map(change -> {
            K key = change.key();
            return new Step<>(key, changes.before().get(key), changes.snapshot().get(key));
          })
          .filter(step -> step.before().isPresent() || step.now().isPresent())
          .toList();
    }

    void close() {
      watch.close();
    }
  }
}
