// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.proxy;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.state.Table;
import io.cilium4j.datapath.proxy.Check;
import io.cilium4j.datapath.proxy.RequestPolicies;
import io.cilium4j.policy.controller.PolicyController;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the rules of this node's endpoints say of requests. A matcher is compiled for the first
 * request that needs it, and kept until a policy becomes another.
 *
 * <p>Safe for use by several threads.
 */
public final class EndpointRequests implements RequestPolicies {

  /** Matchers that are kept at most: of as many peers and ports. */
  private static final int MAX_KNOWN = 16_384;

  private final Table<Integer, Endpoint> endpoints;
  private final PolicyController policies;
  private volatile Known known = new Known(-1, Map.of());

  /** The matchers as of a moment. */
  private record Known(long changes, Map<Check, RequestMatcher> matchers) {}

  /** Compiles by the policies of these endpoints. */
  public EndpointRequests(Table<Integer, Endpoint> endpoints, PolicyController policies) {
    this.endpoints = endpoints;
    this.policies = policies;
  }

  @Override
  public RequestMatcher matcher(Check check) {
    // Before any policy is looked at: one that becomes another meanwhile moves it.
    long changes = policies.policyChanges();
    Known current = known;
    if (current.changes != changes || current.matchers.size() > MAX_KNOWN) {
      current = new Known(changes, new ConcurrentHashMap<>());
      known = current;
    }
    RequestMatcher matcher = current.matchers.get(check);
    if (matcher == null) {
      matcher = compile(check);
      current.matchers.put(check, matcher);
    }
    return matcher;
  }

  private RequestMatcher compile(Check check) {
    return endpoints
        .snapshot()
        .get(check.endpointId())
        .flatMap(policies::policyOf)
        .map(policy ->
            policy
                .requests(check.direction())
                .matcher(check.peerIdentity(), check.protocol(), check.port()))
        .orElse(RequestMatcher.DENY_ALL);
  }
}
