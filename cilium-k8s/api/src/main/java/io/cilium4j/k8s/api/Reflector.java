// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.k8s.api.ApiClient.Streamed;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Follows the objects of a kind: lists them, then watches what becomes of them.
 *
 * <p>An object is read as a tree, made a slim value of, and its tree dropped before the next one is
 * read; so a list takes the memory of its values and of one tree.
 *
 * <pre>
 *   list (from the server's cache, never older than what was seen)
 *     |                                        ^
 *     v                                        | 410: the version is too old to go on from
 *   watch -- the server ends it, it breaks --> watch again from the last version seen
 *            the connection is dead
 * </pre>
 *
 * <p>What fails is tried again after a pause that grows from 1 s to 30 s, each time a little other
 * so that the agents of a cluster do not come all at once. Of a server that does not answer at all,
 * one reflector of the client finds out every few seconds whether it is back; once anybody was
 * answered, the others go on as well.
 *
 * <p>A kind that the server does not know has no objects. But where some are known that is not
 * believed: a server that starts, or what stands before it, says so of kinds that there are, and
 * whose definition is deleted tells of each object first.
 *
 * @param <T> what an object is made of
 */
final class Reflector<T> implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Reflector.class);

  /** How long a watch goes on before the server ends it, at least; at most twice that. */
  private static final Duration WATCH_TIME = Duration.ofMinutes(5);

  /** How long nothing may come before the server is asked whether it is there. */
  private static final Duration SILENCE = Duration.ofSeconds(60);

  private static final Duration MIN_PAUSE = Duration.ofSeconds(1);
  private static final Duration MAX_PAUSE = Duration.ofSeconds(30);

  /** How often somebody sees whether a server is back that did not answer. */
  private static final Duration SCOUT_PAUSE = Duration.ofSeconds(2);

  /** How soon it is noticed that somebody else was answered. */
  private static final Duration NOTICE = Duration.ofMillis(200);

  /** How soon what the server does not serve (yet) is asked for again. */
  private static final Duration ABSENT_PAUSE = Duration.ofSeconds(5);

  /** Most failures before versions are given up, as after a restore of an old backup. */
  private static final int MAX_VERSION_FAILURES = 3;

  /**
   * An object.
   *
   * @param key {@code namespace/name}, or the name where there is no namespace
   * @param version the server's; a later one is larger
   * @param value absent if it could not be read
   * @param problem why it could not; empty if it could
   */
  record Item<T>(String key, long version, Optional<T> value, String problem) {}

  /** Who is told, on the reflector's thread. */
  interface Target<T> {
    /**
     * This is all there is; nothing that is not among it exists, as of this version.
     *
     * @param version {@link Long#MAX_VALUE} where the server does not know the kind
     */
    void replace(List<Item<T>> items, long version);

    /** An object is new, or another than before. */
    void put(Item<T> item);

    /** An object is gone, by this version. */
    void remove(String key, long version);

    /** Whether it knows of objects of the kind. */
    boolean hasObjects();

    /** Why the objects are not followed; empty once they are. */
    void problem(String what);
  }

  /** The version that the server no longer has. */
  private static final class GoneException extends IOException {
    private static final long serialVersionUID = 1L;
  }

  private final ApiClient client;
  private final Resource resource;
  private final String path;
  private final Map<String, String> selector;
  private final Function<ObjectNode, T> reader;
  private final Target<T> target;
  private final Thread thread;
  private volatile boolean closed;
  private volatile @Nullable Streamed open;

  /** Absent before the first list, and when it is of no use any more. */
  private Optional<String> version = Optional.empty();

  /** The last version that was seen: the next list must not be older. */
  private Optional<String> seen = Optional.empty();

  private int failures;

  /** Whether the last failure was that nobody answered. */
  private boolean wasAway;

  /** Failures that had to do with versions, in a row. */
  private int versionFailures;

  /**
   * Begins to follow.
   *
   * @param path where they are listed: of all namespaces, or of one
   * @param selector more of the query, such as {@code fieldSelector}
   * @param reader makes the value of an object's tree; throws IllegalArgumentException with one
   *     line if it cannot be read
   */
  Reflector(
      ApiClient client,
      Resource resource,
      String path,
      Map<String, String> selector,
      Function<ObjectNode, T> reader,
      Target<T> target) {
    this.client = client;
    this.resource = resource;
    this.path = path;
    this.selector = Map.copyOf(selector);
    this.reader = reader;
    this.target = target;
    this.thread = Thread.ofVirtual().name("reflect-" + resource.plural()).unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  private void run() {
    while (!closed) {
      try {
        if (version.isEmpty()) {
          list();
        }
        long begunNanos = System.nanoTime();
        watch(version.orElseThrow());
        if (System.nanoTime() - begunNanos < MIN_PAUSE.toNanos()) {
          pause(MIN_PAUSE); // Whoever ends each watch at once is not asked all the time.
        }
      } catch (GoneException e) {
        LOG.debug("watch begins anew resource={}", resource.plural());
        version = Optional.empty();
      } catch (ApiException e) {
        if (!closed) {
          refused(e);
        }
      } catch (IOException | JacksonException | IllegalArgumentException e) {
        if (!closed) {
          failed(ApiClient.reason(e), true);
        }
      } catch (RuntimeException e) {
        LOG.error("objects not followed resource={}", resource.plural(), e);
        version = Optional.empty();
        failed(e.toString(), false);
      }
    }
  }

  private void refused(ApiException e) {
    switch (e.status()) {
      case ApiException.GONE -> version = Optional.empty();
      case ApiException.FORBIDDEN, ApiException.UNAUTHORIZED -> failures = Math.max(failures, 1);
      case ApiException.NOT_FOUND -> {
        if (!target.hasObjects()) {
          // The server does not know the kind, so there are none; its definition may come.
          version = Optional.empty();
          seen = Optional.empty();
          target.replace(List.of(), Long.MAX_VALUE);
          target.problem("");
          failures = 0;
          pause(ABSENT_PAUSE);
          return;
        }
        failures = Math.max(failures, 1);
      }
      case ApiException.TIMEOUT -> {
        // A version that the server has not reached, as after an old backup was restored.
        if (version.isEmpty() && ++versionFailures >= MAX_VERSION_FAILURES) {
          seen = Optional.empty();
        }
      }
      default -> {}
    }
    failed(e.getMessage(), e.status() == ApiException.NO_ANSWER);
  }

  /** The first failure is not told: what ends at once, as while a server starts, is nothing. */
  private void failed(@Nullable String what, boolean isAway) {
    if (failures > 0) {
      target.problem(resource.plural() + ": " + what);
    }
    if (wasAway && !isAway) {
      failures = Math.min(failures, 1); // What the server says now was not asked for so long.
    }
    wasAway = isAway;
    long nanos = Math.min(MAX_PAUSE.toNanos(), MIN_PAUSE.toNanos() << Math.min(failures++, 10));
    if (isAway && client.isScout(this)) {
      nanos = Math.min(nanos, SCOUT_PAUSE.toNanos());
    }
    Duration pause = Duration.ofNanos(nanos + ThreadLocalRandom.current().nextLong(nanos / 2));
    if (isAway) {
      awaitAnswer(pause);
    } else {
      pause(pause);
    }
  }

  /** Waits until anybody was answered, or the time is over. */
  private void awaitAnswer(Duration atMost) {
    long begin = System.nanoTime();
    long left = atMost.toNanos();
    while (!closed && left > 0 && !client.hasAnsweredSince(begin)) {
      LockSupport.parkNanos(Math.min(left, NOTICE.toNanos()));
      left = atMost.toNanos() - (System.nanoTime() - begin);
    }
  }

  private void pause(Duration time) {
    long end = System.nanoTime() + time.toNanos();
    while (!closed && end - System.nanoTime() > 0) {
      LockSupport.parkNanos(end - System.nanoTime());
    }
  }

  // ---- list ----

  private void list() throws IOException {
    var query = new TreeMap<>(selector);
    // From the server's cache: the first time whatever it has, later nothing older than we saw.
    if (versionFailures < MAX_VERSION_FAILURES) {
      query.put("resourceVersion", seen.orElse("0"));
      if (seen.isPresent()) {
        query.put("resourceVersionMatch", "NotOlderThan");
      }
    }
    var items = new ArrayList<Item<T>>();
    String listed;
    try (Streamed stream = opened(client.stream(path, query, Listing.TIME))) {
      listed = Listing.read(stream, object -> items.add(item(object))).version();
    }
    version = Optional.of(listed);
    seen = version;
    versionFailures = 0;
    target.replace(items, version(listed));
    target.problem("");
  }

  private Item<T> item(ObjectNode object) {
    JsonNode metadata = object.path("metadata");
    String namespace = metadata.path("namespace").asString("");
    String name = metadata.path("name").asString("");
    String key = namespace.isEmpty() ? name : namespace + "/" + name;
    long at = version(metadata.path("resourceVersion").asString(""));
    // The items of a list do not say what they are.
    object.put("apiVersion", resource.apiVersion());
    object.put("kind", resource.kind());
    try {
      return new Item<>(key, at, Optional.of(reader.apply(object)), "");
    } catch (IllegalArgumentException e) {
      return new Item<>(key, at, Optional.empty(), String.valueOf(e.getMessage()));
    }
  }

  static long version(String text) {
    try {
      return Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException("resourceVersion \"" + text + "\": not a number", e);
    }
  }

  // ---- watch ----

  private void watch(String from) throws IOException {
    var query = new TreeMap<>(selector);
    query.put("watch", "1");
    query.put("allowWatchBookmarks", "true");
    query.put("resourceVersion", from);
    long seconds = WATCH_TIME.toSeconds();
    query.put(
        "timeoutSeconds", Long.toString(seconds + ThreadLocalRandom.current().nextLong(seconds)));
    try (Streamed stream = opened(client.stream(path, query, Listing.TIME))) {
      target.problem("");
      events(stream);
    }
  }

  /** Waits for the first event before it does anything: the parser looks at the first bytes. */
  private void events(Streamed stream) throws IOException {
    try (BoundedInput in = new BoundedInput(stream, SILENCE);
        JsonParser parser = ObjectTrees.parser(in)) {
      while (parser.nextToken() != null) {
        event(ObjectTrees.object(parser));
        failures = 0;
        in.mark();
      }
    }
  }

  private void event(ObjectNode event) throws IOException {
    if (!(event.get("object") instanceof ObjectNode object)) {
      throw new IOException("an event without an object");
    }
    String type = event.path("type").asString("");
    if (type.equals("ERROR")) {
      if (Answers.code(object) == ApiException.GONE) {
        throw new GoneException();
      }
      throw new ApiException(Answers.code(object), "watch: " + Answers.message(object));
    }
    String at = object.path("metadata").path("resourceVersion").asString("");
    switch (type) {
      case "ADDED", "MODIFIED" -> target.put(item(object));
      case "DELETED" -> {
        Item<T> last = item(object);
        target.remove(last.key(), last.version());
      }
      case "BOOKMARK" -> {} // No more than the version.
      default -> throw new IOException("an event of type \"" + type + "\"");
    }
    version = Optional.of(at);
    seen = version;
  }

  private Streamed opened(Streamed stream) throws IOException {
    open = stream;
    if (closed) {
      stream.close();
      throw new IOException("closed");
    }
    return stream;
  }

  /** Ends soon; who is told may be told once more. */
  void end() {
    closed = true;
    Streamed stream = open;
    if (stream != null) {
      stream.close();
    }
    LockSupport.unpark(thread);
  }

  /** Ends; who is told is told no more when it returns. */
  @Override
  public void close() {
    end();
    try {
      if (Thread.currentThread() != thread && thread.getState() != Thread.State.NEW) {
        thread.join(Duration.ofSeconds(10));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
