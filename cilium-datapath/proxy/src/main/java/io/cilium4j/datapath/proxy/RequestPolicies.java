// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.RequestMatcher;

/**
 * The compiled rules in force. Asked anew for every request, on an event loop: a change of rules
 * acts on the next request of an open connection. To answer is a look-up, without locks or
 * allocation.
 */
@FunctionalInterface
public interface RequestPolicies {
  /**
   * The rules of a check.
   *
   * @return {@link RequestMatcher#DENY_ALL} for an endpoint that is not known (any more)
   */
  RequestMatcher matcher(Check check);
}
