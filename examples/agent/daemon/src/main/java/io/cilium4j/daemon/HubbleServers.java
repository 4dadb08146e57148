// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.rest.SocketFile;
import io.cilium4j.datapath.observer.ObserverConfig;
import io.cilium4j.datapath.observer.ObserverServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/** What serves flows to Hubble's clients: a UNIX socket and, if asked for, a TCP port. */
final class HubbleServers implements AutoCloseable {

  /** What was opened, the last first. */
  private final Deque<AutoCloseable> parts = new ArrayDeque<>();

  private HubbleServers() {}

  /**
   * Starts what the options name.
   *
   * @throws IOException if a socket cannot be made
   */
  static HubbleServers start(DaemonSettings settings, Agent agent) throws IOException {
    Optional<InetSocketAddress> address = address(settings);
    var servers = new HubbleServers();
    try {
      var config =
          new ObserverConfig(
              agent.flowLog(),
              () -> agent.nodes().all(),
              agent.facts().nodeName(),
              agent.facts().clusterName(),
              "cilium4j " + Agent.version().orElse("dev"),
              agent.facts().startedAt());
      servers.parts.addFirst(() -> agent.flowLog().setServed(false));
      servers.listen(settings.path("hubble-socket-path"), config);
      if (address.isPresent()) {
        servers.parts.addFirst(open("hubble-listen-address", address.get(), config));
      }
      agent.flowLog().setServed(true);
      return servers;
    } catch (IOException | RuntimeException e) {
      servers.close();
      throw e;
    }
  }

  private void listen(Path path, ObserverConfig config) throws IOException {
    var file = new SocketFile(path);
    file.prepare();
    parts.addFirst(file::remove);
    parts.addFirst(open("hubble-socket-path", UnixDomainSocketAddress.of(file.path()), config));
    file.open();
  }

  private static ObserverServer open(String option, SocketAddress address, ObserverConfig config)
      throws IOException {
    try {
      return ObserverServer.start(address, config);
    } catch (IOException e) {
      throw new IOException(option + ": " + address + ": " + cause(e), e);
    }
  }

  /** The kernel's own words, which gRPC wraps. */
  private static String cause(IOException e) {
    Throwable innermost = e;
    for (Throwable next = e; next != null; next = next.getCause()) {
      innermost = next;
    }
    return String.valueOf(innermost.getMessage());
  }

  /** Where to listen besides, which is not encrypted yet and so must be asked for by name. */
  private static Optional<InetSocketAddress> address(DaemonSettings settings) {
    String text = settings.text("hubble-listen-address");
    if (text.isEmpty()) {
      return Optional.empty();
    }
    if (!settings.isOn("hubble-disable-tls")) {
      throw new OptionException(
          "hubble-listen-address: " + text + ": wants hubble-disable-tls, as TLS is not built yet");
    }
    return Optional.of(settings.address("hubble-listen-address"));
  }

  @Override
  public void close() {
    for (AutoCloseable part = parts.pollFirst(); part != null; part = parts.pollFirst()) {
      try {
        part.close();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
