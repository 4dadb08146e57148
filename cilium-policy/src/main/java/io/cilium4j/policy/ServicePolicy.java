// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import io.cilium4j.core.RequestMatcher;
import java.net.InetAddress;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What one service lets its callers ask of it, enforced by the service itself: without a proxy, a
 * kernel or privileges. The rules are compiled once for each kind of caller; to ask again for a
 * caller that is known allocates nothing.
 *
 * <p>
 *
 * {@snippet :
 * var policy =
 *     new ServicePolicy(
 *         PolicySet.parse(yaml, "orders.yaml"),
 *         Party.pod("shop", "app=orders"),
 *         PortProtocol.tcp(8080),
 *         callers);
 * policy.matcher(address).decide(request).passes();
 * }
 *
 * <p>Safe for any number of threads.
 */
public final class ServicePolicy {
  /** Above this number of kinds of callers, those that are known are forgotten. */
  private static final int MAX_CALLERS = 10_000;

  private final Party service;
  private final PortProtocol port;
  private final IdentityResolver callers;
  private volatile State state;

  private record State(PolicySet policies, Map<Party, RequestMatcher> matchers) {}

  /**
   * A policy.
   *
   * @param policies the rules in force
   * @param service who is called
   * @param port at which port, as rules name it
   * @param callers who calls from an address
   */
  public ServicePolicy(
      PolicySet policies, Party service, PortProtocol port, IdentityResolver callers) {
    this.service = service;
    this.port = port;
    this.callers = callers;
    this.state = new State(policies, new ConcurrentHashMap<>());
  }

  /** Puts other rules in force, from the next request on. */
  public void replace(PolicySet policies) {
    state = new State(policies, new ConcurrentHashMap<>());
  }

  /** What a caller may ask. */
  public RequestMatcher matcher(InetAddress caller) {
    Party party = callers.resolve(caller);
    State now = state;
    RequestMatcher known = now.matchers.get(party);
    if (known != null) {
      return known;
    }
    if (now.matchers.size() >= MAX_CALLERS) {
      now.matchers.clear();
    }
    return now.matchers.computeIfAbsent(party, from -> now.policies.requests(from, service, port));
  }
}
