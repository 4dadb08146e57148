// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.identity;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpPrefix;
import java.util.Optional;

/** Keeps the ipcache told which identity has the addresses of this node's endpoints. */
public final class EndpointPrefixes {
  private final Ipcache ipcache;

  /** Tells nothing yet. */
  public EndpointPrefixes(Ipcache ipcache) {
    this.ipcache = ipcache;
  }

  /** An endpoint is there, or has another identity. */
  public void put(Endpoint endpoint) {
    ipcache.update(batch -> {
      for (IpAddress address : endpoint.addresses()) {
        batch.putIdentity(
            IpPrefix.host(address),
            input(endpoint),
            IpcacheSource.LOCAL,
            endpoint.identity(),
            Optional.empty());
      }
    });
  }

  /** An endpoint is gone. */
  public void remove(Endpoint endpoint) {
    ipcache.update(batch -> {
      for (IpAddress address : endpoint.addresses()) {
        batch.removeIdentity(IpPrefix.host(address), input(endpoint));
      }
    });
  }

  private static String input(Endpoint endpoint) {
    return "endpoint " + endpoint.id();
  }
}
