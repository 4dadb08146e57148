// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.ebpf.TwinPackets.Sent;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What {@link TwinPackets} sent lately and what came out of it: whoever was sent something answers,
 * says more, or complains about what it got, which is not what was sent where a service is between.
 */
final class TwinHistory {

  private static final int KEPT = 100;
  private static final int RECENT = 4;
  private static final int TCP = 6;
  private static final int[] FLAGS = {0x12, 0x12, 0x10, 0x10, 0x11, 0x11, 0x11, 0x14, 2, 2, 2};

  private final Random random;
  private final List<Pod> pods;
  private final List<Sent> sent = new ArrayList<>();
  private final List<byte[]> delivered = new ArrayList<>();

  TwinHistory(Random random, List<Pod> pods) {
    this.random = random;
    this.pods = pods;
  }

  void sent(Sent each) {
    keep(sent, each);
  }

  void delivered(byte[] frame) {
    keep(delivered, frame);
  }

  private static <T> void keep(List<T> all, T one) {
    all.add(one);
    if (all.size() > KEPT) {
      all.removeFirst();
    }
  }

  /** Packets of a family, as they were sent or as they came in. */
  List<byte[]> frames(boolean v4) {
    return Stream.concat(sent.stream().map(Sent::frame), delivered.stream())
        .filter(frame -> isIp(frame, v4) && frame.length > 14 + (v4 ? 20 : 40))
        .toList();
  }

  static boolean isIp(byte[] frame, boolean v4) {
    int type = ByteBuffer.wrap(frame).getShort(12) & 0xffff;
    return type == (v4 ? 0x0800 : 0x86dd);
  }

  /** An answer of whoever got a packet. */
  Optional<Sent> answer() {
    if (delivered.isEmpty()) {
      return Optional.empty();
    }
    byte[] frame = any(delivered).clone();
    int l4 = transport(frame);
    if (l4 == 0) {
      return Optional.empty();
    }
    boolean v4 = isIp(frame, true);
    int bytes = v4 ? 4 : 16;
    int source = v4 ? 26 : 22;
    swap(frame, source, bytes);
    swap(frame, l4, 2);
    frame[v4 ? 22 : 21] = 64;
    IpAddress from = IpAddress.ofBytes(Arrays.copyOfRange(frame, source, source + bytes));
    return Optional.of(new Sent(speaking(frame, l4), podOf(from), "answer"));
  }

  /** What a sender says next. */
  Optional<Sent> again() {
    if (sent.isEmpty()) {
      return Optional.empty();
    }
    Sent before = any(sent);
    byte[] frame = before.frame().clone();
    int l4 = transport(frame);
    return l4 == 0
        ? Optional.empty()
        : Optional.of(new Sent(speaking(frame, l4), before.sender(), "again"));
  }

  /** Mostly one of the last: so that connections get on, to their end and beyond. */
  private <T> T any(List<T> all) {
    int depth = random.nextInt(4) == 0 ? all.size() : Math.min(all.size(), RECENT);
    return all.get(all.size() - 1 - random.nextInt(depth));
  }

  private @Nullable Pod podOf(IpAddress address) {
    return pods.stream()
        .filter(pod -> pod.endpoint().addresses().contains(address))
        .findFirst()
        .orElse(null);
  }

  /** Where the ports stand; 0 where there are none in their usual place. */
  private static int transport(byte[] frame) {
    boolean v4 = isIp(frame, true);
    if (!v4 && !isIp(frame, false)) {
      return 0;
    }
    int l4 = v4 ? 14 + (frame[14] & 15) * 4 : 54;
    int protocol = frame[v4 ? 23 : 20];
    boolean hasPorts = protocol == TCP || protocol == 17 || protocol == (byte) 132;
    boolean isLater = v4 && (ByteBuffer.wrap(frame).getShort(20) & 0x1fff) != 0;
    return hasPorts && !isLater && frame.length >= l4 + 8 ? l4 : 0;
  }

  private byte[] speaking(byte[] frame, int l4) {
    int protocol = frame[isIp(frame, true) ? 23 : 20];
    if (protocol == TCP && frame.length >= l4 + 14) {
      frame[l4 + 13] = (byte) FLAGS[random.nextInt(FLAGS.length)];
    }
    return frame;
  }

  private static void swap(byte[] frame, int at, int bytes) {
    byte[] first = Arrays.copyOfRange(frame, at, at + bytes);
    System.arraycopy(frame, at + bytes, frame, at, bytes);
    System.arraycopy(first, 0, frame, at + bytes, bytes);
  }
}
