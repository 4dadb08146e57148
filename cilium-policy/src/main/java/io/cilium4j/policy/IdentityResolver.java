// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.policy;

import java.net.InetAddress;

/**
 * Tells who calls from an address. Asked for every request, by any number of threads, so it must
 * not block; an address whose caller is not known is {@link Party.Addresses}.
 */
@FunctionalInterface
public interface IdentityResolver {
  /** The caller at an address. */
  Party resolve(InetAddress address);
}
