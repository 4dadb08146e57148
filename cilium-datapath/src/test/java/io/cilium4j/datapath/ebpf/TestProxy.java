// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.core.spi.ProxyPlace;
import io.cilium4j.core.spi.ProxyPlace.Address;
import io.cilium4j.core.spi.ProxyPlace.Proxied;
import io.cilium4j.datapath.bpf.LibC;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadFactory;

/**
 * A proxy that passes bytes on, both ways, and knows whose each connection is. The JDK's channels
 * cannot speak for others by themselves: they are told to by their descriptors.
 */
final class TestProxy implements AutoCloseable {

  private static final int SOL_IP = 0;
  private static final int IP_TRANSPARENT = 19;
  private static final int SOL_IPV6 = 41;
  private static final int IPV6_TRANSPARENT = 75;

  private final ProxyPlace place;
  private final ThreadFactory threads;
  private final List<ServerSocketChannel> listeners = new CopyOnWriteArrayList<>();
  private final List<SocketChannel> connections = new CopyOnWriteArrayList<>();

  /** Whose the connections were that it accepted. */
  final List<Optional<Proxied>> accepted = new CopyOnWriteArrayList<>();

  TestProxy(ProxyPlace place) throws InterruptedException {
    this.place = place;
    this.threads = Thread.ofPlatform().daemon().name("proxy-", 0).factory();
    List<Thread> making = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      Thread thread = threads.newThread(() -> listen(family));
      thread.start();
      making.add(thread);
    }
    for (Thread thread : making) {
      thread.join();
    }
  }

  static StandardProtocolFamily java(IpFamily family) {
    return family == IpFamily.IPV4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
  }

  private void listen(IpFamily family) {
    try {
      ServerSocketChannel listener = inside(() -> ServerSocketChannel.open(java(family)));
      makeTransparent(listener, family);
      listener.bind(new InetSocketAddress(anywhere(family).toInetAddress(), 0));
      listeners.add(listener);
      place.listen(family, descriptor(listener));
      threads.newThread(() -> accept(listener, family)).start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private <S> S inside(Callable<S> socket) {
    return place.inside(() -> {
      try {
        return socket.call();
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    });
  }

  private static IpAddress anywhere(IpFamily family) {
    return IpAddress.parse(family == IpFamily.IPV4 ? "0.0.0.0" : "::");
  }

  static void makeTransparent(Object channel, IpFamily family) {
    if (family == IpFamily.IPV4) {
      LibC.setsockopt(descriptor(channel), SOL_IP, IP_TRANSPARENT, 1);
    } else {
      LibC.setsockopt(descriptor(channel), SOL_IPV6, IPV6_TRANSPARENT, 1);
    }
  }

  private static int descriptor(Object channel) {
    try {
      Method descriptor = channel.getClass().getMethod("getFDVal");
      descriptor.setAccessible(true);
      return (int) descriptor.invoke(channel);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError("no descriptor of a channel", e);
    }
  }

  private void accept(ServerSocketChannel listener, IpFamily family) {
    while (true) {
      try {
        SocketChannel client = listener.accept();
        connections.add(client);
        threads.newThread(() -> serve(client, family)).start();
      } catch (IOException e) {
        return;
      }
    }
  }

  private void serve(SocketChannel client, IpFamily family) {
    try (client;
        SocketChannel server = inside(() -> SocketChannel.open(java(family)))) {
      connections.add(server);
      var from = (InetSocketAddress) client.getRemoteAddress();
      var to = (InetSocketAddress) client.getLocalAddress();
      accepted.add(place.find(6, address(from), address(to)));
      makeTransparent(server, family);
      server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
      server.bind(from);
      server.connect(to);
      Thread back = threads.newThread(() -> pass(server, client));
      back.start();
      pass(client, server);
      back.join();
    } catch (IOException | InterruptedException e) {
      // The client sees that its connection ends.
    }
  }

  private static Address address(InetSocketAddress address) {
    return new Address(IpAddress.of(address.getAddress()), address.getPort());
  }

  private static void pass(SocketChannel from, SocketChannel to) {
    ByteBuffer buffer = ByteBuffer.allocate(65_536);
    try {
      while (from.read(buffer) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          to.write(buffer);
        }
        buffer.clear();
      }
      to.shutdownOutput();
    } catch (IOException e) {
      // The other end is gone.
    }
  }

  /** Ends every connection and stops listening. */
  @Override
  public void close() {
    try {
      for (ServerSocketChannel listener : listeners) {
        listener.close();
      }
      for (SocketChannel connection : connections) {
        connection.close();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
