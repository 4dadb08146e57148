// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.RawResource;
import io.cilium4j.core.cluster.Term;
import io.cilium4j.k8s.manifest.Manifest;
import io.cilium4j.k8s.store.Json;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The operator's duty to say in the status of each policy whether it can be read: the condition
 * {@code Valid}, which {@code kubectl get cnp} shows, with what is wrong as its message. Agents say
 * the same of a policy in their status; here its author sees it.
 *
 * <p>A condition that is right is not written again; one that could not be written is tried again.
 * Works on threads of its own.
 */
public final class PolicyConditions implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(PolicyConditions.class);

  private static final String VALID = "Valid";

  /** How soon a condition is written again that could not be. */
  private static final Duration RETRY = Duration.ofSeconds(5);

  /** What the field says of a policy that is right. */
  private static final String SUCCESS = "Policy validation succeeded";

  private static final List<Resource> POLICIES =
      List.of(
          new Resource("cilium.io", "v2", "ciliumnetworkpolicies", "CiliumNetworkPolicy", true),
          new Resource(
              "cilium.io",
              "v2",
              "ciliumclusterwidenetworkpolicies",
              "CiliumClusterwideNetworkPolicy",
              false));

  /** A policy, and what its status says of it. */
  private record Policy(String problem, JsonNode conditions) {}

  private final ApiClient client;
  private final Function<RawResource, String> check;
  private final Term term;
  private final List<Reflector<Policy>> reflectors;
  private final AtomicLong written = new AtomicLong();
  private volatile boolean closed;

  /**
   * Begins with all policies that there are.
   *
   * @param client stays the caller's to close
   * @param check what is wrong with a policy, in one line; empty if nothing is
   * @param term nothing is written once it is over
   */
  public PolicyConditions(ApiClient client, Function<RawResource, String> check, Term term) {
    this.client = client;
    this.check = check;
    this.term = term;
    this.reflectors =
        POLICIES.stream()
            .map(each ->
                new Reflector<>(
                    client, each, each.path(), Map.of(), this::read, new Follower(each)))
            .toList();
    reflectors.forEach(Reflector::start);
  }

  /** How many conditions were written. */
  public long written() {
    return written.get();
  }

  private Policy read(ObjectNode object) {
    String problem;
    try {
      Manifest manifest = ApiSource.manifest(object);
      problem =
          manifest instanceof Manifest.RawManifest raw
              ? check.apply(raw.resource())
              : "not a policy";
    } catch (IllegalArgumentException e) {
      problem = String.valueOf(e.getMessage());
    }
    return new Policy(problem, object.path("status").path("conditions"));
  }

  /** What the reflector of a kind tells. */
  private final class Follower implements Reflector.Target<Policy> {
    private final Resource resource;

    /** Policies whose condition could not be written, by key. */
    private final Map<String, Reflector.Item<Policy>> failed = new ConcurrentHashMap<>();

    private final AtomicBoolean retryIsSet = new AtomicBoolean();
    private volatile boolean isFailing;

    Follower(Resource resource) {
      this.resource = resource;
    }

    @Override
    public void replace(List<Reflector.Item<Policy>> items, long version) {
      items.forEach(this::put);
    }

    /** It keeps none. */
    @Override
    public boolean hasObjects() {
      return false;
    }

    @Override
    public void put(Reflector.Item<Policy> item) {
      failed.remove(item.key());
      tell(item);
    }

    private void tell(Reflector.Item<Policy> item) {
      if (closed || term.isOver() || item.value().isEmpty()) {
        return;
      }
      Policy policy = item.value().get();
      boolean isValid = policy.problem().isEmpty();
      String message = isValid ? SUCCESS : policy.problem();
      if (isSaid(policy.conditions(), isValid, message)) {
        return;
      }
      try {
        write(item, isValid, message);
        written.incrementAndGet();
        isFailing = false;
        if (!isValid) {
          LOG.info("policy wrong policy={} error=\"{}\"", item.key(), message);
        }
      } catch (ApiException e) {
        // One that was changed or deleted meanwhile comes again by itself.
        if (!e.isConflict() && !e.isNotFound()) {
          failed(item, e);
        }
      }
    }

    /** One line for all that fail, and not at each try. */
    private void failed(Reflector.Item<Policy> item, ApiException e) {
      if (!isFailing) {
        isFailing = true;
        LOG.warn("condition not written policy={} error=\"{}\"", item.key(), e.getMessage());
      }
      failed.put(item.key(), item);
      if (retryIsSet.compareAndSet(false, true)) {
        Thread.ofVirtual().name("policy-conditions").start(this::retry);
      }
    }

    /** What changed since is refused by the server, and comes again by itself. */
    private void retry() {
      LockSupport.parkNanos(RETRY.toNanos());
      retryIsSet.set(false);
      for (Reflector.Item<Policy> item : List.copyOf(failed.values())) {
        if (failed.remove(item.key(), item)) {
          tell(item);
        }
      }
    }

    private void write(Reflector.Item<Policy> item, boolean isValid, String message)
        throws ApiException {
      ObjectNode patch = Json.object();
      // Of this version, and of no other.
      patch.putObject("metadata").put("resourceVersion", Long.toString(item.version()));
      ArrayNode conditions = patch.putObject("status").putArray("conditions");
      for (JsonNode other : item.value().orElseThrow().conditions()) {
        if (!other.path("type").asString("").equals(VALID)) {
          conditions.add(other);
        }
      }
      conditions
          .addObject()
          .put("type", VALID)
          .put("status", isValid ? "True" : "False")
          .put("message", message)
          .put("lastTransitionTime", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
      int slash = item.key().indexOf('/');
      String namespace = slash < 0 ? "" : item.key().substring(0, slash);
      String path = resource.path(namespace, item.key().substring(slash + 1));
      var _ = client.mergePatch(path + "/status", Json.write(patch), term.deadline());
    }

    @Override
    public void remove(String key, long version) {
      failed.remove(key); // Its status went with it.
    }

    @Override
    public void problem(String what) {
      if (!what.isEmpty()) {
        LOG.warn("policies not followed error=\"{}\"", what);
      }
    }
  }

  private static boolean isSaid(JsonNode conditions, boolean isValid, String message) {
    for (JsonNode condition : conditions) {
      if (condition.path("type").asString("").equals(VALID)) {
        return condition.path("status").asString("").equals(isValid ? "True" : "False")
            && condition.path("message").asString("").equals(message);
      }
    }
    return false;
  }

  /** Ends soon. */
  @Override
  public void close() {
    closed = true;
    reflectors.forEach(Reflector::end);
  }
}
