// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;
import java.net.InetAddress;

/**
 * What the callers of a service may ask of it, for the filters that enforce it inside the service.
 * Asked for every request, by any number of threads, so it must not block. {@code
 * io.cilium4j.policy.ServicePolicy::matcher} is one.
 */
@FunctionalInterface
public interface CallerPolicies {
  /** What the caller at an address may ask; {@link RequestMatcher#DENY_ALL} for nothing. */
  RequestMatcher matcher(InetAddress caller);
}
