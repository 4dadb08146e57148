// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import io.cilium4j.core.IpAddress;
import io.cilium4j.core.IpFamily;
import io.cilium4j.datapath.net.Netns;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A host outside the cluster, behind a link to the node, with some addresses of each family. */
final class OutsideWorld implements AutoCloseable {

  /** On which it takes every connection. */
  static final int PORT = 443;

  private static final int WAIT_MILLIS = 3_000;

  /** The node passes on what pods send to it. */
  private static final List<String> FORWARDING =
      List.of("ipv4/ip_forward", "ipv6/conf/all/forwarding");

  private final String device;
  private final Netns netns;
  private final int octet;
  private final ServerSocket listening;
  private final List<Socket> accepted = new ArrayList<>();

  /**
   * @param octet keeps those of several tests apart
   */
  OutsideWorld(int octet) throws Exception {
    this.octet = octet;
    this.device = "itworld" + octet;
    this.netns = Netns.create("cilium4j-it-world-" + octet);
    for (String setting : FORWARDING) {
      Files.writeString(Path.of("/proc/sys/net", setting), "1");
    }
    String inside = netns.path().toString();
    run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", inside);
    run("ip", "link", "set", device, "up");
    run("ip", "address", "add", "198.51." + octet + ".1/24", "dev", device);
    run("ip", "-6", "address", "add", "2001:db8:" + octet + "::1/64", "dev", device, "nodad");
    in("ip", "link", "set", "lo", "up");
    in("ip", "link", "set", "eth0", "up");
    for (int i = 0; i < 8; i++) {
      in("ip", "address", "add", address(IpFamily.IPV4, i) + "/24", "dev", "eth0");
      in("ip", "-6", "address", "add", address(IpFamily.IPV6, i) + "/64", "dev", "eth0", "nodad");
    }
    in("ip", "route", "add", "default", "via", "198.51." + octet + ".1");
    in("ip", "-6", "route", "add", "default", "via", "2001:db8:" + octet + "::1");
    this.listening = netns.call(() -> new ServerSocket(PORT, 50, InetAddress.getByName("::")));
    Thread.ofPlatform().daemon().name("world").start(this::accept);
  }

  private static void run(String... command) throws Exception {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new IOException(String.join(" ", command) + ": " + said);
    }
  }

  private void in(String... command) throws Exception {
    List<String> all = new ArrayList<>(List.of("nsenter", "--net=" + netns.path()));
    all.addAll(List.of(command));
    run(all.toArray(String[]::new));
  }

  /** One of its addresses, from 0 to 7. */
  IpAddress address(IpFamily family, int number) {
    return IpAddress.parse(
        family == IpFamily.IPV4
            ? "198.51." + octet + "." + (10 + number)
            : "2001:db8:" + octet + "::" + (10 + number));
  }

  private void accept() {
    try {
      while (true) {
        accepted.add(listening.accept());
      }
    } catch (IOException e) {
      // The test is over.
    }
  }

  /** Connects to an address of it. */
  static Socket connect(Netns from, IpAddress to) throws IOException {
    return connect(from, to, WAIT_MILLIS);
  }

  static Socket connect(Netns from, IpAddress to, int waitMillis) throws IOException {
    return from.call(() -> {
      var socket = new Socket();
      try {
        socket.connect(new InetSocketAddress(to.toInetAddress(), PORT), waitMillis);
        return socket;
      } catch (IOException e) {
        socket.close();
        throw e;
      }
    });
  }

  @Override
  public void close() throws IOException {
    listening.close();
    for (Socket socket : accepted) {
      socket.close();
    }
    netns.close();
    Netns.delete(netns.path());
    try {
      run("ip", "link", "delete", device);
    } catch (Exception e) {
      // It went with its namespace.
    }
  }
}
