// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.Identity;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.spi.IdentityBackend;
import io.cilium4j.core.spi.IdentityBackendProvider;
import io.cilium4j.core.spi.IdentityException;
import io.cilium4j.core.state.Table;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/** Endpoints for whose labels there is no identity left. */
class IdentityLimitTest extends AgentFixture {
  private static final String FULL = "no number free: label k8s:app has 65280 values";
  private static final String NEW = "app: new";

  private static final String POLICY =
      """
      apiVersion: cilium.io/v2
      kind: CiliumNetworkPolicy
      metadata: {name: closed, namespace: shop}
      spec:
        endpointSelector: {}
        ingress:
        - {}
      """;

  private final RecordingDatapath datapath = new RecordingDatapath();

  /** Whether labels with this one get no number. */
  private volatile boolean isFull = true;

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  @Override
  AgentBuilder<Agent> builder() {
    return super.builder().identityBackend(new Limited(), Map.of());
  }

  /** Numbers of the memory backend, as long as there are some. */
  private final class Limited implements IdentityBackendProvider {
    @Override
    public String name() {
      return "limited";
    }

    @Override
    public IdentityBackend open(Config config) {
      IdentityBackend memory =
          ServiceLoader.load(IdentityBackendProvider.class).stream()
              .map(ServiceLoader.Provider::get)
              .filter(each -> each.name().equals("memory"))
              .findFirst()
              .orElseThrow()
              .open(config);
      return new IdentityBackend() {
        @Override
        public String name() {
          return "limited";
        }

        @Override
        public Identity allocate(Labels labels) {
          if (isFull && labels.value("k8s", "app").orElse("").equals("new")) {
            throw new IdentityException("no identity for " + labels + ": " + FULL);
          }
          return memory.allocate(labels);
        }

        @Override
        public Identity restore(Identity former) {
          return memory.restore(former);
        }

        @Override
        public void release(int id) {
          memory.release(id);
        }

        @Override
        public Table<Integer, Identity> identities() {
          return memory.identities();
        }

        @Override
        public void close() {
          memory.close();
        }
      };
    }
  }

  private Endpoint attach(String label) {
    var mac = new MacAddress(41);
    return agent.attachEndpoint(
        new EndpointAttachment(
            0,
            "shop",
            "web",
            new Names("c-web", "", "eth0", "", "", "", false),
            Labels.parse(label),
            new EndpointInterface("lxc41", 41, mac, mac, ""),
            List.of(IpAddress.parse("192.0.2.41")),
            AddressOwner.OTHERS,
            Map.of()),
        Wait.UNTIL_READY);
  }

  private void writePod(String labels) throws Exception {
    writeManifest(
        "pod.yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {"
            + labels
            + "}}, spec: {containers: [{name: c, image: i}]}}\n");
  }

  private Endpoint await(int id, Predicate<Endpoint> wanted) throws InterruptedException {
    try (var watch = agent.endpoints().watch()) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (System.nanoTime() - end < 0) {
        var endpoint = watch.take(PATIENCE).snapshot().get(id);
        if (endpoint.filter(wanted).isPresent()) {
          return endpoint.get();
        }
      }
    }
    throw new AssertionError("it is " + agent.endpoints().get(id));
  }

  @Test
  void create_noNumberFree_isRefusedAndLeavesNothing() {
    var refusal = assertThrows(AgentException.class, () -> attach("k8s:app=new"));
    assertTrue(String.valueOf(refusal.getMessage()).endsWith(FULL), refusal.getMessage());
    assertEquals(0, agent.endpoints().snapshot().size());
    isFull = false;
    assertEquals(EndpointState.READY, attach("k8s:app=new").state());
  }

  @Test
  void labels_noNumberFree_waitsWithItsFormerIdentityUntilThereIsOne() throws Exception {
    writePod("app: web");
    Endpoint web = attach("k8s:app=web");
    writePod(NEW);
    Endpoint waiting = await(web.id(), each -> each.state() == EndpointState.WAITING_FOR_IDENTITY);
    assertEquals(web.identity(), waiting.identity());
    // What it has stays in force, and policy goes on: it returns once that is so.
    var _ = agent.applyPolicy(POLICY);
    assertEquals(
        web.identity(),
        Objects.requireNonNull(datapath.endpoints.get(web.id())).endpoint().identity());
    isFull = false;
    Endpoint ready =
        await(
            web.id(),
            each -> each.state() == EndpointState.READY && each.identity() != web.identity());
    assertEquals("new", ready.labels().value("k8s", "app").orElseThrow());
  }

  @Test
  void labels_noNumberFreeAndChangedBack_isReadyAgain() throws Exception {
    writePod("app: web");
    Endpoint web = attach("k8s:app=web");
    writePod(NEW);
    await(web.id(), each -> each.state() == EndpointState.WAITING_FOR_IDENTITY);
    writePod("app: web");
    Endpoint ready = await(web.id(), each -> each.state() == EndpointState.READY);
    assertEquals(web.identity(), ready.identity());
  }
}
