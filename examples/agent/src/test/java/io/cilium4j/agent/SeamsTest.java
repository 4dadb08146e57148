// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.core.Endpoint;
import io.cilium4j.core.Flow;
import io.cilium4j.core.IpPrefix;
import io.cilium4j.core.Node;
import io.cilium4j.core.Verdict;
import io.cilium4j.core.spi.FlowSink;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IpamAllocator;
import io.cilium4j.core.spi.IpamMode;
import io.cilium4j.identity.MemoryIdentityBackendProvider;
import io.cilium4j.ipam.StaticMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each seam of an agent, chosen by name and by instance. */
class SeamsTest {
  private static final IpPrefix CHOSEN = IpPrefix.parse("10.9.0.0/28");

  @TempDir private Path temp;
  private final DecidingDatapath datapath = new DecidingDatapath();

  private AgentBuilder<Agent> builder() {
    return Agent.builder()
        .instance("t")
        .datapath(datapath)
        .stateFolder(temp.resolve("state"))
        .podCidrs(CHOSEN);
  }

  private Endpoint create(Agent agent, String pod) throws Exception {
    Path netns = Files.createFile(temp.resolve("netns-" + pod));
    return agent.createEndpoint(
        new EndpointRequest("default", pod, Map.of("app", pod), netns.toString()));
  }

  @Test
  void ipam_byName_givesTheAddresses() throws Exception {
    try (Agent agent = builder().ipam("static", Map.of("cidrs", CHOSEN.toString())).build()) {
      agent.start();
      assertTrue(CHOSEN.contains(create(agent, "a").addresses().getFirst()));
    }
  }

  @Test
  void ipam_byInstance_givesTheAddresses() throws Exception {
    var opened = new AtomicBoolean();
    var mode =
        new IpamMode() {
          @Override
          public String name() {
            return "mine";
          }

          @Override
          public IpamAllocator open(Node node, Map<String, String> options) {
            opened.set(true);
            return new StaticMode().open(node, options);
          }
        };
    try (Agent agent = builder().ipam(mode, Map.of("cidrs", CHOSEN.toString())).build()) {
      agent.start();
      assertTrue(CHOSEN.contains(create(agent, "a").addresses().getFirst()));
    }
    assertTrue(opened.get());
  }

  @Test
  void identityBackend_byNameAndByInstance_givesTheNumbers() throws Exception {
    try (Agent agent = builder().identityBackend("memory", Map.of("rest-seconds", "60")).build()) {
      agent.start();
      assertTrue(create(agent, "a").identity() >= 256);
      agent.destroy();
    }
    var provider =
        new IdentityBackendProvider() {
          private boolean opened;

          @Override
          public String name() {
            return "mine";
          }

          @Override
          public IdentityBackend open(Config config) {
            opened = true;
            return new MemoryIdentityBackendProvider().open(config);
          }
        };
    try (Agent agent = builder().identityBackend(provider, Map.of()).build()) {
      agent.start();
      assertTrue(create(agent, "b").identity() >= 256);
    }
    assertTrue(provider.opened);
  }

  @Test
  void flowSink_byInstanceAndByName_getsTheFlows() throws Exception {
    BlockingQueue<Flow> flows = new LinkedBlockingQueue<>();
    var closed = new AtomicBoolean();
    FlowSink sink =
        new FlowSink() {
          @Override
          public void accept(Flow flow) {
            flows.add(flow);
          }

          @Override
          public void close() {
            closed.set(true);
          }
        };
    Path file = temp.resolve("flows.json");
    try (Agent agent =
        builder().flowSink(sink).flowSink("file", Map.of("path", file.toString())).build()) {
      agent.start();
      Endpoint alice = create(agent, "alice");
      Endpoint bob = create(agent, "bob");
      var _ =
          agent.applyPolicy(
              """
              apiVersion: networking.k8s.io/v1
              kind: NetworkPolicy
              metadata: {name: closed, namespace: default}
              spec: {podSelector: {}, policyTypes: [Ingress]}
              """);
      assertFalse(datapath.passes(alice, bob, 80));
      Flow flow = flows.poll(20, TimeUnit.SECONDS);
      assertEquals(Verdict.DENIED, flow == null ? null : flow.verdict());
    }
    assertTrue(closed.get());
    assertTrue(Files.readString(file).contains("\"verdict\":\"denied\""), Files.readString(file));
  }

  @Test
  void start_nameThatNobodyHas_namesTheOthersAndLeavesNothing() {
    for (AgentBuilder<Agent> wrong :
        List.of(
            builder().ipam("statik", Map.of()),
            builder().identityBackend("memori", Map.of()),
            builder().flowSink("fail", Map.of()),
            builder().source("directori", Map.of()))) {
      try (Agent agent = wrong.build()) {
        var e = assertThrows(AgentException.class, agent::start);
        String text = String.valueOf(e.getMessage());
        assertTrue(text.contains("no such implementation is installed; there are "), text);
        assertTrue(text.matches("(?s).*(static|memory|file|directory).*"), text);
      }
    }
  }
}
