// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.k8s.api;

import io.cilium4j.core.state.Deadline;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Requests to an API server, over one HTTP/2 connection.
 *
 * <p>A connection that does not answer in time is given up and the next request makes another, to
 * the next server if there are several: TCP alone would wait for a quarter of an hour. With it goes
 * what was read of certificates and tokens, so that those which were replaced are read anew.
 *
 * <p>Requests are limited in rate; reading streams is not. Safe for use by several threads, which
 * wait.
 */
public final class ApiClient implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(ApiClient.class);

  /** Largest answer to what is not read as a stream, in bytes; objects have 1.5 MiB at most. */
  private static final int MAX_BYTES = 4 << 20;

  private static final Duration CONNECT_TIME = Duration.ofSeconds(5);

  /** How often the server is asked over a connection on which nothing comes. */
  private static final Duration PROBE_PAUSE = Duration.ofSeconds(30);

  private static final Duration PROBE_TIME = Duration.ofSeconds(10);

  /** What the client waits longer than the server works: the way there and back. */
  private static final Duration WAY = Duration.ofMillis(500);

  /** What a merge of fields into an object is, RFC 7386. */
  private static final String MERGE_PATCH = "application/merge-patch+json";

  private static final String STRATEGIC_PATCH = "application/strategic-merge-patch+json";

  private static final String JSON = "application/json";

  /** A connection to one of the servers; no two are equal. */
  private static final class Connection {
    private final HttpClient http;
    private final int server;

    /** When something came last. */
    private volatile long heardNanos = System.nanoTime();

    Connection(HttpClient http, int server) {
      this.http = http;
      this.server = server;
    }
  }

  private final ApiOptions options;
  private final RateLimit limit;
  private final Object lock = new Object();
  private @Nullable Connection connection;
  private int nextServer;
  private volatile boolean closed;

  /** Who finds out whether a server is back that does not answer; nobody while it does. */
  private final AtomicReference<@Nullable Object> scout = new AtomicReference<>();

  /** When it answered last, whatever it answered. */
  private volatile long answeredNanos = System.nanoTime();

  ApiClient(ApiOptions options) {
    this.options = options;
    this.limit = new RateLimit(options.qps(), options.burst(), System::nanoTime);
  }

  /** Where the first server is, for people. */
  public String server() {
    return options.access().servers().getFirst().toString();
  }

  /** The namespace of leases and the like. */
  public String namespace() {
    return options.ownNamespace();
  }

  /**
   * Reads an object.
   *
   * @return its JSON; absent if there is no such object
   * @throws ApiException if it was refused or not answered
   */
  public Optional<byte[]> get(String path, Deadline deadline) throws ApiException {
    try {
      return Optional.of(call("GET", path, Map.of(), null, deadline));
    } catch (ApiException e) {
      if (e.isNotFound()) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /**
   * Creates an object in the collection of this path.
   *
   * @return what is stored
   * @throws ApiException if it was refused or not answered
   */
  public byte[] post(String path, byte[] object, Deadline deadline) throws ApiException {
    return call("POST", path, Map.of(), Body.of(JSON, object), deadline);
  }

  /**
   * Puts an object in place of that of this path.
   *
   * @return what is stored
   * @throws ApiException if it was refused or not answered
   */
  public byte[] put(String path, byte[] object, Deadline deadline) throws ApiException {
    return call("PUT", path, Map.of(), Body.of(JSON, object), deadline);
  }

  /**
   * Merges fields into the object of this path.
   *
   * @return what is stored
   * @throws ApiException if it was refused or not answered
   */
  public byte[] mergePatch(String path, byte[] fields, Deadline deadline) throws ApiException {
    return call("PATCH", path, Map.of(), Body.of(MERGE_PATCH, fields), deadline);
  }

  /**
   * Merges fields into an object of Kubernetes' own, whose lists are merged by the keys of their
   * items.
   *
   * @return what is stored
   * @throws ApiException if it was refused or not answered
   */
  public byte[] strategicPatch(String path, byte[] fields, Deadline deadline) throws ApiException {
    return call("PATCH", path, Map.of(), Body.of(STRATEGIC_PATCH, fields), deadline);
  }

  /**
   * Deletes the object of this path.
   *
   * @param conditions a {@code DeleteOptions}
   * @throws ApiException if it was refused or not answered
   */
  public void delete(String path, byte[] conditions, Deadline deadline) throws ApiException {
    var _ = call("DELETE", path, Map.of(), Body.of(JSON, conditions), deadline);
  }

  /** What a request carries. */
  private record Body(String type, HttpRequest.BodyPublisher content) {
    static Body of(String type, byte[] content) {
      return new Body(type, BodyPublishers.ofByteArray(content));
    }
  }

  /**
   * One request, and its answer as a whole. The server gives up by the deadline as well.
   *
   * @throws ApiException if it was refused or not answered
   */
  private byte[] call(
      String method, String path, Map<String, String> query, @Nullable Body body, Deadline deadline)
      throws ApiException {
    awaitTurn(deadline);
    Duration left = deadline.left();
    if (left.toMillis() < 1) {
      throw new ApiException(ApiException.NO_ANSWER, "its time was over before it was sent");
    }
    var all = new TreeMap<>(query);
    all.put("timeout", left.toMillis() + "ms");
    Connection used = connection();
    CompletableFuture<HttpResponse<byte[]>> sent =
        used.http.sendAsync(
            request(method, used, path, all, body).build(),
            BodyHandlers.limiting(BodyHandlers.ofByteArray(), MAX_BYTES));
    try {
      HttpResponse<byte[]> answer = sent.get(left.plus(WAY).toMillis(), TimeUnit.MILLISECONDS);
      heard(used);
      return checked(used, answer.statusCode(), answer.body());
    } catch (TimeoutException e) {
      giveUp(used);
      throw new ApiException(server(used) + ": no answer within " + left.toMillis() + " ms", e);
    } catch (ExecutionException e) {
      throw failed(used, e.getCause() == null ? e : e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ApiException("interrupted", e);
    } finally {
      sent.cancel(true);
    }
  }

  /**
   * One request whose answer is read as it comes. It is the caller's to close; read from another
   * thread than that which closes it, the reader is told.
   *
   * @param patience how long to wait for the answer to begin
   * @throws ApiException if it was refused or not answered
   */
  Streamed stream(String path, Map<String, String> query, Duration patience) throws ApiException {
    awaitTurn(Deadline.in(patience));
    Connection used = connection();
    try {
      HttpResponse<InputStream> answer =
          used.http.send(
              request("GET", used, path, query, null).timeout(patience).build(),
              BodyHandlers.ofInputStream());
      heard(used);
      if (answer.statusCode() == HTTP_OK) {
        return new Streamed(answer.body(), () -> isAlive(used), () -> giveUp(used));
      }
      try (InputStream in = answer.body()) {
        var _ = checked(used, answer.statusCode(), in.readNBytes(MAX_BYTES));
        throw new ApiException(answer.statusCode(), server(used) + ": " + answer.statusCode());
      }
    } catch (ApiException e) {
      throw e;
    } catch (IOException e) {
      throw failed(used, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ApiException("interrupted", e);
    }
  }

  private static final int HTTP_OK = 200;

  private void heard(Connection used) {
    used.heardNanos = System.nanoTime();
    answeredNanos = used.heardNanos;
    scout.set(null);
  }

  /** Whether this one is to find out when the server answers again: the first who asks. */
  boolean isScout(Object candidate) {
    return scout.compareAndSet(null, candidate) || candidate.equals(scout.get());
  }

  /** Whether the server answered anybody after this moment. */
  boolean hasAnsweredSince(long nanos) {
    return answeredNanos - nanos > 0;
  }

  /** Whether the server answers on a connection, whatever it answers; waits for that. */
  private boolean isAlive(Connection used) {
    if (System.nanoTime() - used.heardNanos < PROBE_PAUSE.toNanos()) {
      return true;
    }
    try {
      HttpResponse<Void> answer =
          used.http.send(
              request("GET", used, "/livez", Map.of(), null).timeout(PROBE_TIME).build(),
              BodyHandlers.discarding());
      heard(used);
      LOG.trace("connection is alive server={} status={}", server(used), answer.statusCode());
      return true;
    } catch (IOException e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /**
   * A stream.
   *
   * @param in its bytes
   * @param isAlive asks the server over the same connection, for one on which nothing comes
   * @param giveUp gives up the connection, for one on which nothing comes any more
   */
  record Streamed(InputStream in, BooleanSupplier isAlive, Runnable giveUp)
      implements AutoCloseable {
    @Override
    public void close() {
      try {
        in.close();
      } catch (IOException e) {
        // Whoever reads is told.
      }
    }
  }

  private void awaitTurn(Deadline deadline) throws ApiException {
    try {
      if (!limit.await(deadline)) {
        throw new ApiException(
            ApiException.NO_ANSWER, "too many requests of our own (qps, burst) by the deadline");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ApiException("interrupted", e);
    }
  }

  private HttpRequest.Builder request(
      String method, Connection to, String path, Map<String, String> query, @Nullable Body body)
      throws ApiException {
    var text = new StringBuilder(server(to)).append(path);
    String separator = "?";
    for (Map.Entry<String, String> each : query.entrySet()) {
      text.append(separator)
          .append(each.getKey())
          .append('=')
          .append(URLEncoder.encode(each.getValue(), StandardCharsets.UTF_8));
      separator = "&";
    }
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(text.toString()))
            .header("Accept", JSON)
            .header("User-Agent", "cilium4j")
            .method(method, body == null ? BodyPublishers.noBody() : body.content());
    if (body != null) {
      request.header("Content-Type", body.type());
    }
    try {
      options.access().authorization().ifPresent(value -> request.header("Authorization", value));
    } catch (IOException e) {
      throw new ApiException(String.valueOf(e.getMessage()), e);
    }
    return request;
  }

  // ---- connections ----

  private Connection connection() throws ApiException {
    synchronized (lock) {
      Connection now = connection;
      if (closed) {
        throw new ApiException(ApiException.NO_ANSWER, "the client is closed");
      }
      if (now == null) {
        try {
          HttpClient http =
              HttpClient.newBuilder()
                  .version(HttpClient.Version.HTTP_2)
                  .proxy(HttpClient.Builder.NO_PROXY)
                  .followRedirects(HttpClient.Redirect.NEVER)
                  .connectTimeout(CONNECT_TIME)
                  .sslContext(options.access().tls())
                  .build();
          now = new Connection(http, nextServer % options.access().servers().size());
          connection = now;
        } catch (IOException e) {
          throw new ApiException(String.valueOf(e.getMessage()), e);
        }
      }
      return now;
    }
  }

  /** The next request makes a connection anew; what goes on on this one may. */
  private void giveUp(Connection failed) {
    synchronized (lock) {
      if (connection == failed) {
        connection = null;
        nextServer = failed.server + 1;
      }
    }
    failed.http.shutdown();
  }

  private String server(Connection used) {
    List<URI> servers = options.access().servers();
    return servers.get(used.server).toString();
  }

  // ---- answers ----

  private byte[] checked(Connection used, int status, byte[] body) throws ApiException {
    if (status >= HTTP_OK && status < 300) {
      return body;
    }
    if (status == ApiException.UNAUTHORIZED) {
      options.access().rejected();
      giveUp(used);
    }
    throw refusal(server(used), status, body);
  }

  /** The server's own words, where it has some. */
  static ApiException refusal(String server, int status, byte[] body) {
    String message = "";
    try {
      message = Answers.message(body);
    } catch (IllegalArgumentException e) {
      // Something between us and the server answered.
    }
    return new ApiException(
        status, server + ": " + status + (message.isEmpty() ? "" : ": " + message));
  }

  private ApiException failed(Connection used, Throwable cause) {
    if (cause instanceof ApiException e) {
      return e;
    }
    if (cause instanceof HttpTimeoutException || cause instanceof SSLException) {
      giveUp(used);
    } else if (cause instanceof ConnectException && options.access().servers().size() > 1) {
      giveUp(used);
    }
    return new ApiException(server(used) + ": " + reason(cause), cause);
  }

  /** What went wrong, in words; some exceptions of the JDK's have none. */
  static String reason(Throwable cause) {
    for (Throwable each = cause; each != null; each = each.getCause()) {
      String text = String.valueOf(each.getMessage());
      if (text.contains("unable to find valid certification path")) {
        return "its certificate is signed by nobody that is trusted here";
      }
      if (each instanceof java.nio.channels.UnresolvedAddressException
          || each instanceof java.net.UnknownHostException) {
        return "no such host";
      }
    }
    String message = cause.getMessage();
    if (message != null && !message.isBlank()) {
      return message.lines().findFirst().orElse("");
    }
    return cause instanceof ConnectException ? "connection refused" : cause.toString();
  }

  /** Ends all requests. */
  @Override
  public void close() {
    synchronized (lock) {
      closed = true;
      Connection last = connection;
      connection = null;
      if (last != null) {
        last.http.shutdownNow();
      }
    }
  }
}
