// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.core;

import java.util.Optional;

/**
 * The pools that somebody wants addresses of, a family each.
 *
 * @param ipv4 the pool's name; empty for none in particular
 * @param ipv6 the pool's name; empty for none in particular
 */
public record PoolNames(String ipv4, String ipv6) {

  /** None in particular. */
  public static final PoolNames NONE = new PoolNames("", "");

  /** The pool of a family; absent for none in particular. */
  public Optional<String> of(IpFamily family) {
    String name =
        switch (family) {
          case IPV4 -> ipv4;
          case IPV6 -> ipv6;
        };
    return name.isEmpty() ? Optional.empty() : Optional.of(name);
  }
}
