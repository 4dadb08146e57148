// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import com.sun.net.httpserver.Filter;
import com.sun.net.httpserver.HttpExchange;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RequestMatcher.Decision;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;

/**
 * Enforces policies inside a server of {@code com.sun.net.httpserver}: passes on what they allow;
 * what they deny is answered with 403. That server shows a request's headers as they are; rules
 * that would change headers change nothing there but let the request through.
 *
 * <p>Safe for any number of threads.
 */
public final class PolicyFilter extends Filter {
  private static final byte[] BODY = "Access denied\r\n".getBytes(StandardCharsets.US_ASCII);

  private final CallerPolicies policies;
  private final Consumer<Denial> denials;

  /**
   * A filter.
   *
   * @param policies what callers may ask
   * @param denials told of each request that is refused, on the request's thread
   */
  public PolicyFilter(CallerPolicies policies, Consumer<Denial> denials) {
    this.policies = policies;
    this.denials = denials;
  }

  /** A request as rules see it. */
  private record Asked(HttpExchange exchange) implements RequestMatcher.Request {
    @Override
    public String method() {
      return exchange.getRequestMethod();
    }

    @Override
    public String path() {
      // As the server reads it, which takes what follows two slashes for an authority.
      URI target = exchange.getRequestURI();
      String path = target.getRawPath() == null ? "" : target.getRawPath();
      return target.getRawQuery() == null ? path : path + "?" + target.getRawQuery();
    }

    @Override
    public String host() {
      List<String> hosts = exchange.getRequestHeaders().getOrDefault("Host", List.of());
      return Targets.host(exchange.getRequestURI().toString(), hosts.iterator());
    }

    @Override
    public boolean hasHeader(String name) {
      return exchange.getRequestHeaders().containsKey(name);
    }

    @Override
    public boolean hasHeader(String name, String value) {
      List<String> values = exchange.getRequestHeaders().get(name);
      return values != null && Http1Request.isJoined(values.iterator(), value);
    }
  }

  @Override
  public void doFilter(HttpExchange exchange, Chain chain) throws IOException {
    InetAddress caller = exchange.getRemoteAddress().getAddress();
    Asked asked = new Asked(exchange);
    Decision decision = policies.matcher(caller).decide(asked);
    if (decision.passes()) {
      chain.doFilter(exchange);
      return;
    }
    denials.accept(new Denial(caller, asked.method(), asked.path(), asked.host(), decision.rule()));
    try (exchange) {
      exchange.getResponseHeaders().set("Content-Type", "text/plain");
      boolean head = asked.method().equals("HEAD");
      exchange.sendResponseHeaders(403, head ? -1 : BODY.length);
      if (!head) {
        exchange.getResponseBody().write(BODY);
      }
    }
  }

  @Override
  public String description() {
    return "lets through what network policies allow";
  }
}
