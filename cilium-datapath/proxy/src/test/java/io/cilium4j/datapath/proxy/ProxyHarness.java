// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.datapath.proxy;

import io.cilium4j.core.L7Rules;
import io.cilium4j.core.L7Rules.HttpRule;
import io.cilium4j.core.RequestMatcher;
import io.cilium4j.core.RuleOrigin;
import io.cilium4j.core.TrafficDirection;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;

/** A proxy on loopback in front of one server, with rules that a test can change. */
final class ProxyHarness implements Closeable {
  static final RuleOrigin RULE =
      new RuleOrigin(7, "CiliumNetworkPolicy/default/rule1", "spec.ingress[0].toPorts[0]");

  static final Check INGRESS = new Check(258, TrafficDirection.INGRESS, 300, 6, 80);

  private final HttpProxy proxy;
  private final List<AccessRecord> records = new CopyOnWriteArrayList<>();
  private volatile RequestMatcher matcher;

  ProxyHarness(InetSocketAddress server, RequestMatcher matcher) {
    this(server, matcher, Limits.DEFAULT);
  }

  ProxyHarness(InetSocketAddress server, RequestMatcher matcher, Limits limits) {
    this.matcher = matcher;
    FlowResolver flows =
        (client, _) -> Optional.of(new ProxiedFlow(client, server, 300, 400, List.of(INGRESS)));
    proxy =
        HttpProxy.start(
            new HttpProxy.Config(
                "http",
                List.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
                ProxyNetwork.PLAIN,
                flows,
                _ -> this.matcher,
                records::add,
                limits,
                2));
  }

  /** What lets requests through that one of these matches. */
  static RequestMatcher rules(HttpRule... rules) {
    return RequestMatcher.builder()
        .http(RULE, new L7Rules.Http(List.of(rules)), _ -> Optional.empty())
        .otherRequests(RequestMatcher.Decision.deny(RULE))
        .build();
  }

  static HttpRule rule(String method, String path) {
    return new HttpRule(path, method, "", List.of(), List.of());
  }

  void rules(RequestMatcher other) {
    matcher = other;
  }

  HttpProxy proxy() {
    return proxy;
  }

  InetSocketAddress address() {
    return proxy.addresses().getFirst();
  }

  String url(String path) {
    return "http://127.0.0.1:" + address().getPort() + path;
  }

  List<AccessRecord> records() {
    return records;
  }

  /** Keeps no record of what was until now. */
  void forget() {
    records.clear();
  }

  /** A connection to the proxy. */
  Socket connect() throws IOException {
    var socket = new Socket();
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(20_000);
    socket.connect(address());
    return socket;
  }

  /** Sends bytes, and reads until the proxy ends the connection. */
  String exchange(String text) throws IOException {
    try (Socket socket = connect()) {
      socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
      socket.shutdownOutput();
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    }
  }

  @Override
  public void close() {
    proxy.close();
  }
}
