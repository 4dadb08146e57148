// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.packets;

import io.cilium4j.datapath.memory.Frames;
import io.cilium4j.datapath.net.FrameBatch;
import io.cilium4j.datapath.net.Netns;
import io.cilium4j.datapath.net.PacketSocket;
import io.cilium4j.datapath.net.Poller;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Assertions;

/**
 * Sends numbered frames by the devices of a test, and counts where they come in. A device is known
 * by a token. For one thread.
 */
final class Wire implements AutoCloseable {

  /** How long is waited for what must come. */
  static final int PATIENCE_MILLIS = 10_000;

  private static final int RETRY_MILLIS = 5;

  /** Stands before a frame's number. */
  private static final int MAGIC = 0x5ca1ab1e;

  private static final int TRAILER_BYTES = 8;
  private static final int BATCH_FRAMES = 64;
  private static final int KEPT_FRAMES = 64;

  private final List<PacketSocket> sockets = new ArrayList<>();
  private final Poller poller = new Poller();
  private final FrameBatch batch = new FrameBatch(BATCH_FRAMES);

  /** By device: how often each number came in. */
  private final List<Map<Integer, Integer>> arrived = new ArrayList<>();

  /** By device: the last frames without a number. */
  private final List<Deque<byte[]>> others = new ArrayList<>();

  private int lastNumber;

  /** Opens a device; its token. */
  int open(Netns netns, int ifindex) {
    PacketSocket socket = PacketSocket.open(netns, ifindex);
    int token = sockets.size();
    sockets.add(socket);
    arrived.add(new HashMap<>());
    others.add(new ArrayDeque<>());
    poller.add(socket, token);
    return token;
  }

  /** A number that no frame has. */
  int nextNumber() {
    return ++lastNumber;
  }

  /** What a frame of a number ends with. */
  static byte[] trailer(int number) {
    return ByteBuffer.allocate(TRAILER_BYTES).putInt(MAGIC).putInt(number).array();
  }

  /** A frame's number: the last, since an error quotes another frame's before its own. */
  private static int number(byte[] frame) {
    ByteBuffer bytes = ByteBuffer.wrap(frame);
    for (int at = bytes.limit() - TRAILER_BYTES; at >= Frames.L3; at--) {
      if (bytes.getInt(at) == MAGIC) {
        return bytes.getInt(at + 4);
      }
    }
    return 0;
  }

  /** Sends frames in this order, and waits for nothing. */
  void send(List<Shot> shots) {
    int begin = 0;
    while (begin < shots.size()) {
      int token = shots.get(begin).from().sender();
      int count = 0;
      while (count < BATCH_FRAMES
          && begin + count < shots.size()
          && shots.get(begin + count).from().sender() == token) {
        byte[] frame = shots.get(begin + count).frame();
        batch.put(count, frame, frame.length);
        count++;
      }
      Assertions.assertEquals(count, sockets.get(token).send(batch, 0, count), "sent");
      begin += count;
    }
  }

  /** How often a frame came in at a device so far. */
  int arrivals(int token, Shot shot) {
    return arrived.get(token).getOrDefault(shot.number(), 0);
  }

  /** Whether a frame comes in where it is meant to. */
  boolean await(Shot shot) {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000L;
    while (arrivals(shot.to().receiver(), shot) == 0) {
      int left = (int) ((end - System.nanoTime()) / 1_000_000);
      if (left <= 0) {
        return false;
      }
      receive(left);
    }
    return true;
  }

  /** Sends a frame again and again until it comes in; whether it does. */
  boolean insist(Shot shot) {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000L;
    while (arrivals(shot.to().receiver(), shot) == 0) {
      if (System.nanoTime() - end >= 0) {
        return false;
      }
      send(List.of(shot));
      receive(RETRY_MILLIS);
    }
    return true;
  }

  /** Whether a frame comes in at a device that no test has numbered: what others say. */
  boolean await(int token, Predicate<byte[]> which) {
    long end = System.nanoTime() + PATIENCE_MILLIS * 1_000_000L;
    while (others.get(token).stream().noneMatch(which)) {
      if (System.nanoTime() - end >= 0) {
        return false;
      }
      receive(RETRY_MILLIS);
    }
    return true;
  }

  private void receive(int patienceMillis) {
    int ready = poller.poll(patienceMillis);
    for (int i = 0; i < ready; i++) {
      int token = (int) poller.token(i);
      PacketSocket socket = sockets.get(token);
      for (int count = socket.receive(batch); count > 0; count = socket.receive(batch)) {
        for (int frame = 0; frame < count; frame++) {
          note(token, batch.copy(frame));
        }
      }
    }
  }

  private void note(int token, byte[] frame) {
    int number = number(frame);
    if (number != 0) {
      arrived.get(token).merge(number, 1, Integer::sum);
      return;
    }
    Deque<byte[]> last = others.get(token);
    last.addLast(frame);
    if (last.size() > KEPT_FRAMES) {
      last.removeFirst();
    }
  }

  @Override
  public void close() {
    sockets.forEach(PacketSocket::close);
    poller.close();
    batch.close();
  }
}
