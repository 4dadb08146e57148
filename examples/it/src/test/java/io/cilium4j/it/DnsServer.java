// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** A DNS server in a pod, and who asks it: over UDP and TCP, by the bytes of the messages. */
final class DnsServer implements AutoCloseable {

  static final int PORT = 53;
  static final int A = 1;
  static final int AAAA = 28;
  private static final int CNAME = 5;
  private static final int HEADER_BYTES = 12;
  private static final int WAIT_MILLIS = 5_000;
  private static final int MAX_BYTES = 65_535;

  /** What a name has: an alias for another, and addresses. */
  record Zone(List<String> cnames, List<IpAddress> addresses, Duration timeToLive) {
    static Zone of(Duration timeToLive, IpAddress... addresses) {
      return new Zone(List.of(), List.of(addresses), timeToLive);
    }
  }

  /** The questions that came, as {@code ADDRESS NAME TYPE}. */
  final List<String> asked = new CopyOnWriteArrayList<>();

  /** Where the datagrams among them came from. */
  final List<Integer> ports = new CopyOnWriteArrayList<>();

  /** What it answers, by name; other names do not exist. */
  final Map<String, Zone> zones = new ConcurrentHashMap<>();

  private final List<DatagramSocket> datagrams = new ArrayList<>();
  private final ServerSocket listening;

  /** One at each address of a namespace. */
  DnsServer(Netns netns) throws IOException {
    this(netns, List.of(new InetSocketAddress(PORT)));
  }

  /**
   * One at these addresses, in a namespace that has several: its answers come from the one that was
   * asked.
   */
  DnsServer(Netns netns, Collection<IpAddress> addresses) throws IOException {
    this(
        netns,
        addresses.stream().map(each -> new InetSocketAddress(each.toInetAddress(), PORT)).toList());
  }

  private DnsServer(Netns netns, List<InetSocketAddress> places) throws IOException {
    listening = netns.call(() -> new ServerSocket(PORT));
    for (InetSocketAddress place : places) {
      DatagramSocket socket = netns.call(() -> new DatagramSocket(place));
      datagrams.add(socket);
      Thread.ofPlatform().daemon().name("dns-udp").start(() -> serveDatagrams(socket));
    }
    Thread.ofPlatform().daemon().name("dns-tcp").start(this::serveConnections);
  }

  private void serveDatagrams(DatagramSocket datagrams) {
    var packet = new DatagramPacket(new byte[MAX_BYTES], MAX_BYTES);
    try {
      while (true) {
        packet.setLength(MAX_BYTES);
        datagrams.receive(packet);
        var from = (InetSocketAddress) packet.getSocketAddress();
        ports.add(from.getPort());
        byte[] answer = answer(from, ByteBuffer.wrap(packet.getData(), 0, packet.getLength()));
        datagrams.send(new DatagramPacket(answer, answer.length, from));
      }
    } catch (IOException e) {
      // The test is over.
    }
  }

  private void serveConnections() {
    try {
      while (true) {
        Socket socket = listening.accept();
        Thread.ofPlatform().daemon().start(() -> serve(socket));
      }
    } catch (IOException e) {
      // The test is over.
    }
  }

  private void serve(Socket socket) {
    try (socket;
        var in = new DataInputStream(socket.getInputStream());
        var out = new DataOutputStream(socket.getOutputStream())) {
      while (true) {
        byte[] question = in.readNBytes(in.readUnsignedShort());
        byte[] answer =
            answer((InetSocketAddress) socket.getRemoteSocketAddress(), ByteBuffer.wrap(question));
        out.writeShort(answer.length);
        out.write(answer);
        out.flush();
      }
    } catch (IOException e) {
      // The client is gone.
    }
  }

