// SPDX-License-Identifier: Apache-2.0
package io.cilium4j.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cilium4j.agent.EndpointDetails.AddressOwner;
import io.cilium4j.agent.EndpointDetails.Names;
import io.cilium4j.core.Endpoint;
import io.cilium4j.core.EndpointInterface;
import io.cilium4j.core.EndpointState;
import io.cilium4j.core.IpAddress;
import io.cilium4j.core.Labels;
import io.cilium4j.core.MacAddress;
import io.cilium4j.core.TrafficDirection;
import io.cilium4j.core.Verdict;
import io.cilium4j.policy.controller.EnforcementStatus;
import io.cilium4j.policy.controller.PolicyProgress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who may say what of an endpoint, and what it is while nobody has said enough. */
class EndpointLabelsTest extends AgentFixture {
  private static final int TCP = 6;
  private static final String NAMESPACE_LABEL = "io.cilium.k8s.namespace.labels.";

  private final RecordingDatapath datapath = new RecordingDatapath();

  @Override
  RecordingDatapath datapath() {
    return datapath;
  }

  private int lastDevice = 40;

  /** Makes an endpoint as a CNI plugin does. */
  private Endpoint attach(String namespace, String name, String... labels) {
    lastDevice++;
    var mac = new MacAddress(lastDevice);
    return agent.attachEndpoint(
        new EndpointAttachment(
            0,
            namespace,
            name,
            new Names("c-" + name, "", "eth0", "", "", "", false),
            Labels.parse(labels),
            new EndpointInterface("lxc" + lastDevice, lastDevice, mac, mac, ""),
            List.of(IpAddress.parse("192.0.2." + lastDevice)),
            AddressOwner.OTHERS,
            Map.of()),
        Wait.UNTIL_READY);
  }

  private void writeNamespace(String name, String labels) throws Exception {
    writeManifest(
        "ns-" + name + ".yaml",
        "{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}}}\n"
            .formatted(name, labels));
  }

  private void writePod(String namespace, String name, String labels) throws Exception {
    writeManifest(
        "pod-" + name + ".yaml",
        "{apiVersion: v1, kind: Pod, metadata: {name: %s, namespace: %s, labels: {%s}},"
                .formatted(name, namespace, labels)
            + " spec: {containers: [{name: c, image: i}]}}\n");
  }

