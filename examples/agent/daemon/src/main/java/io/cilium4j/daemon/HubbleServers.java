// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.Metrics;
import io.cilium4j.agent.rest.SocketFile;
import io.cilium4j.daemon.ui.UiAccess;
import io.cilium4j.daemon.ui.UiServer;
import io.cilium4j.datapath.observer.AgentNote;
import io.cilium4j.datapath.observer.AgentNotes;
import io.cilium4j.datapath.observer.ExportConfig;
import io.cilium4j.datapath.observer.FlowExporter;
import io.cilium4j.datapath.observer.FlowMetrics;
import io.cilium4j.datapath.observer.ObserverConfig;
import io.cilium4j.datapath.observer.ObserverServer;
import io.cilium4j.datapath.observer.TlsFiles;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * What serves flows to Hubble's clients: a UNIX socket and, if asked for, a TCP port and a file.
 */
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
    Optional<TlsFiles> tls = address.isPresent() ? tls(settings) : Optional.empty();
    var servers = new HubbleServers();
    try {
      var events = new AgentNotes();
      servers.parts.addFirst(
          agent.onEvent(event -> HubbleEvents.note(event).ifPresent(events::add)));
      events.add(new AgentNote.Started(agent.facts().startedAt()));
      var config =
          new ObserverConfig(
              agent.flowLog(),
              events,
              () -> agent.nodes().all(),
              agent.facts().nodeName(),
              agent.facts().clusterName(),
              "cilium4j " + Agent.version().orElse("dev"),
              agent.facts().startedAt(),
              address.map(InetSocketAddress::getPort).orElse(ObserverServer.DEFAULT_PORT),
              tls.isPresent(),
              // All listeners have the same.
              agent.listeners().ports().values().stream().findFirst().orElse(0));
      servers.parts.addFirst(() -> agent.flowLog().setServed(false));
      servers.listen(settings.path("hubble-socket-path"), config);
      if (address.isPresent()) {
        servers.parts.addFirst(open(address.get(), config, tls));
      }
      servers.count(settings, agent);
      if (!settings.text("hubble-export-file-path").isEmpty()) {
        servers.parts.addFirst(exporter(settings, config));
      }
      if (!settings.text("ui-address").isEmpty()) {
        servers.page(settings, agent, config);
      }
      agent.flowLog().setServed(true);
      return servers;
    } catch (IOException | RuntimeException e) {
      servers.close();
      throw e;
    }
  }

  /** Counts flows, and serves the numbers with the agent's or at an address of their own. */
  private void count(DaemonSettings settings, Agent agent) throws IOException {
    String text = settings.text("hubble-metrics").strip();
    if (text.isEmpty()) {
      return;
    }
    FlowMetrics metrics;
    try {
      metrics = FlowMetrics.parse(text);
    } catch (IllegalArgumentException e) {
      throw new OptionException("hubble-metrics: " + e.getMessage());
    }
    agent.flowLog().listen(metrics);
    parts.addFirst(() -> agent.flowLog().unlisten(metrics));
    if (settings.text("hubble-metrics-server").isEmpty()) {
      parts.addFirst(agent.metrics().add(metrics::read));
      return;
    }
    var own = new Metrics();
    var _ = own.add(metrics::read);
    parts.addFirst(MetricsServer.start(settings.address("hubble-metrics-server"), own));
  }

  private static FlowExporter exporter(DaemonSettings settings, ObserverConfig config)
      throws IOException {
    String path = settings.text("hubble-export-file-path");
    try {
      return FlowExporter.start(
          new ExportConfig(
              Path.of(path.equals("stdout") ? "/dev/stdout" : path),
              (long) settings.number("hubble-export-file-max-size-mb") << 20,
              settings.number("hubble-export-file-max-backups"),
              settings.isOn("hubble-export-file-compress"),
              settings.text("hubble-export-allowlist"),
              settings.text("hubble-export-denylist"),
              settings.names("hubble-export-fieldmask")),
          config);
    } catch (IllegalArgumentException e) {
      throw new OptionException("hubble-export-file-path: " + path + ": " + e.getMessage());
    } catch (IOException e) {
      throw new IOException("hubble-export-file-path: " + path + ": " + e.getMessage(), e);
    }
  }

  /** The page's server, and the link to it beside the API's socket. */
  private void page(DaemonSettings settings, Agent agent, ObserverConfig config)
      throws IOException {
    InetSocketAddress where = settings.address("ui-address");
    try {
      UiAccess access =
          UiAccess.open(where, settings.path("socket-path").resolveSibling("ui.link"));
      parts.addFirst(access);
      parts.addFirst(UiServer.start(where, access, agent, config));
    } catch (IllegalArgumentException e) {
      throw new OptionException("ui-address: " + where + ": " + e.getMessage());
    } catch (IOException e) {
      throw new IOException("ui-address: " + where + ": " + e.getMessage(), e);
    }
  }

  private void listen(Path path, ObserverConfig config) throws IOException {
    var file = new SocketFile(path);
    file.prepare();
    parts.addFirst(file::remove);
    var address = UnixDomainSocketAddress.of(file.path());
    try {
      parts.addFirst(ObserverServer.start(address, config));
    } catch (IOException e) {
      throw new IOException("hubble-socket-path: " + address + ": " + cause(e), e);
    }
    file.open();
  }

  private static ObserverServer open(
      InetSocketAddress address, ObserverConfig config, Optional<TlsFiles> tls) throws IOException {
    try {
      return tls.isPresent()
          ? ObserverServer.start(address, config, tls.get())
          : ObserverServer.start(address, config);
    } catch (IOException e) {
      throw new IOException("hubble-listen-address: " + address + ": " + cause(e), e);
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

  /** The files of certificates; absent where nothing is to be encrypted. */
  private static Optional<TlsFiles> tls(DaemonSettings settings) {
    if (settings.isOn("hubble-disable-tls")) {
      return Optional.empty();
    }
    List<Path> authorities = settings.paths("hubble-tls-client-ca-files");
    for (String option : List.of("hubble-tls-cert-file", "hubble-tls-key-file")) {
      if (settings.text(option).isEmpty()) {
        throw missing(option);
      }
    }
    if (authorities.isEmpty()) {
      throw missing("hubble-tls-client-ca-files");
    }
    return Optional.of(
        new TlsFiles(
            settings.path("hubble-tls-cert-file"),
            settings.path("hubble-tls-key-file"),
            authorities));
  }

  private static OptionException missing(String option) {
    return new OptionException(
        "hubble-listen-address: wants " + option + ", or hubble-disable-tls for no encryption");
  }

  /** Where to listen besides. */
  private static Optional<InetSocketAddress> address(DaemonSettings settings) {
    String text = settings.text("hubble-listen-address");
    if (text.isEmpty()) {
      return Optional.empty();
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
