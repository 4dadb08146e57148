// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.embedded;

// @start region=guard-service
import com.sun.net.httpserver.HttpServer;
import io.cilium4j.datapath.proxy.PolicyFilter;
import io.cilium4j.policy.IdentityResolver;
import io.cilium4j.policy.Party;
import io.cilium4j.policy.PolicySet;
import io.cilium4j.policy.PortProtocol;
import io.cilium4j.policy.ServicePolicy;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** A service that enforces its own network policy: no proxy, no kernel, no privileges. */
public final class GuardService {
  private GuardService() {}

  /** The deathstar, which lets those land whom the policy lets. */
  static HttpServer start(String policy, IdentityResolver callers) throws IOException {
    var deathstar = Party.pod("default", "org=empire,class=deathstar");
    var rules =
        new ServicePolicy(
            PolicySet.parse(policy, "rule1.yaml"), deathstar, PortProtocol.tcp(80), callers);
    var address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
    HttpServer server = HttpServer.create(address, 0);
    server
        .createContext(
            "/",
            exchange -> {
              exchange.sendResponseHeaders(200, -1);
              exchange.close();
            })
        .getFilters()
        .add(new PolicyFilter(rules::matcher, denial -> System.err.println(denial)));
    server.start();
    return server;
  }
}
// @end region=guard-service
