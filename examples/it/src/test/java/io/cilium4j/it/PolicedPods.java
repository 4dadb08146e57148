// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Two senders, one of whom policy lets in and the other not. The one who is kept out tries all the
 * time, so that a gap of whatever length would show.
 */
final class PolicedPods implements AutoCloseable {

  private static final int PORT = 7;

  private static final byte FRIEND = 'f';
  private static final byte INTRUDER = 'i';

  /** How often the intruder tries each address: a gap of more than this is sure to be seen. */
  private static final long PAUSE_NANOS = 2_000_000;

  /** How long an answer may take, and how often the question is asked. */
  private static final int ANSWER_MILLIS = 500;

  private static final int ATTEMPTS = 20;

  private final Netns friend;
  private final DatagramSocket intruder;
  private final Set<IpAddress> targets = ConcurrentHashMap.newKeySet();
  private final AtomicLong tries = new AtomicLong();
  private final AtomicLong intrusions = new AtomicLong();
  private final List<DatagramSocket> receivers = new CopyOnWriteArrayList<>();

  /** Begins to try. */
  PolicedPods(Netns friend, Netns intruder) throws SocketException {
    this.friend = friend;
    this.intruder = intruder.call(() -> new DatagramSocket());
    Thread.ofPlatform().daemon().name("intruder").start(this::intrude);
  }

  /** Answers in a namespace from now on, whatever addresses it has or will have. */
  void receiveIn(Netns netns) throws SocketException {
    DatagramSocket receiver = netns.call(() -> new DatagramSocket(PORT));
    receivers.add(receiver);
    Thread.ofPlatform().daemon().name("receiver").start(() -> receive(receiver));
  }

  private void receive(DatagramSocket receiver) {
    var packet = new DatagramPacket(new byte[1], 1);
    while (!receiver.isClosed()) {
      try {
        receiver.receive(packet);
        if (packet.getData()[0] == INTRUDER) {
          intrusions.incrementAndGet();
        } else {
          receiver.send(packet);
        }
      } catch (IOException _) {
        // Closed; or the pod lost its device before the answer was sent.
      }
    }
  }

  private void intrude() {
    byte[] payload = {INTRUDER};
    while (!intruder.isClosed()) {
      for (IpAddress target : targets) {
        try {
          intruder.send(new DatagramPacket(payload, 1, target.toInetAddress(), PORT));
        } catch (IOException _) {
          // Closed; or an ICMP error of an earlier try.
        }
      }
      tries.incrementAndGet();
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** The intruder tries this address from now on. */
  void target(IpAddress address) {
    targets.add(address);
  }

  /** How many of the intruder's packets came in so far. */
  long intrusions() {
    return intrusions.get();
  }

  /** How often the intruder has tried each of its targets. */
  long tries() {
    return tries.get();
  }

  /** Waits until the intruder has tried so many times more. */
  void awaitTries(long more) {
    long end = tries.get() + more;
    while (tries.get() < end) {
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  /** Whether the friend is answered, asking several times. */
  boolean friendReaches(IpAddress address) throws SocketException {
    try (DatagramSocket socket = friend.call(() -> new DatagramSocket())) {
      socket.setSoTimeout(ANSWER_MILLIS);
      byte[] payload = {FRIEND};
      for (int i = 0; i < ATTEMPTS; i++) {
        try {
          socket.send(new DatagramPacket(payload, 1, address.toInetAddress(), PORT));
          socket.receive(new DatagramPacket(new byte[1], 1));
          return true;
        } catch (SocketTimeoutException _) {
          // Once more.
        } catch (IOException e) {
          throw new IllegalStateException("ask " + address, e);
        }
      }
      return false;
    }
  }

  @Override
  public void close() {
    intruder.close();
    new ArrayList<>(receivers).forEach(DatagramSocket::close);
  }
}