  private Endpoint await(int id, Predicate<Labels> wanted) throws InterruptedException {
    try (var watch = agent.endpoints().watch()) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (System.nanoTime() - end < 0) {
        var endpoint = watch.take(PATIENCE).snapshot().get(id);
        if (endpoint.map(Endpoint::labels).filter(wanted).isPresent()) {
          return endpoint.get();
        }
      }
    }
    throw new AssertionError("labels are " + agent.endpoints().get(id).map(Endpoint::labels));
  }

  private Labels labelsOf(int id) {
    return agent.endpoints().get(id).orElseThrow().labels();
  }

  private static String value(Labels labels, String key) {
    return labels.value("k8s", key).orElse("none");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "k8s:io.kubernetes.pod.namespace=kube-system",
        "container:io.kubernetes.pod.namespace=kube-system",
        "k8s:io.cilium.k8s.namespace.labels.team=root",
        "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=kube-system",
        "k8s:io.cilium.k8s.policy.serviceaccount=admin",
        "k8s:io.cilium.k8s.policy.cluster=other",
        "k8s:app=other",
        "unspec:app=other",
        "reserved:host",
        "fqdn:bank.example",
        "cidr:10.0.0.0/8",
        "k8s:pod-template-hash=other"
      })
  void userLabels_ofWhatTheOrchestratorTells_areRefused(String label) {
    Endpoint web = attach("shop", "web", "k8s:app=web", "k8s:pod-template-hash=1");
    var refusal =
        assertThrows(
            IllegalArgumentException.class,
            () -> agent.setUserLabels(web.id(), Labels.parse("k8s:tier=gold", label)));
    assertTrue(String.valueOf(refusal.getMessage()).contains(label), refusal.getMessage());
    assertEquals(web.labels(), labelsOf(web.id()));
  }

  @Test
  void userLabels_byTheirSide_countAndOutliveARestart() {
    Endpoint web = attach("shop", "web", "k8s:app=web");
    assertTrue(agent.setUserLabels(web.id(), Labels.parse("k8s:tier=gold")));
    Labels labels = labelsOf(web.id());
    assertEquals(web.labels().with(Labels.parse("k8s:tier=gold").sorted()), labels);
    restart();
    assertEquals(labels, labelsOf(web.id()));
  }

  /** A file of an earlier version, or of somebody who wrote into it. */
  @Test
  void userLabels_thatPretendInAnEarlierFile_doNotCount() throws Exception {
    Endpoint web = attach("shop", "web", "k8s:app=web");
    agent.stop();
    Path file = temp.resolve("state/endpoints/" + web.id() + ".json");
    String text = Files.readString(file);
    String pretended =
        text.replace(
                "\"userLabels\" : [ ]",
                "\"userLabels\" : [ \"k8s:app=admin\","
                    + " \"reserved:host\", \"k8s:io.kubernetes.pod.namespace=kube-system\" ]")
            .replaceFirst("\"k8s:app=web\"", "\"k8s:app=admin\"")
            .replaceFirst("pod.namespace=shop", "pod.namespace=kube-system");
    assertFalse(pretended.equals(text));
    Files.writeString(file, pretended);
    agent = newAgent();
    agent.start();
    assertEquals(web.labels(), labelsOf(web.id()));
  }

  @Test
  void podKnownByItsRuntimeAlone_tellingWhatOnlyTheClusterCan_isNotBelieved() {
    Endpoint web =
        attach(
            "shop",
            "web",
            "k8s:app=web",
            "k8s:io.cilium.k8s.namespace.labels.team=root",
            "k8s:io.cilium.k8s.policy.serviceaccount=admin",
            "k8s:io.kubernetes.pod.namespace=kube-system");
    assertEquals("shop", value(web.labels(), "io.kubernetes.pod.namespace"));
    assertEquals("none", value(web.labels(), NAMESPACE_LABEL + "team"));
    assertEquals("default", value(web.labels(), "io.cilium.k8s.policy.serviceaccount"));
    Endpoint nowhere =
        attach("", "box", "container:app=box", "k8s:io.kubernetes.pod.namespace=kube-system");
    assertEquals(Labels.parse("container:app=box"), nowhere.labels());
  }

  @Test
  void podKnownByItsRuntimeAlone_followsItsNamespace() throws Exception {
    writeNamespace("shop", "team: blue");
    Endpoint web = attach("shop", "web", "k8s:app=web");
    await(web.id(), labels -> value(labels, NAMESPACE_LABEL + "team").equals("blue"));
    writeNamespace("shop", "team: red");
    Labels red =
        await(web.id(), labels -> value(labels, NAMESPACE_LABEL + "team").equals("red")).labels();
    assertEquals("web", value(red, "app"));
    restart();
    assertEquals(red, labelsOf(web.id()));
    writeNamespace("shop", "");
    await(web.id(), labels -> value(labels, NAMESPACE_LABEL + "team").equals("none"));
  }

  /** A restarted agent compiles anew; the datapath enforces what it had meanwhile. */
  private PolicyProgress awaitReady(int id) throws InterruptedException {
    try (var watch = agent.endpoints().watch()) {
      long end = System.nanoTime() + PATIENCE.toNanos();
      while (System.nanoTime() - end < 0) {
        var endpoint = watch.take(PATIENCE).snapshot().get(id);
        if (endpoint.filter(each -> each.state() == EndpointState.READY).isPresent()) {
          return agent.policyProgress(endpoint.get()).orElseThrow();
        }
      }
    }
    throw new AssertionError("not ready: " + agent.endpoints().get(id));
  }

  private void assertInitAndClosed(int id) throws InterruptedException {
    assertEquals(Labels.parse("reserved:init"), labelsOf(id));
    var row = Objects.requireNonNull(datapath.endpoints.get(id));
    assertEquals(5, row.endpoint().identity());
    for (TrafficDirection direction : TrafficDirection.values()) {
      assertEquals(Verdict.DENIED, row.policy().verdict(direction, 2, TCP, 80));
    }
    assertEquals(EnforcementStatus.BOTH, awaitReady(id).enforcement());
  }

  @Test
  void podNamedBeforeItsObject_isInitAndClosedUntilItIsKnown() throws Exception {
    Endpoint web = attach("shop", "web");
    assertInitAndClosed(web.id());
    writeNamespace("shop", "team: blue");
    restart();
    assertInitAndClosed(web.id());
    writePod("shop", "web", "app: web");
    Labels known = await(web.id(), labels -> value(labels, "app").equals("web")).labels();
    assertFalse(known.hasReserved("init"));
    assertEquals("shop", value(known, "io.kubernetes.pod.namespace"));
    restart();
    assertEquals(known, labelsOf(web.id()));
  }

  @Test
  void podNamedBeforeItsObject_labelledByItsRuntimeOrByHand_isInitNoMore() throws Exception {
    Endpoint web = attach("shop", "web");
    assertTrue(agent.setRuntimeLabels(web.id(), Labels.parse("k8s:app=web")));
    assertEquals("web", value(labelsOf(web.id()), "app"));
    Endpoint db = attach("shop", "db");
    assertTrue(agent.setUserLabels(db.id(), Labels.parse("k8s:app=db")));
    assertEquals("db", value(labelsOf(db.id()), "app"));
    for (int id : new int[] {web.id(), db.id()}) {
      assertFalse(labelsOf(id).hasReserved("init"));
      assertEquals("shop", value(labelsOf(id), "io.kubernetes.pod.namespace"));
    }
    Labels before = labelsOf(web.id());
    restart();
    assertEquals(before, labelsOf(web.id()));
    assertTrue(agent.setUserLabels(db.id(), Labels.EMPTY));
    assertInitAndClosed(db.id());
  }

  @Test
  void runtimeLabels_otherThanKubernetesTells_areRefused() throws Exception {
    Endpoint web = attach("shop", "web");
    writePod("shop", "web", "app: web");
    await(web.id(), labels -> value(labels, "app").equals("web"));
    assertTrue(agent.setRuntimeLabels(web.id(), Labels.parse("k8s:app=web")));
    assertThrows(
        IllegalArgumentException.class,
        () -> agent.setRuntimeLabels(web.id(), Labels.parse("k8s:app=admin")));
    assertEquals("web", value(labelsOf(web.id()), "app"));
    assertFalse(agent.setRuntimeLabels(4711, Labels.parse("k8s:app=web")));
  }
}
