// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import io.cilium4j.core.IpPrefix;

/** Which thing a row of the desired state is about: endpoints by id come first, then prefixes. */
sealed interface DesiredKey extends Comparable<DesiredKey> {
  @Override
  default int compareTo(DesiredKey other) {
    return switch (this) {
      case EndpointKey a ->
          other instanceof EndpointKey b ? Integer.compare(a.endpointId(), b.endpointId()) : -1;
      case PrefixKey a -> other instanceof PrefixKey b ? a.prefix().compareTo(b.prefix()) : 1;
    };
  }

  /** An endpoint's key. */
  record EndpointKey(int endpointId) implements DesiredKey {
    @Override
    public String toString() {
      return "endpoint " + endpointId;
    }
  }

  /** A prefix's key. */
  record PrefixKey(IpPrefix prefix) implements DesiredKey {
    @Override
    public String toString() {
      return "prefix " + prefix;
    }
  }
}
