// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.IpAddress;
import io.cilium4j.it.Requests.Client;
import io.cilium4j.it.Requests.Recorder;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Rules on requests beside other rules, of other peers, ports and endpoints. */
@Timeout(180)
class HttpPeersKernelIT {
  private static final int PORT = 8080;

  /** What is asked of alice's requests is not asked of others', and their rules do not help her. */
  private static final String PEERS =
      """
      endpointSelector:
        matchLabels: {app: bob}
      ingress:
      - fromEndpoints: [{matchLabels: {app: alice}}]
        toPorts:
        - ports: [{port: "8080", protocol: TCP}]
          rules: {http: [{method: GET, path: /ok}]}
      - fromEndpoints: [{matchLabels: {app: carol}}]
        toPorts:
        - ports: [{port: "8000", endPort: 8999, protocol: TCP}]
      - fromEndpoints: [{matchLabels: {app: dave}}]
      """;

  private static String onlyGet(String endpoint, String path) {
    return """
    endpointSelector:
      matchLabels: {app: %s}
    ingress:
    - fromEndpoints: [{matchLabels: {app: alice}}]
      toPorts:
      - ports: [{port: "8080", protocol: TCP}]
        rules: {http: [{method: GET, path: %s}]}
    """
        .formatted(endpoint, path);
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void peers_withOtherRulesOnOnePort_areKeptApart(String datapath) throws Exception {
    try (var lab = new Lab("itp", datapath, 36)) {
      lab.agent().start();
      List<String> peers = List.of("alice", "carol", "dave");
      peers.forEach(lab::pod);
      Endpoint bob = lab.pod("bob");
      lab.apply("peers", PEERS);
      try (var _ = new Recorder(lab.netns("bob"), PORT)) {
        for (IpAddress address : bob.addresses()) {
          List<Client> clients = new ArrayList<>();
          for (String peer : peers) {
            clients.add(Client.open(lab.netns(peer), address, PORT));
          }
          for (int round = 0;
              round < 3;
              round++) { // Connections that are open see no others' rules.
            assertEquals(200, clients.get(0).ask("GET", "/ok"));
            assertEquals(403, clients.get(0).ask("GET", "/no"));
            assertEquals(200, clients.get(1).ask("GET", "/no"));
            assertEquals(200, clients.get(2).ask("PUT", "/no"));
          }
          for (Client client : clients) {
            client.close();
          }
        }
      }
    }
  }

  /** One proxy asks both: alice's rules want a header, bob's the path. */
  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void requests_ofRulesAtBothEndsOfOneNode_passBoth(String datapath) throws Exception {
    try (var lab = new Lab("itb", datapath, 40)) {
      lab.agent().start();
      Endpoint alice = lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      lab.apply("ingress", onlyGet("bob", "/ok"));
      lab.apply(
          "egress",
          """
          endpointSelector:
            matchLabels: {app: alice}
          egress:
          - toEndpoints: [{matchLabels: {app: bob}}]
            toPorts:
            - ports: [{port: "8080", protocol: TCP}]
              rules: {http: [{headers: ["X-Ship: tie"]}]}
          """);
      try (var recorder = new Recorder(lab.netns("bob"), PORT);
          Client client = Client.open(lab.netns("alice"), bob.addresses().getFirst(), PORT)) {
        assertEquals(200, client.ask("GET", "/ok", "X-Ship: tie\r\n"));
        assertEquals(403, client.ask("GET", "/ok", "X-Ship: xwing\r\n"));
        assertEquals(403, client.ask("GET", "/no", "X-Ship: tie\r\n"));
        assertEquals(
            List.of(alice.addresses().getFirst() + " " + client.socket().getLocalPort()),
            recorder.seen);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ebpf", "memory"})
  void rules_ofAnotherEndpoint_leaveOpenConnectionsAlone(String datapath) throws Exception {
    try (var lab = new Lab("itq", datapath, 37)) {
      lab.agent().start();
      lab.pod("alice");
      Endpoint bob = lab.pod("bob");
      Endpoint eve = lab.pod("eve");
      lab.apply("bob", onlyGet("bob", "/ok"));
      lab.apply("eve", onlyGet("eve", "/a"));
      try (var _ = new Recorder(lab.netns("bob"), PORT);
          var _ = new Recorder(lab.netns("eve"), PORT);
          Client toBob = Client.open(lab.netns("alice"), bob.addresses().getFirst(), PORT);
          Client toEve = Client.open(lab.netns("alice"), eve.addresses().getFirst(), PORT)) {
        for (String path : List.of("/a", "/b", "/c", "/d")) {
          lab.apply("eve", onlyGet("eve", path));
          int status = 403;
          while (status != 200) { // The former rules act until the new ones are read.
            status = toEve.ask("GET", path);
          }
          assertEquals(403, toEve.ask("GET", "/ok"));
          assertEquals(200, toBob.ask("GET", "/ok"));
          assertEquals(403, toBob.ask("GET", path));
        }
      }
    }
  }
}
