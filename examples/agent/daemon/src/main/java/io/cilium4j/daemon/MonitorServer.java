// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.daemon;

import io.cilium4j.agent.Agent;
import io.cilium4j.agent.AgentEvent;
import io.cilium4j.agent.rest.SocketFile;
import io.cilium4j.core.spi.FlowSource.Subscription;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends flows, drops and the agent's own events to whoever connects to a UNIX socket, in one of the
 * formats of docs/monitor.md.
 *
 * <p>Readers do not know of each other. Each has a queue; when it is full the reader loses events,
 * itself alone, and is told how many as soon as it reads again. The threads on which events arrive
 * never wait: they write one text and put it into the queues.
 */
final class MonitorServer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(MonitorServer.class);

  /** Most readers at a time: each holds a queue. */
  static final int MAX_READERS = 64;

  /** How long nobody is accepted after that failed, as it does when descriptors are used up. */
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final SocketFile file;
  private final ServerSocketChannel server;
  private final int queueSize;
  private final List<MonitorReader> readers = new CopyOnWriteArrayList<>();
  private final Subscription flows;
  private final Subscription events;
  private final MonitorFormat format;
  private final LongAdder sent = new LongAdder();
  private final LongAdder lost = new LongAdder();

  private MonitorServer(
      SocketFile file,
      ServerSocketChannel server,
      Agent agent,
      int queueSize,
      MonitorFormat format) {
    this.file = file;
    this.server = server;
    this.queueSize = Math.max(1, queueSize);
    this.format = format;
    this.flows = agent.onFlow(flow -> send(() -> format.flow(flow)));
    this.events = agent.onEvent(this::tell);
    Thread.ofVirtual().name("monitor-accept").start(this::accept);
  }

  /**
   * Opens the socket; one that nobody listens on is replaced.
   *
   * @param queueSize events kept for a slow reader
   * @throws IOException if another listens there, or the socket cannot be made
   */
  static MonitorServer start(Path path, Agent agent, int queueSize, MonitorFormat format)
      throws IOException {
    var file = new SocketFile(path);
    file.prepare();
    var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    try {
      server.bind(UnixDomainSocketAddress.of(file.path()));
      file.open();
      return new MonitorServer(file, server, agent, queueSize, format);
    } catch (IOException e) {
      server.close();
      throw new IOException("monitor socket: " + path + ": " + e.getMessage(), e);
    }
  }

  private void accept() {
    while (server.isOpen()) {
      try {
        take(server.accept());
      } catch (ClosedChannelException e) {
        return; // The agent ends.
      } catch (IOException e) {
        LOG.warn("monitor reader not accepted error=\"{}\"", e.toString());
        LockSupport.parkNanos(PAUSE.toNanos());
      }
    }
  }

  private void take(SocketChannel client) throws IOException {
    if (readers.size() >= MAX_READERS) {
      LOG.warn("monitor reader refused open={}", readers.size());
      client.close();
      return;
    }
    var reader = new MonitorReader(client, format, queueSize, lost::add, readers::remove);
    readers.add(reader);
    reader.start();
  }

  /** Sends an event of the agent. */
  void tell(AgentEvent event) {
    send(() -> format.event(event));
  }

  private void send(Supplier<byte[]> text) {
    if (readers.isEmpty()) {
      return; // Nobody looks: no text is written.
    }
    byte[] line = text.get();
    sent.increment();
    readers.forEach(reader -> reader.offer(line));
  }

  /** How many events were written, whoever read them. */
  long sent() {
    return sent.sum();
  }

  /** How many events readers lost, of all readers together. */
  long lost() {
    return lost.sum();
  }

  /** How many read now. */
  int readers() {
    return readers.size();
  }

  @Override
  public void close() throws IOException {
    flows.close();
    events.close();
    server.close();
    readers.forEach(MonitorReader::close);
    file.remove();
  }
}
