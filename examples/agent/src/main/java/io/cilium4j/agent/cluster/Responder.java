// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent.cluster;

import io.cilium4j.core.IpAddress;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Answers the probes of other nodes: a {@link ProbeServer} on each address of our own node, and on
 * no other, so that another instance or another network of the machine has the port to itself.
 */
final class Responder implements AutoCloseable {
  private final int port;
  private final Map<IpAddress, ProbeServer> servers = new HashMap<>();
  private boolean closed;

  Responder(int port) {
    this.port = port;
  }

  /** What a node that is asked says. */
  static ProbeServer.Answer hello(String path) {
    return ProbeServer.Answer.of(path.equals("/hello") ? "200 OK" : "404 Not Found");
  }

  /**
   * Listens on these addresses, and no longer on others. What listens already is left alone.
   *
   * @throws IOException if one of them cannot be listened on; the others are all the same
   */
  synchronized void listenOn(Set<IpAddress> addresses) throws IOException {
    servers
        .entrySet()
        .removeIf(each -> {
          boolean isOld = !addresses.contains(each.getKey());
          if (isOld) {
            each.getValue().close();
          }
          return isOld;
        });
    @Nullable IOException failure = null;
    for (IpAddress address : addresses) {
      if (!closed && !servers.containsKey(address)) {
        try {
          servers.put(
              address,
              ProbeServer.start(
                  new InetSocketAddress(address.toInetAddress(), port), Responder::hello));
        } catch (IOException e) {
          failure = e;
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }

  /** Ends; nothing is listened on any more. */
  @Override
  public synchronized void close() {
    closed = true;
    servers.values().forEach(ProbeServer::close);
    servers.clear();
  }
}
