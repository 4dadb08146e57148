// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.ebpf;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.Row.FrontendKey;
import io.cilium4j.datapath.ebpf.TestNode.Pod;
import io.cilium4j.datapath.memory.Origin.Tunnelled;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Packets of all kinds that a test of both datapaths compares them by, made from a seed: few
 * addresses, ports and identifiers, so that they meet each other's flows; in all forms, and with
 * bytes changed here and there.
 */
final class TwinPackets {

  /**
   * A packet and where it comes in.
   *
   * @param sender null for the node, and for the tunnel
   * @param tunnel what that says of it; null if it comes by none
   */
  @SuppressWarnings("ArrayRecordComponent") // Sent, and compared by nobody.
  record Sent(byte[] frame, @Nullable Pod sender, String what, @Nullable Tunnelled tunnel) {

    Sent(byte[] frame, @Nullable Pod sender, String what) {
      this(frame, sender, what, null);
    }
  }

  private static final int TCP = 6;
  private static final int UDP = 17;
  private static final int ICMP = 1;
  private static final int ICMPV6 = 58;
  private static final int SCTP = 132;

  private static final int[] CLIENT_PORTS = {40000, 40001, 5000};
  private static final int[] SERVER_PORTS = {80, 443, 53};
  private static final int[] FLAGS = {
    2, 2, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14, 0x01, 0x00, 0x03
  };
  private static final int[] TYPES4 = {
    8, 8, 0, 0, 13, 14, 15, 16, 17, 18, 42, 43, 3, 11, 12, 5, 9, 10
  };
  private static final int[] TYPES6 = {
    128, 128, 129, 129, 139, 140, 160, 161, 1, 2, 3, 4, 100, 130, 133, 134, 135, 136, 137, 143
  };
  private static final int[] IDS = {7, 8, 80};

  private static final int ETHERTYPE = 12;

  /** IP of the other version, ARP, reverse ARP, MPLS, PPPoE, LLDP, a length in place of a type. */
  private static final int[] TYPES = {
    0x0800, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8863, 0x88cc, 0x05dc, 0
  };

  private static final int[] HEADERS6 = {0, 43, 44, 51, 60, 60, 51, 0, 50, 59, 135, 139, 140, 253};
  private static final int[] FRAGMENT_IDS = {1, 2, 3, 0x1234, 0x12345678};

  private final Random random;
  private final List<Pod> pods;
  private final TwinHistory history;
  private final Supplier<List<FrontendKey>> frontends;

  /**
   * @param frontends what pods may ask whenever a packet is made
   */
  TwinPackets(Random random, List<Pod> pods, Supplier<List<FrontendKey>> frontends) {
    this.random = random;
    this.pods = pods;
    this.frontends = frontends;
    this.history = new TwinHistory(random, pods);
  }

  /** Tells what came out of the last packet. */
  void delivered(byte[] frame) {
    history.delivered(frame);
  }

  Sent next() {
    boolean v4 = random.nextBoolean();
    Sent sent =
        switch (random.nextInt(38)) {
          case 0 -> arp();
          case 1, 2 -> discovery();
          case 3, 4, 5 -> error(v4);
          case 6, 7, 8, 9 -> fragment(v4);
          case 10, 11 -> withHeaders(v4);
          case 20 -> otherType(v4);
          case 21, 22, 23, 24 -> history.answer().orElseGet(() -> plain(v4));
          case 29, 30, 31, 32, 33, 34, 35, 36, 37 -> asking(v4);
          case 25, 26, 27, 28 -> history.again().orElseGet(() -> plain(v4));
          default -> plain(v4);
        };
    history.sent(sent);
    Sent shown = random.nextInt(4) == 0 ? mutated(sent) : sent;
    boolean tunnelled = shown.sender == null && oneIn(2);
    return tunnelled ? new Sent(shown.frame, null, shown.what, tunnel(shown.frame)) : shown;
  }

