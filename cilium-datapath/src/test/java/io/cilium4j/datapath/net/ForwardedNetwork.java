// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.net;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32;

/**
 * Two namespaces, each joined by a veth to a third, in which frames go from one veth to the other
 * in user space alone. As a program it runs the same in a user namespace of an unprivileged user.
 */
final class ForwardedNetwork implements AutoCloseable {

  private static final int TRANSFER_BYTES = 8 << 20;

  final AtomicLong partialChecksums = new AtomicLong();
  final AtomicLong segmentedFrames = new AtomicLong();
  final AtomicLong dropped = new AtomicLong();

  private final Netns hub;
  private final List<Netns> pods = new ArrayList<>();
  private final List<PacketSocket> sockets = new ArrayList<>();
  private final Poller poller = new Poller();
  private final Thread forwarder;
  private volatile boolean stopping;

  ForwardedNetwork(Path folder) {
    hub = KernelTests.netns(folder);
    // The hub's own stack stays out of it: no addresses, and IPv6 makes itself none.
    hub.call(() -> {
      Sysctl.writeIfPresent("net/ipv6/conf/all/disable_ipv6", "1");
      return Sysctl.writeIfPresent("net/ipv6/conf/default/disable_ipv6", "1");
    });
    try (Netlink hubLink = Netlink.open(hub)) {
      for (int i = 0; i < 2; i++) {
        Netns pod = KernelTests.netns(folder);
        pods.add(pod);
        var pair = new VethPair("lxc" + i, "eth0", new MacAddress(2L << 40 | i), podMac(i), 1500);
        int index = hubLink.createVeth(pair, pod).index();
        hubLink.setUp(index);
        try (Netlink podLink = Netlink.open(pod)) {
          int podIndex = podLink.linkByName("eth0").orElseThrow().index();
          podLink.addAddress(podIndex, address(4, i), DuplicateCheck.SKIP);
          podLink.addAddress(podIndex, address(6, i), DuplicateCheck.SKIP);
          podLink.setUp(podIndex);
        }
        sockets.add(PacketSocket.open(hub, index));
      }
    }
    for (int i = 0; i < sockets.size(); i++) {
      poller.add(sockets.get(i), i);
    }
    forwarder = Thread.ofPlatform().name("forwarder").start(this::forward);
  }

  static MacAddress podMac(int pod) {
    return new MacAddress(2L << 40 | 0x100 | pod);
  }

  static InterfaceAddress address(int version, int pod) {
    return version == 4
        ? new InterfaceAddress(IpAddress.parse("10.7.0.1").plus(pod), 24)
        : new InterfaceAddress(IpAddress.parse("fd00:7::1").plus(pod), 64);
  }

  private void forward() {
    try (var batch = new FrameBatch(32)) {
      while (!stopping) {
        int ready = poller.poll(1000);
        for (int i = 0; i < ready; i++) {
          int from = (int) poller.token(i);
          int count = sockets.get(from).receive(batch);
          for (int frame = 0; frame < count; frame++) {
            count(batch, frame);
          }
          dropped.addAndGet(count - sockets.get(1 - from).send(batch, 0, count));
        }
      }
    }
  }

  private void count(FrameBatch batch, int frame) {
    if (batch.hasPartialChecksum(frame)) {
      partialChecksums.incrementAndGet();
    }
    if (batch.length(frame) > 1514) {
      segmentedFrames.incrementAndGet();
    }
  }

  /** Sends some megabytes from the first to the second over TCP; throws unless all arrive whole. */
  void transfer(int version) throws Exception {
    var target = address(version, 1).address().toInetAddress();
    var data = new byte[TRANSFER_BYTES];
    new Random(version).nextBytes(data);
    try (ServerSocket server = pods.get(1).call(() -> new ServerSocket(0, 1, target))) {
      server.setSoTimeout(20_000);
      var received = new FutureTask<>(() -> receive(server));
      Thread.ofPlatform().start(received);
      var to = new InetSocketAddress(target, server.getLocalPort());
      try (Socket client = pods.get(0).call(() -> connect(to));
          OutputStream out = client.getOutputStream()) {
        out.write(data);
      }
      var sent = new CRC32();
      sent.update(data);
      long got = received.get(60, TimeUnit.SECONDS);
      if (got != sent.getValue()) {
        throw new IOException("other bytes arrived than were sent");
      }
    }
  }

  private static Socket connect(InetSocketAddress to) throws IOException {
    var socket = new Socket();
    socket.connect(to, 20_000);
    return socket;
  }

  private static long receive(ServerSocket server) throws IOException {
    try (Socket socket = server.accept();
        InputStream in = socket.getInputStream()) {
      var sum = new CRC32();
      sum.update(in.readAllBytes());
      return sum.getValue();
    }
  }

  @Override
  public void close() {
    stopping = true;
    poller.wakeUp();
    try {
      forwarder.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException("interrupted while the forwarder ends", e);
    }
    poller.close();
    sockets.forEach(PacketSocket::close);
    pods.add(hub);
    for (Netns netns : pods) {
      netns.close();
      Netns.delete(netns.path());
    }
  }

  /** Transfers over both families and says what was seen, in one line. */
  static String run(Path folder) throws Exception {
    try (var network = new ForwardedNetwork(folder)) {
      network.transfer(4);
      network.transfer(6);
      return "arrived partial="
          + (network.partialChecksums.get() > 0)
          + " segmented="
          + (network.segmentedFrames.get() > 0)
          + " dropped="
          + network.dropped.get();
    }
  }

  public static void main(String[] args) throws Exception {
    // Where no device has an IPv6 address the JDK believes for its whole life that there is no
    // IPv6.
    try (Netlink own = Netlink.open()) {
      own.setUp(own.linkByName("lo").orElseThrow().index());
    }
    Path folder = Files.createTempDirectory("netns");
    try {
      String line = run(folder);
      System.out.println(line);
    } finally {
      Files.delete(folder);
    }
  }
}