  private byte[] answer(InetSocketAddress from, ByteBuffer question) {
    question.position(HEADER_BYTES);
    String name = name(question);
    int type = question.getShort();
    int end = question.position() + 2;
    asked.add(IpAddress.of(from.getAddress()) + " " + name + " " + type);
    Zone zone = zones.get(name);
    var out = new ByteArrayOutputStream();
    var answer = new DataOutputStream(out);
    try {
      List<IpAddress> addresses =
          zone == null
              ? List.of()
              : zone.addresses().stream()
                  .filter(each -> (each.family() == IpFamily.IPV4) == (type == A))
                  .toList();
      answer.writeShort(question.getShort(0));
      answer.writeShort(zone == null ? 0x8183 : 0x8180);
      answer.writeShort(1);
      answer.writeShort(zone == null ? 0 : zone.cnames().size() + addresses.size());
      answer.writeInt(0);
      answer.write(question.array(), question.arrayOffset() + HEADER_BYTES, end - HEADER_BYTES);
      String owner = name;
      if (zone != null) {
        for (String target : zone.cnames()) {
          record(answer, owner, CNAME, zone.timeToLive(), encoded(target));
          owner = target;
        }
        for (IpAddress address : addresses) {
          record(answer, owner, type, zone.timeToLive(), address.bytes());
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  private static void record(
      DataOutputStream to, String owner, int type, Duration timeToLive, byte[] data)
      throws IOException {
    to.write(encoded(owner));
    to.writeShort(type);
    to.writeShort(1);
    to.writeInt((int) timeToLive.toSeconds());
    to.writeShort(data.length);
    to.write(data);
  }

  private static String name(ByteBuffer from) {
    var name = new StringBuilder();
    for (int length = from.get(); length > 0; length = from.get()) {
      var label = new byte[length];
      from.get(label);
      name.append(new String(label, StandardCharsets.US_ASCII)).append('.');
    }
    return name.toString();
  }

  private static byte[] encoded(String name) {
    var out = new ByteArrayOutputStream();
    // Behind the closing dot is the root, which has no bytes.
    for (String label : name.split("\\.", -1)) {
      out.write(label.length());
      out.writeBytes(label.getBytes(StandardCharsets.US_ASCII));
    }
    return out.toByteArray();
  }

  @Override
  public void close() throws IOException {
    datagrams.forEach(DatagramSocket::close);
    listening.close();
  }

  // ---- the client

  /** What a client was told. */
  record Answer(int rcode, List<IpAddress> addresses) {}

  /** The message that asks for a name. */
  static byte[] question(int id, String name, int type) {
    byte[] encoded = encoded(name);
    return ByteBuffer.allocate(HEADER_BYTES + encoded.length + 4)
        .putShort((short) id)
        .putShort((short) 0x0100)
        .putShort((short) 1)
        .putShort((short) 0)
        .putInt(0)
        .put(encoded)
        .putShort((short) type)
        .putShort((short) 1)
        .array();
  }

  /** Asks over UDP. */
  static Answer ask(Netns from, IpAddress server, String name, int type) throws IOException {
    int id = name.hashCode() & 0xffff;
    byte[] answer = exchange(from, server, question(id, name, type));
    if (ByteBuffer.wrap(answer).getShort() != (short) id) {
      throw new IOException("an answer with another id");
    }
    return read(answer);
  }

  /** Sends a datagram and gives the one that answers it. */
  static byte[] exchange(Netns from, IpAddress server, byte[] question) throws IOException {
    DatagramSocket asking = from.call(() -> new DatagramSocket());
    try (asking) {
      asking.setSoTimeout(WAIT_MILLIS);
      // Connected: an answer from elsewhere is none.
      asking.connect(new InetSocketAddress(server.toInetAddress(), PORT));
      asking.send(new DatagramPacket(question, question.length));
      var answer = new DatagramPacket(new byte[MAX_BYTES], MAX_BYTES);
      asking.receive(answer);
      return Arrays.copyOf(answer.getData(), answer.getLength());
    }
  }

  /** Asks for several names over one TCP connection, one after the other. */
  static List<Answer> askByTcp(Netns from, IpAddress server, int type, String... names)
      throws IOException {
    Socket socket =
        from.call(() -> {
          var made = new Socket();
          made.connect(new InetSocketAddress(server.toInetAddress(), PORT), WAIT_MILLIS);
          return made;
        });
    List<Answer> answers = new ArrayList<>();
    try (socket;
        var out = new DataOutputStream(socket.getOutputStream());
        var in = new DataInputStream(socket.getInputStream())) {
      socket.setSoTimeout(WAIT_MILLIS);
      for (String name : names) {
        byte[] question = question(7, name, type);
        out.writeShort(question.length);
        out.write(question);
        out.flush();
        answers.add(read(in.readNBytes(in.readUnsignedShort())));
      }
    }
    return answers;
  }

  private static Answer read(byte[] message) {
    ByteBuffer in = ByteBuffer.wrap(message);
    int rcode = in.getShort(2) & 0xf;
    int records = in.getShort(6);
    List<IpAddress> addresses = new ArrayList<>();
    in.position(HEADER_BYTES);
    if (in.getShort(4) == 1) {
      var _ = name(in);
      in.position(in.position() + 4);
    }
    for (int i = 0; i < records; i++) {
      var _ = name(in);
      int type = in.getShort();
      in.position(in.position() + 6);
      var data = new byte[in.getShort()];
      in.get(data);
      if (type != CNAME) {
        addresses.add(IpAddress.ofBytes(data));
      }
    }
    return new Answer(rcode, addresses);
  }
}