  /** Mostly the node and the identity that go with the sender's address, so that flows go on. */
  private Tunnelled tunnel(byte[] frame) {
    boolean v4 = TwinHistory.isIp(frame, true);
    int at = Math.min(v4 ? 29 : 37, frame.length - 1);
    int last = frame[at] & 0xff;
    List<IpAddress> nodes = TwinState.TUNNEL_NODES;
    IpAddress node =
        oneIn(10) ? any(TwinState.REMOTES4) : oneIn(10) ? any(nodes) : nodes.get(last % 2);
    List<Integer> keys = TwinState.KEYS;
    return new Tunnelled(node, oneIn(6) ? any(keys) : keys.get(last % 2));
  }

  private <T> T any(List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  private int any(int... of) {
    return of[random.nextInt(of.length)];
  }

  private boolean oneIn(int n) {
    return random.nextInt(n) == 0;
  }

  // ---- who sends to whom

  private record Way(IpAddress source, IpAddress destination, @Nullable Pod sender) {}

  private Way way(boolean v4) {
    if (random.nextInt(3) > 0) {
      Pod pod = any(pods);
      return new Way(oneIn(20) ? anybody(v4) : own(pod, v4), anybody(v4), pod);
    }
    return new Way(anybody(v4), oneIn(10) ? anybody(v4) : own(any(pods), v4), null);
  }

  private static IpAddress own(Pod pod, boolean v4) {
    return v4 ? pod.v4() : pod.v6();
  }

  private IpAddress anybody(boolean v4) {
    List<IpAddress> all = new ArrayList<>();
    for (Pod pod : pods) {
      all.add(own(pod, v4));
      all.add(own(pod, v4));
    }
    if (v4) {
      all.addAll(TwinState.REMOTES4);
      all.addAll(TwinState.TUNNEL_NODES);
      all.addAll(TwinState.VIPS4);
      all.addAll(TwinState.VIPS4);
      for (String text :
          List.of("224.0.0.5", "255.255.255.255", "127.0.0.1", "0.0.0.0", "169.254.7.7")) {
        if (oneIn(3)) {
          all.add(IpAddress.parse(text));
        }
      }
    } else {
      all.addAll(TwinState.REMOTES6);
      all.addAll(TwinState.VIPS6);
      all.addAll(TwinState.VIPS6);
      for (String text : List.of("ff02::2", "ff0e::5", "fe80::1", "::", "::1")) {
        if (oneIn(3)) {
          all.add(IpAddress.parse(text));
        }
      }
      if (oneIn(3)) {
        all.add(linkLocal(any(pods)));
      }
    }
    return any(all);
  }

  /** What a pod makes of its device's address. */
  private static IpAddress linkLocal(Pod pod) {
    MacAddress mac = pod.endpoint().device().podMac();
    long bits = mac.bits();
    long high = bits >>> 24 ^ 0x02_0000L;
    long low = bits & 0xff_ffffL;
    return new IpAddress(
        pod.v6().family(), 0xfe80_0000_0000_0000L, high << 40 | 0xff_fe00_0000L | low);
  }

  // ---- what is in it

  @SuppressWarnings("ArrayRecordComponent") // Written once and compared by nobody.
  private record Payload(int protocol, byte[] bytes) {}

  private Payload payload(boolean v4) {
    return switch (random.nextInt(10)) {
      case 0, 1, 2, 3 -> new Payload(TCP, tcp());
      case 4, 5 -> new Payload(UDP, udp());
      case 6, 7, 8 -> new Payload(v4 ? ICMP : ICMPV6, icmp(any(v4 ? TYPES4 : TYPES6)));
      default ->
          oneIn(2)
              ? new Payload(SCTP, udp())
              : new Payload(any(47, 50, 59, 135, 139, 140, 253, v4 ? ICMPV6 : ICMP), udp());
    };
  }

  private ByteBuffer ports(int bytes) {
    boolean reply = random.nextBoolean();
    int client = any(CLIENT_PORTS);
    int server = oneIn(10) ? client : any(SERVER_PORTS);
    return ByteBuffer.allocate(bytes)
        .putShort((short) (reply ? server : client))
        .putShort((short) (reply ? client : server));
  }

  private byte[] tcp() {
    int flags = oneIn(10) ? random.nextInt(256) : any(FLAGS);
    return ports(20 + any(0, 0, 8))
        .putInt(1)
        .putInt(2)
        .put((byte) 0x50)
        .put((byte) flags)
        .putShort((short) 0)
        .putShort(checksum())
        .array();
  }

  private byte[] udp() {
    int bytes = any(8, 12, 24);
    return ports(bytes).putShort((short) bytes).putShort(checksum()).array();
  }

  /** Right or wrong, what is changed must be changed in it; 0 says that there is none. */
  private short checksum() {
    return (short) (oneIn(4) ? any(0, 0xffff, 1) : random.nextInt());
  }

  private byte[] icmp(int type) {
    byte[] bytes = new byte[any(8, 8, 16, 32)];
    bytes[0] = (byte) type;
    ByteBuffer.wrap(bytes).putShort(4, (short) any(IDS));
    return bytes;
  }

  // ---- whole packets

  private Sent plain(boolean v4) {
    Way way = way(v4);
    Payload payload = payload(v4);
    return sent(way, ip(way, payload.protocol, payload.bytes, 0, 0), "plain");
  }

  /** What a pod sends to a frontend that is there. */
  private Sent asking(boolean v4) {
    List<FrontendKey> all =
        frontends.get().stream().filter(key -> key.address().isV4() == v4).toList();
    if (all.isEmpty()) {
      return plain(v4);
    }
    FrontendKey asked = any(all);
    Pod pod = any(pods);
    Way way = new Way(own(pod, v4), asked.address(), pod);
    int protocol = asked.protocol().number();
    byte[] bytes = protocol == TCP ? tcp() : udp();
    ByteBuffer.wrap(bytes).putShort((short) any(CLIENT_PORTS)).putShort((short) asked.port());
    if (oneIn(4)) {
      return fragment(way, new Payload(protocol, bytes), any(0, 0, 8));
    }
    return sent(way, ip(way, protocol, bytes, 0, 0), "asking");
  }

  /** A frame with one or two VLAN tags, or of another type than its content. */
  private Sent otherType(boolean v4) {
    Sent plain = plain(v4);
    // A test run wants the whole header of the type that the frame says.
    byte[] frame = Arrays.copyOf(plain.frame, Math.max(plain.frame.length, 14 + 40));
    if (oneIn(2)) {
      ByteBuffer.wrap(frame).putShort(ETHERTYPE, (short) any(TYPES));
      return new Sent(frame, plain.sender, "type");
    }
    for (int tags = oneIn(3) ? 2 : 1; tags > 0; tags--) {
      ByteBuffer tag = ByteBuffer.allocate(4).putShort((short) any(0x8100, 0x88a8));
      tag.putShort((short) random.nextInt());
      byte[] rest = Arrays.copyOfRange(frame, ETHERTYPE, frame.length);
      frame = concat(Arrays.copyOf(frame, ETHERTYPE), concat(tag.array(), rest));
    }
    return new Sent(frame, plain.sender, "tagged");
  }

  private Sent withHeaders(boolean v4) {
    Way way = way(v4);
    Payload payload = payload(v4);
    int count = 1 + random.nextInt(5);
    int protocol = payload.protocol;
    byte[] bytes = payload.bytes;
    for (int i = 0; i < count; i++) {
      int header = v4 ? any(51, 51, 51, 60, 0) : any(HEADERS6);
      bytes = concat(header(header, protocol), bytes);
      protocol = header;
    }
    return sent(way, ip(way, protocol, bytes, 0, 0), "headers");
  }

  private byte[] header(int type, int next) {
    if (type == 51) {
      int words = any(0, 1, 2, 4);
      byte[] bytes = new byte[(words + 2) * 4];
      bytes[0] = (byte) next;
      bytes[1] = (byte) words;
      return bytes;
    }
    int units = type == 44 ? 0 : any(0, 0, 1);
    byte[] bytes = new byte[(units + 1) * 8];
    bytes[0] = (byte) next;
    bytes[1] = (byte) units;
    if (type == 44) {
      ByteBuffer.wrap(bytes).putShort(2, (short) any(0, 1, 8, 9)).putInt(4, any(FRAGMENT_IDS));
    }
    return bytes;
  }

  private Sent fragment(boolean v4) {
    Way way = way(v4);
    return fragment(way, payload(v4), oneIn(2) ? 0 : 8 * (1 + random.nextInt(3)));
  }

  private Sent fragment(Way way, Payload payload, int offset) {
    boolean v4 = way.source.isV4();
    int more = offset == 0 || oneIn(2) ? 1 : 0;
    int id = any(FRAGMENT_IDS);
    if (v4) {
      byte[] bytes = payload.bytes;
      int protocol = payload.protocol;
      if (oneIn(6)) {
        bytes = concat(header(51, protocol), bytes);
        protocol = 51;
      }
      return sent(way, ip(way, protocol, bytes, id & 0xffff, offset / 8 | more << 13), "fragment");
    }
    byte[] bytes = payload.bytes;
    int protocol = payload.protocol;
    if (oneIn(6)) {
      int header = any(60, 51, 43);
      bytes = concat(header(header, protocol), bytes);
      protocol = header;
    }
    byte[] fragment = new byte[8];
    fragment[0] = (byte) protocol;
    ByteBuffer.wrap(fragment).putShort(2, (short) (offset | more)).putInt(4, id);
    bytes = concat(fragment, bytes);
    protocol = 44;
    if (oneIn(6)) {
      bytes = concat(header(60, protocol), bytes);
      protocol = 60;
    }
    return sent(way, ip(way, protocol, bytes, 0, 0), "fragment");
  }

  /** About a packet of a while ago, by its receiver or by a router. */
  private Sent error(boolean v4) {
    List<byte[]> candidates = history.frames(v4);
    if (candidates.isEmpty()) {
      return plain(v4);
    }
    byte[] about = any(candidates);
    byte[] quoted = Arrays.copyOfRange(about, 14, about.length);
    if (oneIn(3)) {
      quoted = Arrays.copyOf(quoted, random.nextInt(quoted.length) + 1);
    }
    int at = v4 ? 26 : 22;
    int bytes = v4 ? 4 : 16;
    IpAddress source = IpAddress.ofBytes(Arrays.copyOfRange(about, at, at + bytes));
    IpAddress destination =
        IpAddress.ofBytes(Arrays.copyOfRange(about, at + bytes, at + 2 * bytes));
    IpAddress from = oneIn(3) ? anybody(v4) : destination;
    if (from.isV4() != v4 || source.isV4() != v4) {
      return plain(v4);
    }
    byte[] message = new byte[8 + quoted.length];
    message[0] = (byte) (v4 ? any(3, 3, 11, 12) : any(1, 2, 2, 3, 4));
    System.arraycopy(quoted, 0, message, 8, quoted.length);
    Pod sender =
        pods.stream()
            .filter(pod -> own(pod, v4).equals(from) && !oneIn(10))
            .findFirst()
            .orElse(null);
    Way way = new Way(from, source, sender);
    return sent(way, ip(way, v4 ? ICMP : ICMPV6, message, 0, 0), "error");
  }

  private Sent arp() {
    Pod pod = any(pods);
    ByteBuffer arp = ByteBuffer.allocate(14 + 28 + any(0, 18));
    arp.putShort(12, (short) 0x0806).position(14);
    arp.putShort((short) (oneIn(8) ? 6 : 1)).putShort((short) (oneIn(8) ? 0x86dd : 0x0800));
    arp.put((byte) (oneIn(8) ? 8 : 6)).put((byte) (oneIn(8) ? 16 : 4)).putShort((short) any(1, 2));
    arp.put(pod.endpoint().device().podMac().bytes());
    IpAddress claimed = oneIn(2) ? pod.v4() : anybody(true);
    arp.put(claimed.bytes()).put(new byte[6]).put(TestNode.NODE4.bytes());
    return new Sent(arp.array(), oneIn(8) ? null : pod, "arp");
  }

  private Sent discovery() {
    Pod pod = any(pods);
    IpAddress source =
        any(List.of(pod.v6(), linkLocal(pod), IpAddress.parse("::"), anybody(false)));
    IpAddress destination =
        any(
            List.of(
                IpAddress.parse("ff02::1:ff00:1"),
                TestNode.NODE6,
                IpAddress.parse("fe80::1"),
                anybody(false)));
    IpAddress target = any(List.of(pod.v6(), linkLocal(pod), TestNode.NODE6, anybody(false)));
    byte[] message = new byte[any(24, 24, 32, 20)];
    message[0] = (byte) any(135, 136, 136, 133);
    System.arraycopy(target.bytes(), 0, message, 8, Math.min(16, message.length - 8));
    if (source.isV4() || destination.isV4() || target.isV4()) {
      return plain(false);
    }
    Way way = new Way(source, destination, oneIn(6) ? null : pod);
    byte[] frame = ip(way, ICMPV6, message, 0, 0);
    frame[21] = (byte) (oneIn(5) ? 64 : 255);
    return sent(way, frame, "discovery");
  }

  private static Sent sent(Way way, byte[] frame, String what) {
    return new Sent(frame, way.sender, what);
  }

  /** A frame; its lengths are right but for one in ten. */
  private byte[] ip(Way way, int protocol, byte[] payload, int id, int fragment) {
    boolean v4 = way.source.isV4();
    if (way.destination.isV4() != v4) {
      throw new IllegalStateException("families of " + way);
    }
    int options = v4 && oneIn(10) ? 4 : 0;
    int headerBytes = v4 ? 20 + options : 40;
    int lie = oneIn(10) ? any(-30, -8, -4, -1, 1, 4, 1000) : 0;
    int padding = oneIn(5) ? any(1, 6, 26) : 0;
    ByteBuffer frame = ByteBuffer.allocate(14 + headerBytes + payload.length + padding);
    frame.put(0, (byte) 2).put(6, (byte) 2);
    frame.putShort(12, (short) (v4 ? 0x0800 : 0x86dd)).position(14);
    int hopLimit = oneIn(10) ? any(0, 1, 2, 255) : 64;
    if (v4) {
      int length = oneIn(50) ? 0 : headerBytes + payload.length + lie;
      frame.put((byte) (0x40 | headerBytes / 4)).put((byte) 0).putShort((short) length);
      frame.putShort((short) id).putShort((short) fragment).put((byte) hopLimit);
      frame.put((byte) protocol).putShort((short) random.nextInt());
      frame.put(way.source.bytes()).put(way.destination.bytes()).put(new byte[options]);
    } else {
      int length = oneIn(50) ? 0 : payload.length + lie;
      frame.putInt(0x6000_0000).putShort((short) length);
      frame.put((byte) protocol).put((byte) hopLimit);
      frame.put(way.source.bytes()).put(way.destination.bytes());
    }
    return frame.put(payload).array();
  }

  private static byte[] concat(byte[] a, byte[] b) {
    byte[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  /** Other bytes here and there, or an end that comes too soon; the type stays. */
  private Sent mutated(Sent sent) {
    byte[] frame = sent.frame.clone();
    if (oneIn(4)) {
      // Newer kernels refuse a test run over less than an IP header.
      int least = TwinHistory.isIp(frame, false) ? 54 : 34;
      frame = Arrays.copyOf(frame, least + random.nextInt(Math.max(1, frame.length - least + 1)));
    } else {
      int changes = 1 + random.nextInt(3);
      for (int i = 0; i < changes; i++) {
        int at = 14 + random.nextInt(Math.max(1, Math.min(frame.length - 14, 80)));
        if (at < frame.length) {
          frame[at] = (byte) (oneIn(2) ? frame[at] ^ 1 << random.nextInt(8) : random.nextInt(256));
        }
      }
    }
    return new Sent(frame, sent.sender, "mutated " + sent.what);
  }
}
